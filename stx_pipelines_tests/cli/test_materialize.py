"""Dagster's history is opened by one process at a time, and trouble with it is one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stx_pipelines.cli import materialize
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.sync.stacks.sync import StacksSync
from stx_pipelines_tests.cli.folders import ERROR, Run
from stx_pipelines_tests.faults.disks import small_disk
from stx_pipelines_tests.world import ROOT, World


def test_two_processes_never_make_dagsters_tables_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(materialize, "_OPENING_SECONDS", 0.0)
    with locked(Path(".dagster") / "opening.lock", "test", wait=0), pytest.raises(Busy, match="Dagster's history"):
        materialize.open_instance()
    with materialize.open_instance() as instance:
        assert instance.get_runs() == []


@pytest.mark.parametrize(
    ("home", "dagster_yaml", "said"),
    [
        ("relative", "", "must be the absolute path of a folder, or unset"),
        ("{here}/missing", "", "must be the absolute path of a folder, or unset"),
        ("{here}", "storage: [oops", "while parsing a flow sequence"),
        ("{here}", "nonsense: 3", 'unexpected config entry "nonsense"'),
        ("{here}", "storage: {postgres: {postgres_url: {env: NO_SUCH_NAME}}}", "NO_SUCH_NAME"),
        ("{here}", "event_log_storage: {module: of_another_project, class: Log, config: {}}", "of_another_project"),
    ],
)
def test_a_home_that_cannot_be_used_is_one_sentence(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str, dagster_yaml: str, said: str
) -> None:
    (tmp_path / "dagster.yaml").write_text(dagster_yaml)
    monkeypatch.setenv("DAGSTER_HOME", home.format(here=tmp_path))
    done = run(world, "sync")
    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (ERROR, True)
    sentence = done.stderr.splitlines()[-1]  # after the progress bar
    assert sentence.startswith("error: ")
    assert said in sentence


def test_a_full_disk_under_the_history_is_one_sentence_and_loses_no_day(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk.folder / "dagster.yaml").write_text("telemetry: {enabled: false}")
        monkeypatch.setenv("DAGSTER_HOME", str(disk.folder))
        materialize.open_instance().dispose()
        disk.fill()
        done = run(world, "sync")
        assert (done.exit_code, isinstance(done.exception, SystemExit)) == (ERROR, True)
        sentence = done.stderr.splitlines()[-1]  # after the progress bar
        assert "Dagster's history could not be " in sentence
        disk.free()
        world.stored()


def test_a_step_that_failed_with_an_unknown_error_is_shown_with_it(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(StacksSync, "sync", broken)
    done = run(world, "sync", "--chain", "stacks")
    assert done.exit_code == ERROR
    assert "failed: ZeroDivisionError: a bug; its log is in the Dagster UI\n" in done.stderr

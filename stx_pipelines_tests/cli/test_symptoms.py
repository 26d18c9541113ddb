"""Symptoms of docs/runbook.md that no other test produces, each with the advice followed to the end."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pytest

from stx_pipelines import project
from stx_pipelines.devnet.stacks.knobs import FaultKind
from stx_pipelines_tests.cli.folders import DONE, ERROR, HEALTHY, MISCONFIGURED, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.cli.test_failures import hide_one
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.stacks.test_backends import LAST, chain_whose_second_day_has_just_closed
from stx_pipelines_tests.world import World


def test_a_day_that_failed_four_proofs_is_set_aside_until_retry(world: World, run: Run) -> None:
    bad = hide_one(world)
    for _ in range(4):
        assert list(world.failed()) == [date.fromisoformat(bad)]
    done = run(world, "sync")
    assert done.exit_code == ERROR
    symptom = "`set aside: 2026-11-03: burn block ... has 812 transactions, but 790 were read`"
    assert_shown(symptom, done.output)
    world.knobs.hidden_transactions = set()
    assert run(world, "sync", "--retry").exit_code == DONE
    world.assert_true()


@pytest.mark.parametrize(
    ("kind", "code", "symptom"),
    [
        ("404", ERROR, "`... was refused, and not by the API itself`"),
        ("429_bare", NOT_YET, "`HTTP 429, which means the rate limit`"),
    ],
)
def test_a_server_that_refuses_is_used_again_once_it_accepts(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, kind: FaultKind, code: int, symptom: str
) -> None:
    monkeypatch.setattr(project, "_STACKS_LIMIT_WINDOW", 4.0)  # seconds; all attempts together wait longer
    world.knobs.fault_kinds, world.knobs.fault_rate = (kind,), 1.0
    done = run(world, "sync")
    assert done.exit_code == code
    assert_shown(symptom, done.output)
    world.knobs.fault_rate = 0.0
    world.overrides["hiro_requests_per_minute"] = 6_000
    assert run(world, "sync").exit_code == DONE


def test_a_server_that_lags_behind_the_stored_days_changes_nothing(full: World, run: Run) -> None:
    before, today = full.certificates(), str(full.days[-1])
    full.knobs.backend_lags = {40}
    done = run(full, "sync", "--force-refresh", "--from", today, "--to", today)
    assert done.exit_code == DONE, "all days were complete before, and still are"
    assert_shown("`... is behind: its newest block is ...`", done.output)
    assert full.certificates() == before
    full.knobs.backend_lags = set()
    assert run(full, "sync").exit_code == DONE
    full.assert_true()


def test_a_closed_day_whose_closing_blocks_were_replaced_is_compared_again(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(chain_whose_second_day_has_just_closed(1), stx_tip_age_minutes=0)
    world.stored()
    world.chain.reorg(burn_blocks=2)
    world.chain.grow(burn_blocks=3)
    with caplog.at_level(logging.WARNING):
        world.sync()
    assert_shown("`a reorg replaced the blocks that closed ...`", caplog.text)
    assert any(known.is_closed and known.day < LAST for known in world.certificates().values())
    world.stored()
    world.assert_true()


def test_a_data_folder_with_a_question_mark_is_refused_until_it_is_renamed(
    world: World, run: Run, tmp_path: Path
) -> None:
    right, world.data = world.data, tmp_path / "what?"
    done = run(world, "health")
    assert done.exit_code == MISCONFIGURED
    assert_shown("`STX_DATA_DIR is ...: must have no ...`", done.output)
    assert run(world, "sync").exit_code == ERROR
    world.data = right
    assert run(world, "sync").exit_code == DONE
    assert run(world, "health").exit_code == HEALTHY


def test_a_broken_configuration_of_dagster_keeps_all_days_and_is_corrected(
    full: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text("storage: [oops")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (full.folder.days("transactions") / f"{full.days[0]}.parquet").unlink()
    done = run(full, "sync")
    assert done.exit_code == ERROR
    assert_shown("`Dagster's history could not be opened` (or written)", done.output)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    assert run(full, "sync").exit_code == DONE
    full.assert_true()

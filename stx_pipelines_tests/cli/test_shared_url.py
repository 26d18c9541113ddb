"""STX_SHARED_URL: two machines with folders of their own, and a PostgreSQL between them that may be away."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stx_pipelines.cli.main import main
from stx_pipelines.coverage.progress import Progress
from stx_pipelines.store.shared import Shared
from stx_pipelines_tests.cli.folders import DATASET, DONE, HEALTHY, NOT_RUNNING, NOT_YET, Run
from stx_pipelines_tests.postgres import PASSWORD, Postgres
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, recent_chain

AWAY = f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"


@pytest.fixture
def shared_world(make_world: Callable[..., World], postgres: str) -> World:
    """A world of three days whose locks, progress and request account are in PostgreSQL."""
    return make_world(recent_chain(days=3), stx_shared_url=postgres, stx_run_wait_seconds=0)


@pytest.fixture
def elsewhere(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    """The locks and the progress as another machine uses them."""
    with monkeypatch.context() as patch:
        patch.setattr("platform.node", lambda: "worker-2")
        other = shared_world.project().shared
        with other.locked(DATASET, wait=0):
            assert other.host == "worker-2"
            patch.undo()
            yield other


def test_a_sync_stores_under_shared_locks_and_writes_no_local_ones(shared_world: World, run: Run) -> None:
    done = run(shared_world, "sync")
    assert done.exit_code == DONE, done.output
    shared_world.assert_true(shared_world.days)
    assert run(shared_world, "health").exit_code == HEALTHY
    shared = shared_world.project().shared
    report = shared.reported(DATASET, Progress)
    assert report is not None
    assert (report.days_done, report.host) == (3, shared.host)
    here = {path.name for path in (shared_world.data / "run").iterdir()}
    assert not here & {"transactions.lock", "sync.lock", "transactions.progress.json"}
    assert list(Path(tempfile.gettempdir()).rglob("budget-*")) == []
    assert not holds(shared_world.data, PASSWORD)
    assert PASSWORD not in done.output


def test_another_machine_is_named_and_excludes_a_run(shared_world: World, run: Run, elsewhere: Shared) -> None:
    [status] = json.loads(run(shared_world, "status", "--json").stdout)
    assert status["running"].endswith(" on worker-2")
    assert run(shared_world, "health").exit_code == HEALTHY
    done = run(shared_world, "sync")
    assert done.exit_code == NOT_YET
    assert " on worker-2; try again when it is done" in done.stderr
    assert run(shared_world, "rebuild").exit_code == NOT_YET
    assert elsewhere.holder("sync") is None


def test_a_run_whose_lock_is_lost_stores_no_more_and_keeps_its_days(
    shared_world: World, run: Run, postgres_server: Postgres
) -> None:
    files = shared_world.project().store().files

    def end_sessions(_: str) -> None:
        if files.certificates():
            postgres_server.end_sessions(DATASET)

    shared_world.knobs.on_request = end_sessions
    done = run(shared_world, "sync")
    assert done.exit_code == NOT_YET
    assert "the lock of the dataset transactions was lost" in done.stderr
    assert_shown("`the lock of the dataset ... was lost`", done.stderr)
    assert PASSWORD not in done.output
    kept = set(files.certificates())
    assert 0 < len(kept) < len(shared_world.days)
    shared_world.knobs.on_request = None
    assert run(shared_world, "sync").exit_code == DONE
    shared_world.assert_true(shared_world.days)


@pytest.mark.parametrize(
    ("command", "code"), [("sync", NOT_YET), ("status", NOT_YET), ("health", NOT_RUNNING), ("rebuild", NOT_YET)]
)
def test_a_server_that_is_away_is_one_sentence(
    make_world: Callable[..., World], run: Run, command: str, code: int
) -> None:
    assert command in main.commands
    done = run(make_world(recent_chain(days=1), stx_shared_url=AWAY), command)
    assert done.exit_code == code, done.output
    assert "PostgreSQL at 127.0.0.1:1 cannot be used (" in done.output
    assert done.output.count("\n") == 1
    assert PASSWORD not in done.output
    assert_shown("`PostgreSQL at ... cannot be used (...)`", done.output)


def holds(folder: Path, text: str) -> bool:
    """Return whether any file of a folder has this text."""
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())

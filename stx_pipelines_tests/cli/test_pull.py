"""The command `pull` prints the cost first, names refused days, and says by its exit code whether all are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stx_pipelines.cli import pull as command
from stx_pipelines.sharing.publish import publish
from stx_pipelines.store.locks import locked
from stx_pipelines.store.objects import open_objects
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, Run
from stx_pipelines_tests.sharing.published import copy_of, forge
from stx_pipelines_tests.world import DAY, World, recent_chain, today, world

DAYS = [today() - 3 * DAY, today() - 2 * DAY]


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two closed days, published to `site` beside the data folder."""
    folder = tmp_path_factory.mktemp("publisher")
    with world(recent_chain(3, transactions_per_day=60), folder / "data", stx_tip_age_minutes=0) as made:
        made.stored(DAYS)
        publish(made.project(), open_objects(str(folder / "site"), writes=True), with_days=True)
        yield made


@pytest.fixture
def receiver(publisher: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(command, "refresh_if_due", lambda *_: [])
    settings = publisher.overrides | {"stx_target_days": 3, "hiro_api_key": "key-of-the-test"}
    return World(publisher.url, tmp_path / "data", devnet=publisher.devnet, overrides=settings)


@pytest.fixture
def site(publisher: World, tmp_path: Path) -> Path:
    return copy_of(publisher.data.parent / "site", tmp_path / "site")


def test_the_cost_is_said_before_the_days_are_stored(receiver: World, run: Run, site: Path) -> None:
    receiver.requests()
    planned = run(receiver, "pull", str(site), "--plan", "--json")
    assert planned.exit_code == DONE, planned.output
    assert receiver.requests() == 0
    cost = json.loads(planned.stdout)
    assert (cost["files"], cost["stored"], cost["requests_sent"]) == (2, [], 0)
    done = run(receiver, "pull", str(site), "--json")
    assert done.exit_code == DONE, done.output
    said = json.loads(done.stdout)
    assert [day["day"] for day in said["stored"]] == [day.isoformat() for day in DAYS]
    assert said["requests_sent"] == receiver.requests()
    assert abs(said["requests_sent"] - cost["requests"]) <= 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"Stacks: 2 days of {site}, 2 files, ")
    assert lines[-1].startswith(f"2 of 2 files of {site} stored, 0 refused")
    assert "key-of-the-test" not in done.output
    again = run(receiver, "pull", str(site))
    assert (again.exit_code, again.output) == (DONE, f"{site} has no wanted day that is not stored already\n")
    [status] = json.loads(run(receiver, "status", "--json").stdout)
    assert status["days_closed"] == 2


def test_a_refused_day_is_named_and_the_code_is_1(receiver: World, run: Run, site: Path) -> None:
    forge(site, DAYS[0], lambda rows: rows[1:])
    done = run(receiver, "pull", str(site), "--from", str(DAYS[0]), "--to", str(DAYS[1]))
    assert done.exit_code == ERROR
    assert f"refused: transactions {DAYS[0]}: " in done.output
    assert "1 of 2 files" in done.output
    assert list(receiver.certificates()) == [DAYS[1]]


def test_another_run_and_wrong_options(receiver: World, run: Run, site: Path, tmp_path: Path) -> None:
    receiver.overrides["stx_run_wait_seconds"] = 0
    with locked(receiver.folder.lock("transactions"), "a test", wait=0):
        assert run(receiver, "pull", str(site)).exit_code == NOT_YET
    for arguments, why in (
        ((str(site), "--share", "0"), "not between 0 and 100"),
        ((str(site), "--from", str(DAYS[0])), "--from and --to belong together"),
        ((str(site), "--chain", "ethereum"), "ETH_RPC_URL is not set"),
        ((str(tmp_path / "none"),), "is no folder"),
        ((str(tmp_path),), "nothing was published there"),
        (("https://me:secret-of-the-test@example.org/x",), "may have a bucket or host and a path only"),
    ):
        done = run(receiver, "pull", *arguments)
        assert done.exit_code == ERROR
        assert why in done.output
        assert "secret-of-the-test" not in done.output

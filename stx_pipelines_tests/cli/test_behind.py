"""A server whose newest block is old: its days are stored, later days wait, and every command reports it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.chains import ETHEREUM, STACKS
from stx_pipelines.coverage.health import judge_chain
from stx_pipelines.coverage.status import chain_status
from stx_pipelines.defs.watched import Watched, watch
from stx_pipelines.store.identity import Identity, keep_identity
from stx_pipelines_tests.cli.folders import DONE, NOT_YET, STALLED, MakeWorld, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.sync.ethereum.world import make_chain as make_ethereum_chain
from stx_pipelines_tests.waiting import wait_until
from stx_pipelines_tests.world import World, at, make_chain, recent_chain, today

MakeEthereum = Callable[..., DevnetWorld]
BEHIND = "the server's newest block is of "
NOTHING_TO_DO = "nothing to do here"


def day_files(data: Path, dataset: str) -> set[str]:
    return {path.stem for path in (data / "days" / dataset).glob("*.parquet")}


@pytest.fixture
def stale(make_world: MakeWorld) -> World:
    """Return a chain whose newest block is of three days ago at noon; five days and today are wanted."""
    return make_world(make_chain(2, 12, first_day=today() - 5 * DAY), stx_target_days=5)


def test_sync_stores_the_days_of_a_stale_server_and_completes_when_the_tip_moves(stale: World, run: Run) -> None:
    """The stored days end with the chain, and no later day becomes an empty file."""
    has, newest = stale.days, datetime.fromtimestamp(stale.chain.tip.time, UTC)
    for _ in range(2):
        done = run(stale, "sync")
        assert done.exit_code == NOT_YET, done.output
        assert f"2 of 6 days complete (33 %); {BEHIND}{newest:%Y-%m-%d %H:%M} UTC, " in done.stdout
        assert f"({stale.devnet.url}); {NOTHING_TO_DO}" in done.stdout
        assert "failed:" not in done.output
        assert day_files(stale.data, "transactions") == {str(day) for day in has}
        stale.assert_true(has)
    said = run(stale, "health")
    assert said.exit_code == STALLED
    assert said.output.startswith(BEHIND)
    assert_shown("`the server's newest block is of ..., ... old`", said.output)
    done = run(stale, "status", "--json")
    [status] = json.loads(done.stdout)
    assert done.exit_code == NOT_YET
    assert (datetime.fromisoformat(status["tip_time"]), status["behind"], status["days_due"]) == (newest, True, 0)
    assert f"newest block  of the server: {newest:%Y-%m-%d %H:%M} UTC, checked " in run(stale, "status").stdout
    stale.chain.grow_to(max(datetime.now(UTC), at(today(), 1, 30)))
    assert run(stale, "sync").exit_code == DONE
    stale.assert_true()
    assert run(stale, "health").exit_code == DONE
    assert not json.loads(run(stale, "status", "--json").stdout)[0]["behind"]


def test_a_sync_that_only_waits_for_the_server_requests_nothing_but_its_tip(stale: World, run: Run) -> None:
    stale.stored()
    stale.requests()
    assert run(stale, "sync").exit_code == NOT_YET
    assert stale.requests() == 2  # the tip, and its own time


def test_a_complete_folder_is_not_complete_once_the_tip_is_too_old(make_world: MakeWorld, run: Run) -> None:
    world = make_world(recent_chain(2), stx_target_days=2)
    assert run(world, "sync").exit_code == DONE
    world.overrides["stx_tip_age_minutes"] = 0
    assert run(world, "status").exit_code == DONE
    held = datetime.now(UTC) - timedelta(minutes=5)
    world.open_sync().store.mark_tip(held - timedelta(hours=4), held, timedelta(hours=3))
    assert run(world, "status").exit_code == DONE
    world.overrides["stx_tip_age_minutes"] = 180
    assert run(world, "status").exit_code == NOT_YET
    assert run(world, "sync").exit_code == DONE  # it checks the tip, which has moved


def test_a_tip_age_of_0_switches_this_off(stale: World, run: Run) -> None:
    stale.overrides["stx_tip_age_minutes"] = 0
    done = run(stale, "sync")
    assert done.exit_code == DONE, done.output
    assert run(stale, "health").exit_code == DONE


def test_refreshing_a_day_that_the_server_does_not_have_is_exit_code_2(stale: World, run: Run) -> None:
    stale.stored()
    done = run(stale, "sync", "--force-refresh", "--from", str(today()), "--to", str(today()))
    assert done.exit_code == NOT_YET
    assert f"{NOTHING_TO_DO}" in done.output
    assert str(today()) not in day_files(stale.data, "transactions")


def test_a_server_that_goes_away_while_it_is_behind_is_exit_code_2(stale: World, run: Run) -> None:
    stale.stored()
    stale.overrides |= {"hiro_api_url": "http://127.0.0.1:9", "hiro_attempts": 1}
    done = run(stale, "sync")
    assert done.exit_code == NOT_YET
    assert "connection refused" in done.stderr
    assert NOTHING_TO_DO in done.stdout


def test_no_wanted_day_is_exit_code_2_and_one_sentence(make_world: MakeWorld, run: Run) -> None:
    """The chain's first day is after today: one of the two clocks is wrong."""
    world = make_world(recent_chain(1), stx_target_days=2)
    keep_identity(world.folder, Identity(1, world.chain.blocks[0].index_hash, today() + DAY))
    for name in ("status", "sync"):
        done = run(world, name)
        assert done.exit_code == NOT_YET, done.output
        assert f"0 of 0 days complete (0 %); no day is wanted: the first possible day, {today() + DAY}" in done.stdout
    said = run(world, "health")
    assert said.exit_code == STALLED
    assert said.output.startswith("no day is wanted")
    assert_shown("`no day is wanted: the first possible day, ...`", said.output)
    keep_identity(world.folder, Identity(1, world.chain.blocks[0].index_hash, world.days[0]))  # of the right server
    assert run(world, "sync").exit_code == DONE


def test_the_check_of_the_sensor_shows_whether_the_tip_moved(stale: World) -> None:
    stale.stored()
    watched = watch(stale.project, STACKS)
    assert isinstance(watched, Watched)
    stale.requests()
    for moves in (False, True):
        if moves:
            stale.chain.grow_to(datetime.now(UTC))
        watched.check_tip()
        coverage = watched.look(datetime.now(UTC))
        assert (coverage.behind is None) is moves
        assert (coverage.next(0, open_every=watched.open_every) is not None) is moves
    assert stale.requests() == 4


def test_a_stale_node_of_ethereum_is_reported_and_completes_when_its_final_block_moves(
    make_ethereum: MakeEthereum, run: Run
) -> None:
    world = make_ethereum(make_ethereum_chain(first_day=today() - 4 * DAY, tip=at(today() - 2 * DAY, 12)))
    has = world.days
    arguments = ("sync", "--chain", "ethereum", "--target-days", "4")
    newest = datetime.fromtimestamp(world.chain.finalized.timestamp, UTC)
    for _ in range(2):
        done = run(world, *arguments)
        assert done.exit_code == NOT_YET, done.output
        assert f"Ethereum: 2 of 5 days complete (40 %); {BEHIND}{newest:%Y-%m-%d %H:%M} UTC, " in done.stdout
        assert f"({world.devnet.url}); {NOTHING_TO_DO}" in done.stdout
        for dataset in ("blocks", "miners_balance"):
            assert day_files(world.data, dataset) == {str(day) for day in has}
    now = datetime.now(UTC)
    status = chain_status(world.project(), ETHEREUM, now)
    assert (status.tip_time, status.behind, status.days_due) == (newest, True, 0)
    health = judge_chain(world.project(), ETHEREUM, now, timedelta(minutes=10))
    assert (health.code, health.sentence.startswith(BEHIND)) == (STALLED, True)
    looked = datetime.now(UTC)
    # Checks are stored in whole seconds: the server must catch up in a later second than that of the last one.
    wait_until(lambda: datetime.now(UTC) - looked > timedelta(seconds=1), "the second of the last check is over")
    world.chain.grow_to(max(now, at(today(), 2)))
    watched = watch(world.project, ETHEREUM)
    assert isinstance(watched, Watched)
    watched.check_tip()
    assert watched.look(datetime.now(UTC)).behind is None
    done = run(world, *arguments)
    assert done.exit_code == DONE, done.output
    world.assert_true()
    assert judge_chain(world.project(), ETHEREUM, datetime.now(UTC), timedelta(minutes=10)).code == DONE

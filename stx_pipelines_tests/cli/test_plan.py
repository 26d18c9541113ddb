"""`sync --plan` prints the days that a sync would fetch, and their cost, without a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest

from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.plan import plan_of
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines_tests.cli.folders import DATASET, DONE, ERROR, NOT_YET, MakeWorld, Run, set_aside
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.sync.ethereum.world import recent_chain as ethereum_chain
from stx_pipelines_tests.world import World, at, recent_chain


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return six days before today, and today, at 50 requests a minute; nothing is stored."""
    return make_world(recent_chain(6), stx_target_days=6, hiro_requests_per_minute=50)


def plans(run: Run, world: World | DevnetWorld, *options: str) -> list[dict[str, Any]]:
    """Return the plans of all chains."""
    done = run(world, "sync", "--plan", "--json", *options)
    assert done.exit_code == DONE, done.output
    return list(json.loads(done.stdout)["plan"])


def test_without_a_stored_day_the_plan_is_made_from_constants_and_sends_no_request(world: World, run: Run) -> None:
    world.requests()
    [plan] = plans(run, world)
    assert world.requests() == 0
    assert not world.data.exists()
    assert plan["days"] == [str(day) for day in reversed(world.days)]
    assert 6 * 300 < plan["requests"] <= 7 * 300  # today is not over
    assert plan["minutes"] == plan["requests"] / 50
    assert (plan["requests_per_minute"], plan["learned_from"]) == (50, 0)
    assert plan["bytes"] > 6 * 15_000 * 100


def test_the_words_name_days_requests_minutes_and_mebibytes(world: World, run: Run) -> None:
    done = run(world, "sync", "--plan")
    assert done.exit_code == DONE
    assert done.stdout.startswith(f"Stacks: 7 days ({world.days[0]} to {world.days[-1]}), about ")
    for words in (" requests, ", " min at 50 requests/min, ", " MiB; estimated without a stored day\n"):
        assert words in done.stdout
    assert done.stderr.startswith("no request was sent and nothing was stored")


def test_stored_days_teach_the_plan_its_cost(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 0
    world.stored(world.days[-4:])
    world.overrides["hiro_requests_per_minute"] = 50
    known = world.certificates()
    world.requests()
    [plan] = plans(run, world, "--target-days", "6")
    assert world.requests() == 0
    assert plan["days"] == [str(day) for day in world.days[2::-1]]
    assert plan["learned_from"] == sum(each.is_closed for each in known.values())
    costs = sorted(each.requests for each in known.values() if each.is_closed)
    assert 3 * costs[0] <= plan["requests"] <= 3 * max(costs[-1], 9) < 100
    sizes = [(world.data / f"days/transactions/{day}.parquet").stat().st_size for day in known]
    assert plan["bytes"] <= 9 * max(sizes)


def test_the_planned_days_are_those_that_a_sync_stores(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 0
    [plan] = plans(run, world, "--max-days", "2")
    done = run(world, "sync", "--json", "--max-days", "2")
    assert done.exit_code == NOT_YET
    assert json.loads(done.stdout)["chains"][0]["stored"] == plan["days"] == [str(day) for day in world.days[:3:-1]]


def test_failed_days_are_planned_when_they_are_due_or_with_retry(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 0
    world.stored(world.days[1:])
    set_aside(world, world.days[0])
    assert str(world.days[0]) not in plans(run, world)[0]["days"]
    assert str(world.days[0]) in plans(run, world, "--retry")[0]["days"]
    AttemptFiles(world.data / "days" / DATASET).clear(world.days[0])
    AttemptFiles(world.data / "days" / DATASET).add(world.days[0], "no", datetime.now(UTC) - timedelta(hours=2))
    assert str(world.days[0]) in plans(run, world)[0]["days"]


def test_a_complete_folder_has_nothing_to_fetch(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 0
    world.stored()
    [plan] = plans(run, world)
    assert (plan["days"], plan["requests"], plan["minutes"], plan["bytes"]) == ([], 0, 0.0, 0)
    assert "nothing to fetch" in plan["sentence"]


def test_days_that_are_read_again_are_planned_as_a_whole(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 0
    world.stored()
    first, last = str(world.days[1]), str(world.days[3])
    [plan] = plans(run, world, "--force-refresh", "--from", first, "--to", last)
    assert plan["days"] == [str(day) for day in world.days[3:0:-1]]
    assert plan["requests"] >= 3
    done = run(world, "sync", "--plan", "--force-refresh", "--from", last, "--to", first)
    assert done.exit_code == ERROR


def test_ethereum_is_planned_in_calls_of_both_datasets(make_ethereum: Callable[..., DevnetWorld], run: Run) -> None:
    world = make_ethereum(ethereum_chain(2))
    [stacks, ethereum] = plans(run, world)
    assert (stacks["chain"], ethereum["chain"]) == ("stacks", "ethereum")
    assert " calls, " in ethereum["sentence"]
    [alone] = plans(run, world, "--chain", "ethereum", "--target-days", "1")
    assert len(alone["days"]) == 2
    assert 7_200 + 14_400 < alone["requests"] <= 2 * (7_200 + 14_400)


def test_only_the_part_of_an_open_day_that_is_not_read_yet_is_planned(world: World) -> None:
    """An hourly cron job sees what the next sync costs, not the cost of a whole day."""
    today = world.days[-1]
    world.overrides["hiro_requests_per_minute"] = 0
    world.stored([today])
    project, proved = world.project(), world.certificates()[today].proved_at
    later = STACKS.look(project, proved + timedelta(hours=1))
    assert 1 <= plan_of(project, STACKS, later, [today], force=False).requests <= 300 / 24 + 1
    whole = plan_of(project, STACKS, later, [today], force=True).requests
    assert whole == min(300, ceil(300 * (later.now - at(today)) / timedelta(days=1)))

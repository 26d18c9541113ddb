"""A server whose newest block is stale: the days it has are stored, and later days are not stored empty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.stacks import Block
from stx_pipelines.clients.errors import Behind
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.store.published import Published
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines_tests.world import World, at, make_chain

MakeWorld = Callable[..., World]
HOUR = timedelta(hours=1)


def published(world: World) -> Published:
    return world.open_sync().store.warehouse.published("transactions")


def tip_time(world: World) -> datetime:
    return datetime.fromtimestamp(world.chain.tip.time, at(world.days[0]).tzinfo)


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_days_after_a_stale_tip_are_reported_and_not_stored(make_world: MakeWorld, v3_missing: bool) -> None:
    world = make_world(make_chain(2, 12))
    world.knobs.v3_missing = v3_missing
    days, newest = world.days, tip_time(world)
    world.now = at(days[-1] + 2 * DAY, 18)
    outcomes = world.sync([*days, days[-1] + DAY, days[-1] + 2 * DAY])
    late = [one for one in outcomes if isinstance(one, FailedDay)]
    assert [one.day for one in late] == [days[-1] + 2 * DAY, days[-1] + DAY]
    for one in late:
        assert isinstance(one.error, Behind)
        assert f"the server's newest block is of {newest:%Y-%m-%d %H:%M} UTC, 54 h " in str(one.error)
        assert f"({world.devnet.url}); nothing to do here" in str(one.error)
    assert world.open_sync().store.attempts.all() == {}
    world.assert_true(days)
    assert set(world.certificates()) == set(days)


def test_once_the_tip_moves_the_days_are_stored(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    tomorrow = world.days[-1] + DAY
    world.now = at(tomorrow, 9)
    assert list(world.failed([tomorrow])) == [tomorrow]
    assert world.certificates() == {}
    world.chain.grow_to(world.now)
    world.stored()
    world.assert_true()
    assert world.days[-1] == tomorrow


def test_a_fresh_server_gives_a_day_without_a_block_yet(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    tomorrow = world.days[-1] + DAY
    world.now = at(tomorrow, 0)
    world.chain.grow_to(at(tomorrow) - HOUR)
    assert world.stored([tomorrow])[tomorrow].certificate.seen == 0
    # The chain has stopped. The day is stored, so it is compared like any other.
    world.now = at(tomorrow, 9)
    assert world.stored([tomorrow])[tomorrow].certificate.state == "open"


def test_switched_off_an_old_tip_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12), stx_tip_age_minutes=0)
    tomorrow = world.days[-1] + DAY
    world.now = at(tomorrow, 9)
    assert world.stored([tomorrow])[tomorrow].certificate.seen == 0
    assert published(world).tip_time == tip_time(world)


def test_every_check_records_the_tips_time_its_first_check_and_its_last(make_world: MakeWorld) -> None:
    """The block's own time is recorded: in a long tenure, its burn block's time is hours older."""
    world = make_world(make_chain(1, 12, burn_blocks_per_day=6, stacks_blocks_per_burn_block=200))
    start = at(world.days[-1], 12)
    assert world.chain.tip.time - world.chain.tip.burn_time > 1800
    first, moved = tip_time(world), start + 3 * HOUR
    for now, time, since in ((start, first, start), (start + HOUR, first, start), (moved, None, moved)):
        if time is None:
            world.chain.grow(burn_blocks=1)
        world.now = now
        world.stored()
        known = published(world)
        assert (known.tip_time, known.tip_since, known.tip_seen) == (tip_time(world), since, now)


def test_a_check_costs_one_request_and_closed_days_none(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12))
    world.stored()
    asked: list[str] = []
    world.knobs.on_request = asked.append
    world.stored()
    assert sum(path.startswith(f"/extended/v2/blocks/{world.chain.tip.height}") for path in asked) == 1
    asked.clear()
    world.stored(world.days[:-1])
    assert asked == []


def test_a_tip_that_the_server_does_not_have_keeps_the_known_one(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of several servers at an address may not have the block that another has just named."""
    world = make_world(make_chain(1, 12))
    world.now = at(world.days[-1], 12)
    world.stored()
    before = published(world)
    find = StacksApi.block_if_there

    def lag(api: StacksApi, height: int) -> Block | None:
        return None if height == world.chain.tip.height else find(api, height)

    monkeypatch.setattr(StacksApi, "block_if_there", lag)
    world.now += 9 * HOUR
    world.stored()
    after = published(world)
    assert (after.tip_time, after.tip_seen) == (before.tip_time, before.tip_seen)


def test_a_data_folder_of_an_earlier_version_is_not_behind(make_world: MakeWorld) -> None:
    """Its coverage file has no tip. An earlier version can read our file."""

    class Earlier(msgspec.Struct):
        loaded: dict[str, str] = {}
        checked: dict[str, datetime] = {}
        inode: int = 0

    world = make_world(make_chain(1, 12), stx_target_days=1)
    world.now = at(world.days[-1], 23)
    world.stored()
    path = world.data / "coverage" / "transactions.json"
    assert transactions_coverage(world.project(), world.now).behind is not None
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes(), type=Earlier)))
    coverage = transactions_coverage(world.project(), world.now)
    assert (coverage.tip, coverage.is_complete) == (None, True)

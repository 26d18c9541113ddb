"""Open days: they grow, change in reorgs and close. Only new rows are fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, query, soon, truth

MakeWorld = Callable[..., World]
LAST = FIRST_DAY + timedelta(days=2)


def just_after_midnight(**spec: object) -> StacksChain:
    """Return a chain of two days and the first minutes of a third. The second day is not final yet."""
    return make_chain(2, tip=soon(LAST, 25), **spec)  # type: ignore[arg-type]


def duplicates(world: World) -> int:
    [(count,)] = query(world.data, "SELECT count(*) - count(DISTINCT tx_id) FROM transactions")
    return int(count)


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_a_sync_with_nothing_new_costs_at_most_5_requests(make_world: MakeWorld, v3_missing: bool) -> None:
    world = make_world(make_chain(3, 12), Knobs(v3_missing=v3_missing))
    world.stored()
    world.requests()
    again = world.stored()
    assert not any(one.fetched for one in again.values())
    assert world.requests() <= 5


def test_closed_days_cost_no_request(make_world: MakeWorld) -> None:
    world = make_world(make_chain(3, 12))
    world.stored()
    world.requests()
    world.stored(world.days[:-1])
    assert world.requests() == 0


def test_a_stored_day_is_unchanged_when_only_its_growing_burn_block_grew(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    world.stored()
    world.chain.grow_to(at(world.days[-1], 12) + timedelta(seconds=30))
    world.requests()
    world.stored()
    assert world.requests() <= 12
    world.assert_true()


def test_of_an_open_day_only_new_rows_are_fetched(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 20, transactions_per_day=8000))
    world.stored()
    world.chain.grow(burn_blocks=2)
    world.requests()
    stored = world.stored()
    new = 2 * 8000 // 144
    assert stored[world.days[-1]].fetched
    assert world.requests() <= 13 + 2 * new // 50
    world.assert_true()


def test_an_open_day_follows_the_chain_step_by_step(make_world: MakeWorld) -> None:
    """Over two midnights and some reorgs, every sync stores the truth with few requests."""
    world = make_world(make_chain(1, 20))
    for step in range(14):
        if step % 4 == 2:
            world.chain.reorg(burn_blocks=1 + step % 3)
        if step % 4 == 3:
            world.chain.reorg(stacks_blocks=4)
        world.chain.grow_to(at(FIRST_DAY, 20) + timedelta(days=1, hours=2.3 * step))
        world.stored()
        world.assert_true()
        assert world.requests() <= 120
    assert [known.state for known in world.certificates().values()][:2] == ["closed", "closed"]


@pytest.mark.parametrize(
    "reorg",
    [{"stacks_blocks": n} for n in (1, 9, 30)] + [{"burn_blocks": n} for n in (1, 3, 5)],
    ids=str,
)
@pytest.mark.parametrize("grows", [0, 1], ids=["same height", "higher"])
def test_a_reorg_leaves_no_stale_row_and_no_duplicate(make_world: MakeWorld, reorg: dict[str, int], grows: int) -> None:
    """Both days are open, and transactions move from one into the other."""
    world = make_world(just_after_midnight())
    world.stored()
    world.chain.reorg(**reorg)
    if grows:
        world.chain.grow(burn_blocks=grows)
    world.stored()
    world.assert_true()
    assert duplicates(world) == 0


@pytest.mark.parametrize("knobs", [{"v3_missing": True}, {"burn_list_broken": True}], ids=["v1", "sample"])
def test_a_reorg_over_midnight_is_repaired_on_the_other_routes(make_world: MakeWorld, knobs: dict[str, bool]) -> None:
    world = make_world(just_after_midnight(), Knobs(**knobs))
    world.stored()
    world.chain.reorg(burn_blocks=5)
    world.chain.grow(burn_blocks=1)
    world.stored()
    world.assert_true()
    assert duplicates(world) == 0


def test_a_sync_of_today_alone_repairs_yesterday_too_after_a_reorg(make_world: MakeWorld) -> None:
    """A sync of one open day syncs all of them."""
    world = make_world(just_after_midnight())
    world.stored()
    before = file_rows(world.data, world.days[1])
    after_midnight = sum(burn.time >= at(LAST).timestamp() for burn in world.chain.burn_blocks)
    world.chain.reorg(burn_blocks=after_midnight + 3)
    world.chain.grow(burn_blocks=1)
    world.stored([world.days[-1]])
    assert file_rows(world.data, world.days[1]) != before
    world.assert_true()


def test_an_open_day_closes_once_the_tip_is_six_burn_blocks_further(make_world: MakeWorld) -> None:
    world = make_world(just_after_midnight())
    assert world.stored()[world.days[1]].certificate.state == "open"
    while sum(burn.time >= at(LAST).timestamp() for burn in world.chain.burn_blocks) < 8:
        world.chain.grow(burn_blocks=1)
    world.requests()
    assert world.stored()[world.days[1]].certificate.state == "closed"
    world.assert_true()
    assert world.requests() <= 18


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
@pytest.mark.parametrize("lag", [1, 4, 60])
def test_a_server_that_lags_reopens_no_day(make_world: MakeWorld, lag: int, v3_missing: bool) -> None:
    """With a lag of one Stacks block, it has all stored rows but not the block that closed the day."""
    knobs = Knobs(v3_missing=v3_missing)
    chain = just_after_midnight()
    while sum(burn.time >= at(LAST).timestamp() for burn in chain.burn_blocks) < 6:
        chain.grow(burn_blocks=1)
    world = make_world(chain, knobs)
    closed_by = world.stored()[world.days[1]].certificate.closed_by
    assert closed_by
    newest = chain.blocks[closed_by.height - lag - chain.blocks[0].height]
    lagging = make_chain(2, tip=datetime.fromtimestamp(newest.time, UTC))
    assert lagging.blocks[-1].hash == newest.hash
    before = world.certificates()
    with pytest.raises(Unreachable, match=r"is behind: .*nothing was changed, try again when it has caught up"):
        make_world(lagging, knobs, data=world.data).sync(world.days)
    assert world.certificates() == before


def test_a_reorg_deeper_than_six_burn_blocks_reopens_closed_days(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(make_chain(2, tip=soon(LAST, 150)))
    assert world.stored()[world.days[1]].certificate.state == "closed"
    after_midnight = sum(burn.time >= at(LAST).timestamp() for burn in world.chain.burn_blocks)
    world.chain.reorg(burn_blocks=after_midnight + 5)
    world.chain.grow(burn_blocks=1)
    world.stored()
    world.assert_true()
    assert duplicates(world) == 0
    assert len([line for line in caplog.messages if "replaced the blocks that closed" in line]) == 1


def test_a_deep_reorg_leaves_no_transaction_in_two_days_even_if_one_of_the_days_fails(make_world: MakeWorld) -> None:
    """Thirty burn blocks are replaced, ten a day: three days change, and the oldest of them cannot be proved now."""
    chain = make_chain(5, 20, burn_blocks_per_day=10, transactions_per_day=200)
    world = make_world(chain)
    world.stored()
    chain.reorg(burn_blocks=30)
    chain.grow(burn_blocks=1)
    stale = [day for day in world.days if file_rows(world.data, day) != truth(world.chain, day)]
    world.knobs.hidden_transactions = {chain.transactions(stale[0])[-1].tx_id}
    assert set(world.failed()) >= {stale[0]}
    assert duplicates(world) == 0
    world.knobs.hidden_transactions = set()
    world.stored()
    world.assert_true()


def test_an_open_day_without_new_rows_is_checked_again(make_world: MakeWorld) -> None:
    """The published `checked` changes, the certificate does not."""
    world = make_world(make_chain(1, 12))
    world.now = at(world.days[-1], 12)
    world.stored()
    first = world.open_sync().store.warehouse.published("transactions")
    world.now = at(world.days[-1], 13)
    world.stored()
    second = world.open_sync().store.warehouse.published("transactions")
    assert second.loaded == first.loaded
    assert second.checked[world.days[-1]] == world.now > first.checked[world.days[-1]]


def test_a_day_without_finished_burn_blocks_yet_is_open_and_empty(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, tip=soon(LAST, 2)))
    finished = [burn for burn in world.chain.burn_blocks[:-1] if burn.time >= at(LAST).timestamp()]
    certificate = world.stored([*world.days[:2], LAST])[LAST].certificate
    assert finished == []
    assert (certificate.state, certificate.seen, certificate.last_hash) == ("open", 0, None)
    world.chain.grow_to(at(LAST, 20))
    world.stored()
    world.assert_true()


@pytest.mark.parametrize("list_broken", [False, True], ids=["list", "sample"])
def test_an_open_day_has_every_row_up_to_its_certificate_even_if_its_newest_page_was_wrong(
    make_world: MakeWorld, list_broken: bool
) -> None:
    """A server that returns the second page of a piece instead of the first hides the newest rows."""
    world = make_world(make_chain(1, 12), Knobs(burn_list_broken=list_broken, fault_kinds=("repeated_page",)))

    def spoil_first_pages(path: str) -> None:
        if "by-block-time" in path or "burn-blocks" in path:
            world.knobs.fail_next = 1

    world.knobs.on_request = spoil_first_pages
    world.sync([world.days[-1]])
    if world.days[-1] in world.certificates():
        assert file_rows(world.data, world.days[-1]) == truth(world.chain, world.days[-1])

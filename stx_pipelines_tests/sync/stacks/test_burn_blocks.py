"""The list of burn blocks is contiguous and has the right heights, although it moves while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import BurnBlock, Tip
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.devnet.stacks import bitcoin
from stx_pipelines.sync.stacks.burn_blocks import BurnList, ListMoved
from stx_pipelines_tests.world import FIRST_DAY, World, file_rows, make_chain, truth

MakeWorld = Callable[..., World]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as running:
        yield running


def open_list(world: World, pool: ThreadPoolExecutor) -> BurnList:
    api = world.open_sync().client
    return BurnList(api, api.tip(), pool)


def assert_covers(world: World, burn_list: BurnList, day: date) -> None:
    """Assert that the list has every burn block of the day, with the chain's heights and counts, and no gap."""
    start, end = window(day)
    held = {row.burn.burn_block_height: row for row in burn_list.rows}
    for burn in world.chain.burn_blocks:
        if start <= burn.time < end and burn.height < burn_list.growing:
            row = held[burn.height]
            assert (row.lo, row.hi) == (burn.blocks[0].height, burn.blocks[-1].height)
            assert row.burn.total_tx_count == burn.tx_count
    heights = [burn.height for burn in world.chain.burn_blocks if burn.height < burn_list.growing]
    ours = [height for height in held if height < burn_list.growing]
    assert ours == [height for height in heights if min(ours) <= height <= max(ours)][::-1]


@pytest.mark.parametrize("days_back", [0, 1, 3, 9, 20])
def test_any_day_is_found_whether_near_the_tip_or_far_below(
    make_world: MakeWorld, pool: ThreadPoolExecutor, days_back: int
) -> None:
    world = make_world(make_chain(20, 12, transactions_per_day=290))
    day = world.days[-1] - timedelta(days=days_back)
    burn_list = open_list(world, pool)
    burn_list.cover(*window(day))
    assert_covers(world, burn_list, day)
    assert burn_list.requests <= 8 + 4


def test_consecutive_days_are_read_from_the_same_list(make_world: MakeWorld, pool: ThreadPoolExecutor) -> None:
    world = make_world(make_chain(8, 12, transactions_per_day=290))
    burn_list = open_list(world, pool)
    for day in reversed(world.days):
        burn_list.cover(*window(day))
        assert_covers(world, burn_list, day)
    assert burn_list.requests <= 6 * len(world.days)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.85])
def test_days_near_the_beginning_are_found_where_few_bitcoin_blocks_are_listed(
    make_world: MakeWorld, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """The first offset assumes that nearly all are listed, and is then far beyond the end of the list."""
    monkeypatch.setattr(bitcoin, "_SHARE_WITHOUT_TENURE", 1 - share)
    world = make_world(make_chain(25, 12, transactions_per_day=10, stacks_blocks_per_burn_block=1))
    for day in world.days[:3]:
        burn_list = open_list(world, pool)
        burn_list.cover(*window(day))
        assert_covers(world, burn_list, day)
        assert burn_list.requests <= 40


def test_a_list_that_does_not_have_the_tip_yet_is_placed_by_an_older_block(
    make_world: MakeWorld, pool: ThreadPoolExecutor
) -> None:
    """One of the API's servers lags."""
    ahead = make_chain(3, 12)
    ahead.grow(burn_blocks=1)
    world = make_world(make_chain(3, 12))
    burn_list = open_list(world, pool)
    newest = ahead.tip
    burn_list.restart(Tip(newest.height, newest.hash, newest.index_hash, newest.burn_height))
    burn_list.cover(*window(world.days[-1]))
    assert burn_list.growing == world.chain.tip.burn_height
    assert_covers(world, burn_list, world.days[-1])


def test_a_list_whose_reading_failed_starts_again(make_world: MakeWorld, pool: ThreadPoolExecutor) -> None:
    """A reorg has replaced the tip."""
    world = make_world(make_chain(3, 12))
    burn_list = open_list(world, pool)
    world.chain.reorg(stacks_blocks=1)
    with pytest.raises(ListMoved, match="does not list its Stacks block"):
        burn_list.cover(*window(world.days[-1]))
    burn_list.restart(open_list(world, pool).tip)
    burn_list.cover(*window(world.days[-2]))
    assert_covers(world, burn_list, world.days[-2])


@pytest.mark.parametrize("days_back", [0, 1, 6])
def test_growth_between_pages_moves_nothing(make_world: MakeWorld, pool: ThreadPoolExecutor, days_back: int) -> None:
    world = make_world(make_chain(8, 12, transactions_per_day=290))
    day = world.days[-1] - timedelta(days=days_back)
    burn_list = open_list(world, pool)
    world.knobs.on_request = lambda path: world.chain.grow(burn_blocks=3) if "burn-blocks" in path else None
    burn_list.cover(*window(day))
    world.knobs.on_request = None
    assert_covers(world, burn_list, day)


@pytest.mark.parametrize("after", [1, 2, 4, 6])
@pytest.mark.parametrize("burn_blocks", [1, 5])
def test_a_reorg_between_pages_is_either_followed_or_noticed(
    make_world: MakeWorld, pool: ThreadPoolExecutor, after: int, burn_blocks: int
) -> None:
    world = make_world(make_chain(1, 6, transactions_per_day=290))
    burn_list = open_list(world, pool)
    asked = 0

    def disturb(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked == after:
            world.chain.reorg(burn_blocks=burn_blocks)
            world.chain.grow(burn_blocks=1)

    world.knobs.on_request = disturb
    day = world.days[-1]
    noticed = None
    try:
        burn_list.cover(*window(day))
    except (ProofError, ListMoved) as error:
        noticed = str(error)
    if noticed is not None:
        assert "reorg" in noticed
        return
    start, end = window(day)
    finished = [row for row in burn_list.rows if row.burn.burn_block_height < burn_list.growing]
    hashes = {burn.hash: burn for burn in world.chain.burn_blocks}
    for row in finished:
        burn = hashes.get(row.burn.burn_block_hash)
        if burn and start <= burn.time < end:  # burn blocks orphaned later are found when their rows are read
            assert row.hi - row.lo + 1 == len(row.burn.stacks_blocks)


def test_the_chains_beginning_ends_the_list(make_world: MakeWorld, pool: ThreadPoolExecutor) -> None:
    world = make_world(make_chain(2, 12, transactions_per_day=290))
    burn_list = open_list(world, pool)
    burn_list.cover(*window(FIRST_DAY))
    assert_covers(world, burn_list, FIRST_DAY)
    assert burn_list.rows[-1].lo == 1


@pytest.mark.parametrize("most", [5, 20, 29])
def test_a_page_shorter_than_requested_is_not_the_chains_beginning(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A server that returns fewer rows than requested must not make a day smaller than it is."""
    world = make_world(make_chain(2, 12))
    right = StacksApi.burn_blocks

    def short(api: StacksApi, offset: int) -> list[BurnBlock]:
        return right(api, offset)[:most]

    monkeypatch.setattr(StacksApi, "burn_blocks", short)
    world.sync()
    for day, certificate in world.certificates().items():
        assert file_rows(world.data, day) == truth(world.chain, day), certificate.proof

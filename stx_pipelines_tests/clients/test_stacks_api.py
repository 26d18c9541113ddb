"""The methods of the Stacks client return the chain's values. If v3 is missing, the client switches to v1 once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stx_pipelines.chains.days import window
from stx_pipelines.chains.stacks import Cursor
from stx_pipelines.clients.errors import ApiError, NotFound
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.stacks_api import StacksApi, SwitchRoute
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.world import FIRST_DAY, World, make_chain

MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(make_chain(1, 6))


@pytest.fixture
def api(world: World) -> StacksApi:
    return world.open_sync().client


def test_the_tip_and_blocks_are_the_chains(world: World, api: StacksApi) -> None:
    tip = world.chain.tip
    assert (api.tip().block_height, api.tip().index_block_hash) == (tip.height, tip.index_hash)
    assert api.block(tip.height).index_block_hash == api.block(tip.hash).index_block_hash == tip.index_hash
    assert api.block("latest").height == tip.height


def test_a_block_that_is_still_there_is_known_without_a_body(world: World, api: StacksApi) -> None:
    block = world.chain.blocks[40]
    assert api.has_block(block.height, block.index_hash)
    assert world.devnet.stats.by_status == {304: 1}
    assert not api.has_block(block.height, "0x" + "0" * 64)
    assert not api.has_block(10**6, block.index_hash)


def test_an_orphaned_block_is_not_there_any_more(world: World, api: StacksApi) -> None:
    orphan = world.chain.tip
    world.chain.reorg(stacks_blocks=1)
    assert not api.has_block(orphan.height, orphan.index_hash)


def test_heights_that_do_not_exist_are_said_so(world: World, api: StacksApi) -> None:
    assert api.has_height(1)
    assert not api.has_height(world.chain.tip.height + 1)
    with pytest.raises(NotFound):
        api.block(10**6)


def test_the_block_at_a_time_is_the_newest_not_after_it(world: World, api: StacksApi) -> None:
    block = world.chain.blocks[17]
    found = api.block_at(block.time)
    assert found
    assert found.height == block.height
    assert api.block_at(window(FIRST_DAY)[0] - 1) is None


def test_burn_blocks_are_listed_newest_first_and_alone(world: World, api: StacksApi) -> None:
    truth = world.chain.burn_blocks[::-1]
    assert [row.burn_block_height for row in api.burn_blocks(3)] == [burn.height for burn in truth[3:33]]
    assert api.burn_blocks(10**6) == []
    one = api.burn_block(truth[5].height)
    assert one
    assert one.total_tx_count == truth[5].tx_count
    assert api.burn_block(10**6) is None


def test_a_page_and_a_window_page_hold_the_same_transactions(world: World, api: StacksApi) -> None:
    """v3 returns the newest first, v1 the oldest. v1 includes both ends of a window, our windows exclude the end."""
    start, end = window(FIRST_DAY)
    first = api.window_page(start, end, 0)
    assert first.total == len(world.chain.transactions(FIRST_DAY))
    assert [tx.tx_id for tx in first.rows] == [tx.tx_id for tx in world.chain.transactions(FIRST_DAY)[:50]]
    newest = api.page(Cursor.top_of(world.chain.tip.height))
    assert [tx.tx_id for tx in newest.rows] == [tx.tx_id for tx in world.chain.transactions()[::-1][:50]]


@pytest.mark.parametrize("instead", ["404", "410"])
def test_a_missing_v3_is_switched_once_with_one_line(
    script: Script, make_http: Callable[..., Http], instead: str, caplog: pytest.LogCaptureFixture
) -> None:
    script.say(int(instead), b'{"error":"Gone"}')
    api = StacksApi(make_http())

    def ask(_: int) -> bool:
        try:
            api.page(Cursor.top_of(9))
        except SwitchRoute:
            return True
        return False

    with caplog.at_level(logging.INFO, "stx_pipelines"), ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))
    assert api.route == "v1"
    assert len([line for line in caplog.messages if "v1" in line]) == 1


def test_a_server_with_neither_route_is_one_sentence(make_world: MakeWorld) -> None:
    api = make_world(make_chain(1, 6), Knobs(v3_missing=True, v1_gone=True)).open_sync().client
    with pytest.raises(SwitchRoute):
        api.page(Cursor.top_of(9))
    with pytest.raises(ApiError, match="does not offer transactions through v3 or v1") as caught:
        api.window_page(*window(FIRST_DAY), 0)
    assert not isinstance(caught.value, NotFound)


def test_a_cursor_that_the_server_refuses_is_our_mistake_and_not_repeated(world: World, api: StacksApi) -> None:
    with pytest.raises(ApiError, match="out of range"):
        api.page(Cursor(9, 2_147_483_647, 40_000))
    assert world.devnet.stats.requests == 1


def test_304_to_a_question_without_a_condition_is_refused(script: Script, make_http: Callable[..., Http]) -> None:
    script.say(304)
    with pytest.raises(ApiError, match="304"):
        StacksApi(make_http()).tip()

"""Nodes that no longer have old blocks (EIP-4444): the days from ETH_FIRST_DAY on are stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from stx_pipelines.chains.days import window
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs, HistoryWording
from stx_pipelines.store.identity import known_ethereum
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, failed, make_chain, stored

MakeEthereum = Callable[..., DevnetWorld]
WORDINGS: list[HistoryWording] = ["null", "pruned history unavailable"]


def first_block(world: DevnetWorld, day: date) -> int:
    return next(block.number for block in world.chain.blocks if block.timestamp >= window(day)[0])


@pytest.mark.parametrize("wording", WORDINGS)
def test_the_days_that_the_node_has_are_stored(make_ethereum: MakeEthereum, wording: HistoryWording) -> None:
    """The block before the first day is there, as its parent."""
    world = make_ethereum(make_chain(), EthereumKnobs(history_wording=wording))
    first, *later = world.days[1:]
    world.knobs.history_from = first_block(world, first) - 1
    sync = world.balances_sync()
    sync.blocks.first_day = first
    assert set(stored(sync.blocks.sync([first, *later]))) == {first, *later}
    assert set(stored(sync.sync([first, *later]))) == {first, *later}
    world.assert_true([first, *later])
    identity = known_ethereum(world.folder)
    assert identity
    assert (identity.first_day, identity.is_given) == (first, True)

    world.knobs.history_from = 0
    stored(world.blocks(world.days[:1]))
    identity = known_ethereum(world.folder)
    assert identity
    assert (identity.first_day, identity.is_given) == (world.days[0], False), "a node with block 1 corrects the day"


def test_no_block_before_the_first_day_is_requested_for_a_later_day(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    first, *later = world.days[1:]
    sync = world.balances_sync()
    sync.blocks.first_day = first
    stored(sync.blocks.sync([first]))
    asked: list[str] = []
    world.knobs.on_request = lambda calls: asked.extend(str(call.params[0]) for call in calls if call.params)
    stored(sync.blocks.sync(later))
    lowest = min(int(which, 16) for which in asked if which.startswith("0x") and which != "0x0")
    assert lowest >= first_block(world, first) - 1


def test_a_block_that_is_missing_for_a_moment_causes_no_wrong_day(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    first = world.days[1]
    world.knobs.history_from = first_block(world, first) + 5
    sync = world.balances_sync()
    sync.blocks.first_day = first
    assert list(failed(sync.blocks.sync([first]))) == [first]
    world.knobs.history_from = 0
    stored(world.blocks([first]))
    assert world.certificates("blocks")[first].first_height == first_block(world, first)


def test_without_the_first_day_the_sentence_names_the_setting(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(), EthereumKnobs(history_wording="pruned history unavailable"))
    world.knobs.history_from = first_block(world, world.days[1]) - 1
    wrong = failed(world.blocks(world.days[:1]))
    assert "set ETH_FIRST_DAY" in next(iter(wrong.values()))


def test_a_stored_day_whose_blocks_expire_is_kept(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    world.sync()
    world.knobs.history_wording = "pruned history unavailable"
    world.knobs.history_from = world.chain.finalized.number - 10
    try:
        world.sync()
    except ApiError as error:
        pytest.fail(str(error))
    world.assert_true()

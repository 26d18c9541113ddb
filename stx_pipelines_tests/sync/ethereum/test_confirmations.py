"""Chains without finality: the block so many confirmations below the newest counts as final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs, FinalizedTag
from stx_pipelines.sync.ethereum.blocks import open_blocks
from stx_pipelines.sync.ethereum.chain import finalized
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, failed, make_chain, stored

MakeEthereum = Callable[..., DevnetWorld]
TAGS: list[FinalizedTag] = ["null", "not supported", "invalid"]


@pytest.mark.parametrize("tag", TAGS)
def test_the_block_that_far_below_the_newest_is_final(make_ethereum: MakeEthereum, tag: FinalizedTag) -> None:
    """The devnet's own finality is ten blocks: the same days are stored as with the tag."""
    world = make_ethereum(make_chain(), EthereumKnobs(finalized_tag=tag))
    sync = world.balances_sync()
    sync.blocks.confirmations = 10
    stored(sync.blocks.sync(world.days))
    stored(sync.sync(world.days))
    world.assert_true()


@pytest.mark.parametrize("tag", TAGS)
def test_without_the_setting_the_sentence_names_it(make_ethereum: MakeEthereum, tag: FinalizedTag) -> None:
    world = make_ethereum(make_chain(1), EthereumKnobs(finalized_tag=tag))
    with pytest.raises(ApiError, match=r"names no finalized block: .* set ETH_CONFIRMATIONS to the number") as said:
        world.blocks()
    assert_shown("`... names no finalized block`", str(said.value))
    assert world.calls() <= 6  # nothing is tried in vain
    sync = world.blocks_sync()
    sync.confirmations = 10
    stored(sync.sync(world.days))


def test_a_finalized_block_comes_first(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1))
    assert finalized(world.node(), 3).number == world.chain.finalized.number
    world.knobs.finalized_tag = "null"
    assert finalized(world.node(), 3).number == world.chain.latest.number - 3
    assert finalized(world.node(), 0).number == world.chain.latest.number


def test_a_chain_with_fewer_blocks_has_no_final_one(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1), EthereumKnobs(finalized_tag="null"))
    with pytest.raises(ApiError, match="has no block with ETH_CONFIRMATIONS=5000 newer ones: try again later"):
        finalized(world.node(), 5_000)


def test_a_wrong_key_is_no_sign_of_a_chain_without_finality(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1), EthereumKnobs(faults={"http_401": 1.0}))
    with pytest.raises(ApiError, match="HTTP 401"):
        finalized(world.node(), 3)


def test_a_reorg_deeper_than_the_confirmations_opens_its_days_again(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(), EthereumKnobs(finalized_tag="null"))

    def both() -> dict[Any, Any]:
        sync = world.balances_sync()
        sync.blocks.confirmations = 10
        return failed(sync.blocks.sync(world.days)) | failed(sync.sync(world.days))

    assert both() == {}
    world.chain.reorg(100)
    world.chain.grow(1)
    assert both() == {}
    world.assert_true()


def test_the_setting_reaches_the_sync(make_ethereum: MakeEthereum, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_ethereum(make_chain(1))
    assert open_blocks(world.project()).confirmations is None
    assert open_blocks(world.project().replaced(eth_confirmations=12)).confirmations == 12

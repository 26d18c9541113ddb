"""Nodes that are right but unusual, or wrong for a moment: no day is lost by them, and no value is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    failed,
    file_rows,
    final_blocks,
    make_chain,
    query,
    stored,
)
from stx_pipelines_tests.world import FIRST_DAY

MakeEthereum = Callable[..., DevnetWorld]


def test_a_stray_refusal_of_state_loses_no_day(make_ethereum: MakeEthereum) -> None:
    """Every second request for balances meets it, those of the search for the oldest state too."""
    world = make_ethereum(make_chain(), parallel=1)
    stored(world.blocks())
    requests = 0

    def stray(calls: list[Call]) -> None:
        nonlocal requests
        if calls[0].method == "eth_getBalance":
            requests += 1
            world.knobs.faults_left = requests % 2  # of the next request

    world.knobs.faults, world.knobs.faults_left = {"missing_trie_node": 0.7}, 0
    world.knobs.on_request = stray
    sync = world.balances_sync()
    assert sync.client.first_state(0, 400) == 0
    stored(sync.sync(world.days))
    assert world.devnet.ethereum_stats.by_fault["missing_trie_node"] > 0
    world.assert_true()


def test_the_oldest_state_is_searched_again_where_the_node_changed_its_mind(make_ethereum: MakeEthereum) -> None:
    """It has no state at first, and all states while they are searched for: nothing wrong is remembered."""
    world = make_ethereum(make_chain(), EthereumKnobs(state_blocks=1))
    world.blocks()
    refused = 0

    def heal(calls: list[Call]) -> None:
        nonlocal refused
        refused += calls[0].method == "eth_getBalance"
        world.knobs.state_blocks = 1 if refused <= 2 else 0

    world.knobs.on_request = heal
    stored(world.balances())
    assert FIRST_DAY in world.certificates("miners_balance")
    assert failed(world.balances()) == {}
    world.assert_true()


def test_unusual_forms_of_right_answers_give_the_same_rows(make_ethereum: MakeEthereum) -> None:
    """Every header is hashed and every balance proved, though the numbers are padded and the recipient is an author."""
    world = make_ethereum(make_chain(1), EthereumKnobs(odd_forms=True))
    sync = world.balances_sync()
    blocks = stored(sync.blocks.sync(world.days))
    sync.proofs.pairs = None
    balances = stored(sync.sync(world.days))
    for day in world.days:
        assert blocks[day].certificate.proof.endswith("every header's fields have its hash")
        assert "proved by account proofs" in balances[day].certificate.proof
        rows = file_rows(world.data, "blocks", day)
        assert rows == [tuple(block._replace(size=None)) for block in final_blocks(world.chain, day)]
    world.assert_balances()


def test_a_gas_limit_beyond_63_bits_is_null_and_reported_once(
    make_ethereum: MakeEthereum, caplog: pytest.LogCaptureFixture
) -> None:
    """As of `anvil --disable-block-gas-limit`."""
    world = make_ethereum(make_chain(1), EthereumKnobs(gas_limit=2**64 - 1))
    stored(world.blocks())
    rows = sum(len(final_blocks(world.chain, day)) for day in world.days)
    assert query(world.data, "SELECT count(*), count(gas_limit), count(gas_used) FROM blocks") == [(rows, 0, rows)]
    assert [text for text in caplog.messages if "gas_limit" in text] == [
        "block 142: its gas_limit does not fit into 63 bits, so it is NULL (as in other such blocks)"
    ]
    stored(world.balances())

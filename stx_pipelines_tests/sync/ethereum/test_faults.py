"""Faults of a node, one by one and mixed: passing ones cost retries but no row, the others are one sentence each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stx_pipelines.clients.errors import ApiError, Denied
from stx_pipelines.devnet.ethereum.knobs import (
    ELEMENT_FAULTS,
    ETHEREUM_FAULTS,
    REQUEST_FAULTS,
    BatchRefusal,
    EthereumFault,
    EthereumKnobs,
)
from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines.sync.outcome import Outcome
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, failed, make_chain, stored
from stx_pipelines_tests.world import FIRST_DAY

MakeEthereum = Callable[..., DevnetWorld]

FINAL: dict[EthereumFault, str] = {
    "http_400": "HTTP 400",
    "http_401": "HTTP 401",
    "http_402": "HTTP 402",
    "http_403": "HTTP 403",
    "http_404": "HTTP 404",
    "http_413": "a single call is too large",
    "error_-32600": "invalid request",
    "error_-32601": "not available on your plan",
    "error_-32602": "invalid argument 0",
    "error_-32700": "parse error",
    "missing_trie_node": "no",  # of a state: an archive node is needed; of a block: a node with the whole history
}
"""Faults that retries do not cure, with words of their sentences."""

PASSING = [kind for kind in ETHEREUM_FAULTS if kind not in FINAL]
DAYS = [FIRST_DAY]


@pytest.mark.parametrize("kind", PASSING)
def test_a_passing_fault_costs_retries_but_no_row(make_ethereum: MakeEthereum, kind: EthereumFault) -> None:
    rate = 0.02 if kind in ELEMENT_FAULTS else 0.2
    knobs = EthereumKnobs(faults={kind: rate}, retry_after_seconds=0, seed=7)
    world = make_ethereum(make_chain(1, 3), knobs, attempts=12, batch_size=20)
    for outcomes in world.sync(DAYS):
        stored(outcomes)
    assert world.devnet.ethereum_stats.by_fault[kind] > 0
    world.assert_true(DAYS)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_of_them_at_once_cost_no_row(make_ethereum: MakeEthereum, seed: int) -> None:
    faults = dict.fromkeys(set(PASSING) & set(ELEMENT_FAULTS), 0.005)
    faults |= dict.fromkeys(set(PASSING) & set(REQUEST_FAULTS), 0.015)
    knobs = EthereumKnobs(faults=faults | {"shuffled": 0.5}, retry_after_seconds=0, seed=seed)
    world = make_ethereum(make_chain(1, 3, seed=seed), knobs, attempts=12, batch_size=20)
    for outcomes in world.sync(DAYS):
        stored(outcomes)
    assert len(+world.devnet.ethereum_stats.by_fault) > 8
    world.assert_true(DAYS)


@pytest.mark.parametrize("kind", FINAL)
@pytest.mark.parametrize("dataset", ["blocks", BALANCES])
def test_a_lasting_fault_is_one_sentence_and_nothing_of_the_day_is_stored(
    make_ethereum: MakeEthereum, dataset: str, kind: EthereumFault
) -> None:
    """The fault begins with the day's first batch."""
    world = make_ethereum(make_chain(1, 3))
    if dataset == BALANCES:
        stored(world.blocks(DAYS))
    before = 4 if dataset == "blocks" else 5  # the chain's identity and the newest final block
    break_after(world, before, kind)
    refused = sentences(lambda: world.blocks(DAYS) if dataset == "blocks" else world.balances(DAYS))
    assert FINAL[kind] in refused[0]
    if kind == "missing_trie_node":
        advice = "ETH_RPC_URL to a node with the whole history" if dataset == "blocks" else "use an archive node"
        assert advice in refused[0]
    assert all("\n" not in sentence for sentence in refused)
    assert world.certificates(dataset) == {}


def test_a_day_is_stored_once_the_node_works_again(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, 3))
    break_after(world, 4, "http_403")
    with pytest.raises(Denied):  # it concerns every day
        world.blocks(DAYS)
    world.knobs.faults, world.knobs.on_request = {}, None
    world.sync(DAYS)
    world.assert_true(DAYS)


def break_after(world: DevnetWorld, requests: int, kind: EthereumFault) -> None:
    """Respond to the next `requests` as usual, and to all later ones with this fault."""
    received = 0

    def count(_: object) -> None:
        nonlocal received
        received += 1
        if received == requests:
            world.knobs.faults = {kind: 1.0}

    world.knobs.on_request = count


def sentences(attempt: Callable[[], list[Outcome]]) -> list[str]:
    """Return the sentences of the failed days, or of the whole sync."""
    try:
        return list(failed(attempt()).values())
    except ApiError as error:
        return [str(error)]


@pytest.mark.parametrize("kind", ["http_503", "drop", "object", "error_-32005", "null", "bad_hex", "missing"])
def test_a_passing_fault_that_never_ends_is_reported_and_nothing_is_stored(
    make_ethereum: MakeEthereum, kind: EthereumFault
) -> None:
    world = make_ethereum(make_chain(1, 3), attempts=2)
    stored(world.blocks(DAYS))
    break_after(world, 5, kind)
    [sentence] = sentences(lambda: world.balances(DAYS))
    assert "2 attempts" in sentence
    assert world.certificates(BALANCES) == {}


@pytest.mark.parametrize("refusal", ["413", "element", "object", "erigon"])
def test_the_largest_batch_a_node_takes_is_learned(
    make_ethereum: MakeEthereum, caplog: pytest.LogCaptureFixture, refusal: BatchRefusal
) -> None:
    world = make_ethereum(make_chain(1, 3), EthereumKnobs(batch_limit=30, batch_refusal=refusal), parallel=2)
    world.blocks(DAYS)
    assert world.last_node
    assert 15 <= world.last_node.batch_size <= 30
    assert_shown("`batches now have at most N calls`", caplog.text)
    assert world.devnet.ethereum_stats.largest_batch > 30
    world.balances(DAYS)
    world.assert_true(DAYS)


def test_responses_that_are_too_large_are_requested_in_parts(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, 3), EthereumKnobs(response_bytes_limit=40_000))
    stored(world.blocks(DAYS))
    assert world.last_node
    assert world.last_node.batch_size < 100
    world.assert_blocks(DAYS)


def test_no_second_has_more_calls_than_allowed(make_ethereum: MakeEthereum) -> None:
    """The limit is for both syncs together. Calls may arrive closer than they were sent, so 10 % more are allowed."""
    world = make_ethereum(make_chain(1, 3), calls_per_second=180)
    world.sync(DAYS)
    assert 90 < world.devnet.ethereum_stats.busiest_second <= 200
    world.assert_true(DAYS)

"""A node that has no state for a block is believed when the same call says so twice, and not before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stx_pipelines.clients.errors import ApiError, NoHistory, NoState
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Fault, Json, MakeRpc, Node, Reply, error, reply
from stx_pipelines_tests.clients.node_faults import instead

Why = dict[str, Json]
NO_STATE: list[Why] = [
    {"code": -32000, "message": "missing trie node 0d4ee1 (path ) state 0x0d4ee1 is not available"},
    {"code": -32000, "message": "historical state 0x0d4ee1 is not available"},
    {"code": -32000, "message": "required historical state unavailable (reexec=128)"},
    {"code": -32000, "message": "state at block #17 is pruned"},
    {"code": -32000, "message": "old data not available due to pruning"},
    {"code": -32001, "message": "no state found for block number 17"},
    {"code": -32002, "message": "No state available for block 0x0d4ee1"},
    {"code": -32603, "message": "missing trie node 0d4ee1"},
    {"code": -32603, "message": "This request requires an archive node"},
    {"code": -32602, "message": "BlockOutOfRangeError: block height is 300 but requested was 0"},
    {"code": -32603, "message": "Internal error", "data": "missing trie node 0d4ee1"},
    {"code": -32000, "data": "No state available for block 0x0d4ee1"},
]
VICTIM = KEYS[3]


def at_block(number: int, why: Why) -> Fault:
    """Return a fault that refuses the call about one block and answers all others."""

    def refuse(calls: list[Json], answers: list[Json]) -> Reply:
        spoiled = [
            {"id": call["id"], "error": why} if int(call["params"][1], 16) == number else answer
            for call, answer in zip(calls, answers, strict=True)
        ]
        return reply(spoiled if len(calls) > 1 else spoiled[0])

    return refuse


FORMS: dict[str, Callable[[Why], Fault]] = {
    "element": lambda why: at_block(VICTIM.number, why),
    "object": lambda why: instead({"id": None, "error": why}),
    "status": lambda why: instead({"id": None, "error": why}, 500),
    "status 400": lambda why: instead({"id": None, "error": why}, 400),
}


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("why", NO_STATE)
@pytest.mark.parametrize("form", FORMS)
def test_a_node_without_the_state_is_named_when_it_says_so_twice(
    node: Node, make_rpc: MakeRpc, why: Why, form: str, attempts: int
) -> None:
    node.always = FORMS[form](why)
    with pytest.raises(NoState, match=r"use an archive node") as caught:
        make_rpc(attempts=attempts).balances(KEYS)
    assert len(node.asked) == 2
    assert "\n" not in str(caught.value)
    assert (why.get("data") or why["message"]) in str(caught.value)
    if form == "element":
        assert f"the balance of {VICTIM.address} at block {VICTIM.number}" in str(caught.value)


@pytest.mark.parametrize("why", NO_STATE)
@pytest.mark.parametrize("form", FORMS)
def test_a_node_that_says_so_once_is_asked_again(node: Node, make_rpc: MakeRpc, why: Why, form: str) -> None:
    """Only the calls without a value are sent again, with one attempt only, too."""
    node.faults = [FORMS[form](why)]
    assert make_rpc(attempts=1).balances(KEYS) == TRUTH
    assert node.sizes() == [10, 1 if form == "element" else 10]


def test_other_calls_that_are_refused_do_not_confirm_the_first(node: Node, make_rpc: MakeRpc) -> None:
    """Each key is refused once, one after another."""
    node.faults = [at_block(KEYS[0].number, NO_STATE[0]), at_block(KEYS[1].number, NO_STATE[0])]
    assert make_rpc(batch_size=1).balances(KEYS) == TRUTH


def test_a_header_that_is_never_found_is_a_state_that_is_gone(node: Node, make_rpc: MakeRpc) -> None:
    """A new block's header comes with another attempt, so only the last one is believed."""
    not_found = {"code": -32000, "message": "header not found"}
    node.faults = [at_block(VICTIM.number, not_found)] * 3
    assert make_rpc().balances(KEYS) == TRUTH
    node.asked.clear()
    node.always = at_block(VICTIM.number, not_found)
    with pytest.raises(NoState, match=r"'header not found' .*: use an archive node"):
        make_rpc().balances(KEYS)
    assert node.sizes() == [10, 1, 1, 1]


@pytest.mark.parametrize(("first", "lie"), [(0, 1_000), (0, 0), (700, 1_000), (700, 900), (700, 1_750), (0, 1_999)])
def test_a_wrong_refusal_does_not_mislead_the_search_for_the_oldest_state(
    node: Node, make_rpc: MakeRpc, first: int, lie: int
) -> None:
    """The node refuses one block's state twice, and has it when it is asked for the third time."""
    node.state_from = first
    lies = 2

    def lie_twice(calls: list[Json], answers: list[Json]) -> Reply:
        nonlocal lies
        if lies and int(calls[0]["params"][1], 16) == lie:
            lies -= 1
            return reply(error(calls[0], -32000, "missing trie node"))
        return reply(answers[0])

    node.always = lie_twice
    assert make_rpc().first_state(0, 2_000) == first


def test_history_that_has_expired_is_no_matter_of_state(node: Node, make_rpc: MakeRpc) -> None:
    """Source of the words: EIP-4444."""
    why = {"code": 4444, "message": "pruned history unavailable"}
    node.always = instead({"id": None, "error": why})
    with pytest.raises(
        ApiError, match=r"no longer has block 7 \(it reported .* \(4444\)\); stored days are kept: set ETH_FIRST_DAY"
    ) as caught:
        make_rpc().blocks([7])
    assert type(caught.value) is NoHistory
    node.always = None
    node.faults = [instead({"id": None, "error": why})]
    assert make_rpc().blocks([7]) == [chain.block(7)]

"""Unusual forms of ids are understood; a balance that no table can hold ends in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Json, MakeRpc, Node, Reply, reply
from stx_pipelines_tests.clients.node_faults import result

IDS: dict[str, Callable[[int], Json]] = {"text": str, "float": float, "padded text": lambda number: f"{number:018}"}


@pytest.mark.parametrize("form", IDS)
def test_an_id_in_another_form_is_the_same_id(node: Node, make_rpc: MakeRpc, form: str) -> None:
    def renamed(_calls: list[Json], answers: list[Json]) -> Reply:
        odd = [answer | {"id": IDS[form](answer["id"])} for answer in answers]
        return reply(odd if len(odd) > 1 else odd[0])

    node.always = renamed
    rpc = make_rpc()
    assert (rpc.balances(KEYS), rpc.chain_id()) == (TRUTH, 31_337)
    assert node.sizes() == [10, 1]


def test_two_results_for_one_call_in_two_forms_of_its_id_are_not_used(node: Node, make_rpc: MakeRpc) -> None:
    node.faults = [
        lambda _calls, answers: reply([*answers, answers[3] | {"id": str(answers[3]["id"]), "result": "0x1"}])
    ]
    assert make_rpc().balances(KEYS) == TRUTH
    assert node.sizes() == [10, 1]


@pytest.mark.parametrize("value", [10**38, 2**256 - 1])
def test_a_balance_of_more_than_38_digits_is_one_sentence(node: Node, make_rpc: MakeRpc, value: int) -> None:
    """It is requested twice: a wrong result alone is no reason to lose a day."""
    node.faults = [result(hex(value))]
    assert make_rpc().balances(KEYS) == TRUTH
    node.asked.clear()
    node.always = lambda calls, answers: reply(
        [answers[0] | {"result": hex(value)}, *answers[1:]] if len(calls) > 1 else answers[0] | {"result": hex(value)}
    )
    with pytest.raises(
        ApiError, match=f"the balance of {KEYS[0].address} at block {KEYS[0].number} is {value}"
    ) as caught:
        make_rpc(attempts=1).balances(KEYS)
    assert type(caught.value) is ApiError
    assert "\n" not in str(caught.value)
    assert node.sizes() == [10, 1]

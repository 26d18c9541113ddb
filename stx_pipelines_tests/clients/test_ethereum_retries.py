"""The client returns the chain's value for each call or raises an error, for all wrong responses of a node."""

from __future__ import annotations

import json
import random
import threading
from types import SimpleNamespace

import pytest

from stx_pipelines.clients.errors import ApiError, RateLimited, TooLarge, Unreachable
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.imaginary import Clock, Stop
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Json, MakeRpc, Node, Reply, error, reply
from stx_pipelines_tests.clients.node_faults import ALL_FAULTS, FAULTS_OF_ALL, FAULTS_OF_ONE, TOO_LARGE, instead

N = len(KEYS)


class TestPassingTroubles:
    """After a temporary failure, only the failed calls are sent again, and all values are right."""

    @pytest.mark.parametrize("kind", FAULTS_OF_ONE)
    def test_one_call_that_failed_is_the_only_one_asked_again(self, node: Node, make_rpc: MakeRpc, kind: str) -> None:
        node.faults = [FAULTS_OF_ONE[kind]]
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert node.sizes() == [N, 1]
        assert rpc.calls == N + 1
        assert node.asked[1][0]["params"] == node.asked[0][3]["params"]

    @pytest.mark.parametrize("kind", FAULTS_OF_ALL)
    def test_a_batch_that_failed_is_asked_again_whole(self, node: Node, make_rpc: MakeRpc, kind: str) -> None:
        node.faults = [FAULTS_OF_ALL[kind]] * 2
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        # A batch that gets 429 twice is halved.
        assert node.sizes() == ([N, N, N // 2, N // 2] if kind == "HTTP 429" else [N, N, N])
        assert rpc.calls == 3 * N

    def test_the_order_of_answers_means_nothing(self, node: Node, make_rpc: MakeRpc) -> None:
        node.always = lambda _calls, answers: reply(random.sample(answers, len(answers)))
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert rpc.blocks([5, 3, 4]) == [chain.block(5), chain.block(3), chain.block(4)]
        assert rpc.calls == N + 3

    @pytest.mark.parametrize("kind", [kind for kind in ALL_FAULTS if kind != "header not found"])
    def test_one_that_does_not_pass_is_an_error_after_the_attempts(
        self, node: Node, make_rpc: MakeRpc, kind: str
    ) -> None:
        fault, victim = ALL_FAULTS[kind], KEYS[3].number

        def on_the_victim(calls: list[Json], answers: list[Json]) -> Reply:
            ill = next((n for n, call in enumerate(calls) if int(call["params"][1], 16) == victim), None)
            if ill is None:
                return reply(answers)
            pad = [{"id": -n} for n in range(3)]
            status, headers, body = fault([*pad, calls[ill]], [*pad, answers[ill]])
            if kind in FAULTS_OF_ONE:
                rest = [answer for n, answer in enumerate(answers) if n != ill]
                return reply([*rest, *json.loads(body)[3:]])
            return status, headers, body

        node.always = on_the_victim
        with pytest.raises(Unreachable) as caught:
            make_rpc().balances(KEYS)
        assert "\n" not in str(caught.value)
        assert len(node.asked) <= 3 + (N + 3)  # where no batch has a value, single calls are tried
        assert "in 3 attempts: " in str(caught.value)

    @pytest.mark.parametrize("seed", range(4))
    def test_all_of_them_mixed_over_many_batches_in_flight_change_no_value(
        self, node: Node, make_rpc: MakeRpc, seed: int
    ) -> None:
        dice = random.Random(seed)

        def sometimes(calls: list[Json], answers: list[Json]) -> Reply:
            batch = random.sample(answers, len(answers))
            few = len(calls) < 4 or dice.random() < 0.4
            honest = reply(batch if len(calls) > 1 else batch[0])
            return honest if few else ALL_FAULTS[dice.choice(list(ALL_FAULTS))](calls, answers)

        node.always = sometimes
        rpc = make_rpc(batch_size=7, attempts=40)
        numbers = range(300, 700)
        assert rpc.blocks(numbers) == [chain.block(number) for number in numbers]
        keys = [chain.key(number) for number in numbers]
        assert rpc.balances(keys) == {key: chain.wei(key) for key in keys}

    def test_a_block_of_another_number_is_not_believed(self, node: Node, make_rpc: MakeRpc) -> None:
        node.faults = [
            lambda calls, answers: reply([{"id": calls[0]["id"], "result": answers[1]["result"]}, *answers[1:]])
        ]
        assert make_rpc().blocks([7, 8]) == [chain.block(7), chain.block(8)]
        assert node.sizes() == [2, 1]

    def test_a_block_the_node_does_not_have_is_asked_again_and_then_named(self, node: Node, make_rpc: MakeRpc) -> None:
        with pytest.raises(Unreachable, match=f"block {chain.HEAD + 1}"):
            make_rpc().blocks([chain.HEAD, chain.HEAD + 1])
        assert node.sizes() == [2, 1, 1, 1]

    def test_no_id_is_used_for_two_calls(self, node: Node, make_rpc: MakeRpc) -> None:
        """Ids are never repeated, so that the response to one request is never taken for the response to another."""
        rpc = make_rpc(batch_size=3)
        rpc.balances(KEYS)
        rpc.blocks(range(10))
        ids = [call["id"] for calls in node.asked for call in calls]
        assert len(set(ids)) == len(ids) == rpc.calls == N + 10

    def test_a_short_pause_the_node_asks_for_is_kept(
        self, node: Node, make_rpc: MakeRpc, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events = SimpleNamespace(Event=lambda: Stop(clock), Lock=threading.Lock)
        monkeypatch.setattr("stx_pipelines.clients.ethereum_rpc.threading", events)
        node.faults = [instead("slow down", 429, retry_after="1")]
        assert make_rpc().balances(KEYS) == TRUTH
        assert clock.waited == pytest.approx(1)

    def test_a_long_pause_is_said(self, node: Node, make_rpc: MakeRpc) -> None:
        node.faults = [instead("slow down", 429, retry_after="3600")]
        with pytest.raises(RateLimited, match="rate limited until"):
            make_rpc().balances(KEYS)


class TestTooLarge:
    """A refused batch is split, and the smaller size is kept."""

    @pytest.mark.parametrize("kind", TOO_LARGE)
    def test_a_refused_batch_is_split_until_it_fits(self, node: Node, make_rpc: MakeRpc, kind: str) -> None:
        cap = 1 if kind == "no batches at all" else 3

        def refuse(calls: list[Json], answers: list[Json]) -> Reply:
            return TOO_LARGE[kind](calls, answers) if len(calls) > cap else reply(answers)

        node.always = refuse
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        learned = rpc.batch_size
        assert learned == min(cap, 2)
        assert node.sizes()[:2] == [10, 5]
        node.asked.clear()
        rpc.balances([chain.key(number) for number in range(20)])
        assert set(node.sizes()) == {learned}

    def test_what_fitted_is_kept(self, node: Node, make_rpc: MakeRpc) -> None:
        node.faults = [
            lambda calls, answers: reply(
                [*answers[:6], *(error(call, -32003, "response too large") for call in calls[6:])]
            )
        ]
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert node.sizes() == [10, 4]
        assert rpc.batch_size == 5

    def test_a_single_call_that_is_too_large_is_an_error(self, node: Node, make_rpc: MakeRpc) -> None:
        node.always = TOO_LARGE["HTTP 413"]
        with pytest.raises(ApiError, match="a single call is too large") as caught:
            make_rpc().balances(KEYS)
        assert not isinstance(caught.value, TooLarge)
        assert node.sizes() == [10, 5, 2, 1]

    def test_of_a_single_call_words_about_a_size_are_not_believed(self, node: Node, make_rpc: MakeRpc) -> None:
        """The call is sent again, because the error may mean that there were too many requests."""
        node.always = TOO_LARGE["an object"]
        with pytest.raises(Unreachable, match=r"http://127.0.0.1:\d+ reported 'batch too large' .* for the balance"):
            make_rpc().balances(KEYS)
        assert node.sizes() == [10, 5, 2, 1, 1, 1]

    @pytest.mark.parametrize("status", [200, 429])
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (-32005, "Request exceeds defined limit"),
            (-32005, "request count exceeded"),
            (-32005, "batch request rate limit exceeded"),
            (-32029, "Your request exceeded the allowed requests/sec"),
            (429, "Too many batch requests"),
        ],
    )
    def test_words_and_codes_of_rate_limits_shrink_no_batch(
        self, node: Node, make_rpc: MakeRpc, status: int, code: int, message: str
    ) -> None:
        node.faults = [instead({"id": None, "error": {"code": code, "message": message}}, status)]
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert (rpc.batch_size, node.sizes()) == (100, [10, 10])

    def test_one_odd_element_does_not_spoil_the_others(self, node: Node, make_rpc: MakeRpc) -> None:
        node.faults = [
            lambda calls, answers: reply(
                [None, *answers[:6], {"id": calls[6]["id"], "error": {"code": None, "message": None}}]
            )
        ]
        assert make_rpc().balances(KEYS) == TRUTH
        assert node.sizes() == [10, 4]

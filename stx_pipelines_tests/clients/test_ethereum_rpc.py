"""Whatever a node does, each value is the chain's own or there is an error: none is missing, wrong or made up."""

from __future__ import annotations

import json
import logging
import random
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from stx_pipelines.chains.ethereum import BalanceKey
from stx_pipelines.clients.errors import ApiError, Interrupted, NoState, NotFound, RateLimited, TooLarge, Unreachable
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc, connect
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.imaginary import Clock, Stop, busiest, grants, keep_grants, the_account
from stx_pipelines_tests.clients.node import Fault, Json, Node, Reply, error, reply
from stx_pipelines_tests.waiting import LONGEST, wait_until

A_DAY = 86_400.0
N = 10
KEYS = [chain.key(number) for number in range(100, 100 + N)]
TRUTH = {key: chain.wei(key) for key in KEYS}
MakeRpc = Callable[..., EthereumRpc]


@pytest.fixture
def node() -> Iterator[Node]:
    with chain.running() as it:
        yield it


@pytest.fixture
def make_rpc(node: Node) -> MakeRpc:
    """A client of the node, impatient unless told otherwise."""

    def make(path: str = "", calls_per_second: int = 0, batch_size: int = 100, **patience: Any) -> EthereumRpc:
        quick: dict[str, Any] = {"attempts": 3, "first_wait": 0.005, "last_wait": 0.01, "timeout": LONGEST}
        budget = Budget(node.url, calls_per_second=calls_per_second)
        kept = Patience(statuses=PASSING, **(quick | patience))
        return EthereumRpc(Http(node.url + path, budget, kept, name=node.url), batch_size=batch_size)

    return make


@pytest.fixture
def halts(monkeypatch: pytest.MonkeyPatch) -> list[threading.Event]:
    """The signal that ends the batches of each question, as it is made."""
    made: list[threading.Event] = []

    def make() -> threading.Event:
        made.append(threading.Event())
        return made[-1]

    monkeypatch.setattr(
        "stx_pipelines.clients.ethereum_rpc.threading", SimpleNamespace(Event=make, Lock=threading.Lock)
    )
    return made


def apart(work: Callable[[], object]) -> Future[object]:
    """What comes of work in a thread of its own: a wait that nobody ends does not keep the tests from ending."""
    result: Future[object] = Future()

    def do() -> None:
        try:
            result.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            result.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return result


def spoil_one(change: Callable[[Json, list[Json]], list[Json]]) -> Fault:
    """A fault of the fourth call alone: it is answered with these elements instead."""
    return lambda calls, answers: reply([*answers[:3], *change(calls[3], answers), *answers[4:]])


def said(code: Any, message: str) -> Fault:
    return spoil_one(lambda call, _: [error(call, code, message)])


def instead(value: Json, status: int = 200, **headers: str) -> Fault:
    return lambda _calls, _answers: reply(value, status, **headers)


def cut(_calls: list[Json], answers: list[Json]) -> Reply:
    return 200, {}, json.dumps(answers).encode()[:-20]


def broken_off(_calls: list[Json], answers: list[Json]) -> Reply:
    return 200, {"content-length": "100000", "connection": "close"}, json.dumps(answers).encode()


def result(value: Json) -> Fault:
    return spoil_one(lambda call, _: [{"id": call["id"], "result": value}])


FAULTS_OF_ONE: dict[str, Fault] = {
    "missing": spoil_one(lambda _call, _answers: []),
    "null": result(None),
    "no result": spoil_one(lambda call, _: [{"jsonrpc": "2.0", "id": call["id"]}]),
    "repeated": spoil_one(lambda _call, answers: [answers[3], answers[3]]),
    "repeated with another value": spoil_one(lambda call, answers: [answers[3], {"id": call["id"], "result": "0x0"}]),
    "an error and a value": spoil_one(lambda call, answers: [error(call, -32602, "no"), answers[3]]),
    "id as text": spoil_one(lambda call, answers: [answers[3] | {"id": str(call["id"])}]),
    "id of nobody": spoil_one(lambda call, answers: [answers[3] | {"id": call["id"] + 1_000_000}]),
    "id null": spoil_one(lambda _call, answers: [answers[3] | {"id": None}]),
    "a number": result(5),
    "decimal": result("12"),
    "empty hex": result("0x"),
    "an object": result({"balance": "0x1"}),
    "rate limit 429": said(429, "too many requests"),
    "rate limit -32005": said(-32005, "limit exceeded"),
    "rate limit -32007": said(-32007, "50/second request limit reached"),
    "rate limit -32011": said(-32011, "no backends available"),
    "internal": said(-32603, "internal error"),
    "header not found": said(-32000, "header not found"),
    "unknown code": said(-39_999, "?"),
    "an error of a text": spoil_one(lambda call, _: [{"id": call["id"], "error": "busy"}]),
}
FAULTS_OF_ALL: dict[str, Fault] = {
    "an object": instead({"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "slow down"}}),
    "an object without an error": instead({"message": "hello"}),
    "an empty array": instead([]),
    "an array of others": instead([1, "x", None]),
    "null": instead(None),
    "an empty body": lambda _calls, _answers: (200, {}, b""),
    "html": lambda _calls, _answers: (200, {}, b"<html>hello</html>"),
    "cut json": cut,
    "a cut answer": broken_off,
    "no answer": lambda _calls, _answers: (0, {}, b""),
    **{f"HTTP {status}": instead("sorry", status) for status in (408, 425, 429, 500, 502, 503, 504, 522)},
}
ALL_FAULTS = FAULTS_OF_ONE | {f"all: {name}": fault for name, fault in FAULTS_OF_ALL.items()}


class TestPassingTroubles:
    """What failed is asked again, and nothing else; the values are right afterwards."""

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
        assert node.sizes() == [N, N, N]
        assert rpc.calls == 3 * N

    def test_the_order_of_answers_means_nothing(self, node: Node, make_rpc: MakeRpc) -> None:
        node.always = lambda _calls, answers: reply(random.sample(answers, len(answers)))
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert rpc.blocks([5, 3, 4]) == [chain.block(5), chain.block(3), chain.block(4)]
        assert rpc.calls == N + 3

    @pytest.mark.parametrize("kind", ALL_FAULTS)
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
        assert len(node.asked) <= 4
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
        """So that an answer to one request can never be taken for the answer to another."""
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


TOO_LARGE: dict[str, Fault] = {
    "HTTP 413": instead("no", 413),
    "an object": instead({"id": None, "error": {"code": -32600, "message": "batch too large"}}),
    "the first call's error alone": lambda calls, _: reply([error(calls[0], -32600, "batch too large")]),
    "every call's error": lambda calls, _: reply([error(call, -32000, "Batch limit exceeded") for call in calls]),
    "HTTP 400": instead({"error": {"code": -32600, "message": "batch size limit is 3"}}, 400),
    "HTTP 403 in plain text": lambda _calls, _answers: (403, {}, b"Batch of more than 3 requests are not allowed"),
    "HTTP 500": instead({"id": 1, "error": {"code": -32005, "message": "batch limit"}}, 500),
    "the answer": instead({"id": None, "error": {"code": -32003, "message": "response too large"}}),
    "no batches at all": instead({"id": None, "error": {"code": -32600, "message": "batching is not supported"}}),
}


class TestTooLarge:
    """A node that takes less at once is asked for less, and the size is remembered."""

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
        """It is asked again: the words may mean too many requests."""
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

    def test_words_about_a_rate_are_no_words_about_a_size(self, node: Node, make_rpc: MakeRpc) -> None:
        node.faults = [instead({"error": {"code": -32005, "message": "batch request rate limit exceeded"}})]
        rpc = make_rpc()
        assert rpc.balances(KEYS) == TRUTH
        assert rpc.batch_size == 100


NO_STATE = [
    (-32000, "missing trie node 0d4ee1 (path ) state 0x0d4ee1 is not available"),
    (-32000, "historical state 0x0d4ee1 is not available"),
    (-32000, "required historical state unavailable (reexec=128)"),
    (-32000, "state at block #17 is pruned"),
    (-32000, "old data not available due to pruning"),
    (-32002, "No state available for block 0x0d4ee1"),
    (-32603, "missing trie node 0d4ee1"),
    (-32603, "This request requires an archive node"),
    (-32602, "BlockOutOfRangeError: block height is 300 but requested was 0"),
]


class TestFinal:
    """What no repetition changes is said at once, in one sentence."""

    @pytest.mark.parametrize(("code", "message"), NO_STATE)
    @pytest.mark.parametrize("form", ["element", "object", "status"])
    def test_a_node_without_the_state_is_named_as_such(
        self, node: Node, make_rpc: MakeRpc, code: int, message: str, form: str
    ) -> None:
        whole = {"id": None, "error": {"code": code, "message": message}}
        forms = {"element": said(code, message), "object": instead(whole), "status": instead(whole, 500)}
        node.always = forms[form]
        with pytest.raises(NoState, match=r"use an archive node") as caught:
            make_rpc().balances(KEYS)
        assert len(node.asked) == 1
        assert "\n" not in str(caught.value)
        if form == "element":
            assert f"the balance of {KEYS[3].address} at block {KEYS[3].number}" in str(caught.value)

    @pytest.mark.parametrize("code", [-32600, -32601, -32602, -32700])
    @pytest.mark.parametrize("form", ["element", "object"])
    def test_a_call_the_node_does_not_understand(self, node: Node, make_rpc: MakeRpc, code: int, form: str) -> None:
        whole = {"id": None, "error": {"code": code, "message": "no such\nthing"}}
        node.always = said(code, "no such\nthing") if form == "element" else instead(whole)
        with pytest.raises(ApiError, match=rf"no such thing' \({code}\)") as caught:
            make_rpc().balances(KEYS)
        assert type(caught.value) is ApiError
        assert len(node.asked) == 1

    @pytest.mark.parametrize("status", [301, 302, 400, 401, 402, 403, 404, 405, 418])
    def test_a_status_that_does_not_pass(self, node: Node, make_rpc: MakeRpc, status: int) -> None:
        node.always = instead("no", status)
        with pytest.raises(ApiError, match=f"HTTP {status}") as caught:
            make_rpc().balances(KEYS)
        assert type(caught.value) is (NotFound if status == 404 else ApiError)
        assert len(node.asked) == 1

    def test_a_page_of_html_that_mentions_an_archive_is_no_word_about_state(
        self, node: Node, make_rpc: MakeRpc
    ) -> None:
        node.faults = [lambda _calls, _answers: (503, {}, b"<html><a href=/archive>batch</a></html>")]
        assert make_rpc().balances(KEYS) == TRUTH

    def test_one_final_error_ends_all_batches_and_leaves_no_thread(
        self, node: Node, make_rpc: MakeRpc, halts: list[threading.Event]
    ) -> None:
        """Four wait a day for another attempt, and the node answers nobody else before the batches are ended."""
        threads = threading.active_count()
        node.faults = [instead("wait", 503)] * 4 + [said(-32601, "no")]
        node.always = lambda _calls, answers: wait_until(halts[0].is_set, "the end of all") and reply(answers)
        rpc = make_rpc(batch_size=10, first_wait=A_DAY, last_wait=A_DAY)
        asking = apart(lambda: rpc.balances([chain.key(number) for number in range(1_000)]))
        with pytest.raises(ApiError, match="-32601"):
            asking.result(LONGEST)
        assert len(node.asked) <= rpc.parallel
        assert [t.name for t in threading.enumerate() if t.name.startswith("ethereum")] == []
        assert threading.active_count() <= threads + 1 + rpc.parallel  # `apart`, and the server's: one a connection


class TestStopping:
    """A run that is being stopped asks nothing more and does not wait."""

    def test_it_ends_between_batches(self, node: Node, make_rpc: MakeRpc, halts: list[threading.Event]) -> None:
        """It is told at the 20th request; who asks later is answered when the batches have been ended."""
        rpc = make_rpc(batch_size=1)

        def stop_at_20(_calls: list[Json], answers: list[Json]) -> Reply:
            if len(node.asked) >= 20:
                rpc.http.stop.set()
                wait_until(halts[0].is_set, "the end of all")
            return reply(answers)

        node.always = stop_at_20
        with pytest.raises(Interrupted):
            rpc.balances([chain.key(number) for number in range(1_000)])
        assert 20 <= len(node.asked) <= 20 + rpc.parallel
        assert [t.name for t in threading.enumerate() if t.name.startswith("ethereum")] == []

    def test_it_ends_the_wait_for_another_attempt(self, node: Node, make_rpc: MakeRpc) -> None:
        node.always = instead("wait", 503)
        rpc = make_rpc(first_wait=A_DAY, last_wait=A_DAY)
        for ask in (lambda: rpc.balances(KEYS), rpc.chain_id):
            node.asked.clear()
            rpc.http.stop.clear()
            asking = apart(ask)
            wait_until(lambda: node.asked, "the first attempt")
            rpc.http.stop.set()
            with pytest.raises(Interrupted):
                asking.result(LONGEST)
            assert len(node.asked) == 1


class TestQuestions:
    """Each method gives what it says."""

    def test_the_chain_its_blocks_and_its_tags(self, node: Node, make_rpc: MakeRpc) -> None:
        rpc = make_rpc()
        assert rpc.chain_id() == chain.CHAIN_ID
        assert rpc.block(7) == chain.block(7)
        assert rpc.block("earliest") == chain.block(0)
        assert rpc.block("finalized") == chain.block(chain.FINALIZED)
        assert rpc.block("latest") == chain.block(chain.HEAD)
        assert rpc.block(chain.HEAD + 1) is None
        assert node.sizes() == [1] * 6

    @pytest.mark.parametrize("said", [(-39001, "Unknown block"), (-32000, "finalized block not found")])
    def test_a_chain_that_finalizes_nothing(self, node: Node, make_rpc: MakeRpc, said: tuple[int, str]) -> None:
        node.always = lambda calls, _: reply(error(calls[0], *said))
        assert make_rpc().block("finalized") is None
        assert len(node.asked) == 1

    def test_nothing_asked_is_nothing_sent(self, node: Node, make_rpc: MakeRpc) -> None:
        rpc = make_rpc()
        assert (rpc.blocks([]), rpc.balances([]), node.asked) == ([], {}, [])

    def test_what_is_asked_twice_is_sent_once(self, node: Node, make_rpc: MakeRpc) -> None:
        assert make_rpc().blocks([3, 4, 3]) == [chain.block(3), chain.block(4), chain.block(3)]
        assert node.asked_twice() == 0

    def test_progress_is_told_in_values(self, make_rpc: MakeRpc) -> None:
        told: list[int] = []
        make_rpc(batch_size=4).balances(KEYS, told.append)
        assert sorted(told) == [2, 4, 4]

    @pytest.mark.parametrize("first", [0, 1, 777, 1_000, 2_000])
    def test_the_first_block_with_state_is_found_in_a_few_calls(
        self, node: Node, make_rpc: MakeRpc, first: int
    ) -> None:
        node.state_from = first
        assert make_rpc().first_state(0, 2_000) == first
        assert len(node.asked) <= 11

    def test_a_range_without_state_says_so(self, node: Node, make_rpc: MakeRpc) -> None:
        node.state_from = 10**9
        assert make_rpc().first_state(5, 20) == 21


class TestBudget:
    """Calls are counted, not requests."""

    def test_no_second_has_more_calls_than_allowed(self, node: Node, make_rpc: MakeRpc, clock: Clock) -> None:
        """And the seconds are used up."""
        rpc = make_rpc(calls_per_second=150)
        assert rpc.batch_size == 75
        account = the_account()
        keep_grants(account)
        rpc.balances([chain.key(number) for number in range(450)])
        granted = grants(account)
        assert len(granted) == 450
        assert busiest(granted, 1_000) <= 150
        assert 2 <= clock.waited <= 2.1

    @pytest.mark.parametrize(("limit", "size"), [(0, 100), (1, 1), (25, 25), (100, 100), (130, 65), (330, 82)])
    def test_a_batch_is_never_larger_than_a_second(self, make_rpc: MakeRpc, limit: int, size: int) -> None:
        assert make_rpc(calls_per_second=limit).batch_size == size


SECRETS = ("k3y0123456789abcdef", "p4ssw0rd%21", "p4ssw0rd!", "t0ken=42", "t0ken%3D42")


class TestTheSecretAddress:
    """The key in a node's address goes to the node, and nowhere else."""

    PATH = "/v3/k3y0123456789abcdef?apikey=t0ken%3D42"

    def keeps_quiet(self, told: str) -> None:
        assert [secret for secret in SECRETS if secret in told] == []

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 413, 429, 500, 503])
    @pytest.mark.parametrize("form", ["text", "error", "result"])
    def test_it_is_in_no_log_and_no_error_although_the_node_repeats_it(
        self, node: Node, status: int, form: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        echo = f"no key {self.PATH} {' '.join(SECRETS)} http://user:p4ssw0rd!@x"
        bodies: dict[str, Json] = {
            "text": echo,
            "error": {"id": None, "error": {"code": -32600, "message": echo}},
            "result": {"id": 1, "result": echo},
        }
        node.always = instead(bodies[form], status, retry_after="0")
        rpc = connect(node.url.replace("//", "//user:p4ssw0rd%21@") + self.PATH, attempts=2)
        rpc.http.patience = Patience(attempts=2, first_wait=0.01, last_wait=0.01, statuses=PASSING)
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
            rpc.chain_id()
        self.keeps_quiet("".join(traceback.format_exception(caught.value)))
        self.keeps_quiet(caplog.text + repr(rpc) + str(rpc.http))
        assert node.url in str(caught.value)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https://a..b", "tls"])
    def test_it_is_in_no_word_about_a_connection(self, node: Node, url: str, caplog: pytest.LogCaptureFixture) -> None:
        rpc = connect((node.url.replace("http", "https") if url == "tls" else url) + self.PATH)
        rpc.http.patience = Patience(attempts=2, first_wait=0.01, last_wait=0.01)
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
            rpc.balances([BalanceKey("0x" + "0" * 40, 1)])
        error_: BaseException | None = caught.value
        while error_ is not None:
            self.keeps_quiet(str(error_) + repr(error_))
            error_ = error_.__cause__ or error_.__context__
        self.keeps_quiet(caplog.text)

    def test_it_reaches_the_node(self, node: Node) -> None:
        assert connect(node.url + self.PATH).chain_id() == chain.CHAIN_ID

"""Each method of the node's client returns the chain's values. A final error or a stop ends it at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from stx_pipelines.clients.errors import ApiError, Denied, Interrupted
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.imaginary import Clock, busiest, grants, keep_grants, the_account
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Json, MakeRpc, Node, Reply, error, reply
from stx_pipelines_tests.clients.node_faults import instead, said
from stx_pipelines_tests.waiting import LONGEST, wait_until

A_DAY = 86_400.0


@pytest.fixture
def halts(monkeypatch: pytest.MonkeyPatch) -> list[threading.Event]:
    """The signals that end the batches of a call of the client, in the order of these calls."""
    made: list[threading.Event] = []

    def make() -> threading.Event:
        made.append(threading.Event())
        return made[-1]

    monkeypatch.setattr(
        "stx_pipelines.clients.ethereum_rpc.threading", SimpleNamespace(Event=make, Lock=threading.Lock)
    )
    return made


def apart(work: Callable[[], object]) -> Future[object]:
    """Run work in a daemon thread and return its future. A wait without end then cannot block the end of the tests."""
    result: Future[object] = Future()

    def do() -> None:
        try:
            result.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            result.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return result


class TestFinal:
    """A failure that a retry would not change is raised at once, with one sentence."""

    @pytest.mark.parametrize("code", [-32600, -32601, -32602, -32700])
    @pytest.mark.parametrize("form", ["element", "object"])
    def test_a_call_the_node_does_not_understand(self, node: Node, make_rpc: MakeRpc, code: int, form: str) -> None:
        whole = {"id": None, "error": {"code": code, "message": "no such\nthing"}}
        node.always = said(code, "no such\nthing") if form == "element" else instead(whole)
        with pytest.raises(ApiError, match=rf"no such thing' \({code}\)") as caught:
            make_rpc().balances(KEYS)
        assert type(caught.value) is ApiError
        assert node.sizes() == ([10, 1] if form == "object" and code in {-32600, -32700} else [10])

    @pytest.mark.parametrize("status", [301, 302, 400, 401, 402, 403, 404, 405, 418])
    def test_a_status_that_does_not_pass(self, node: Node, make_rpc: MakeRpc, status: int) -> None:
        node.always = instead("no", status)
        with pytest.raises(ApiError, match=f"HTTP {status}") as caught:
            make_rpc().balances(KEYS)
        assert type(caught.value) is (Denied if status in {401, 403} else ApiError)
        assert node.sizes() == ([10, 1] if status in {400, 405} else [10])

    def test_a_page_of_html_that_mentions_an_archive_is_no_word_about_state(
        self, node: Node, make_rpc: MakeRpc
    ) -> None:
        node.faults = [lambda _calls, _answers: (503, {}, b"<html><a href=/archive>batch</a></html>")]
        assert make_rpc().balances(KEYS) == TRUTH

    def test_one_final_error_ends_all_batches_and_leaves_no_thread(
        self, node: Node, make_rpc: MakeRpc, halts: list[threading.Event]
    ) -> None:
        """Four threads wait a day for their next attempt. The node delays later responses until the batches end."""
        threads = threading.active_count()
        node.faults = [instead("wait", 503)] * 4 + [said(-32601, "no")]
        node.always = lambda _calls, answers: wait_until(halts[0].is_set, "the end of all") and reply(answers)
        rpc = make_rpc(batch_size=10, first_wait=A_DAY, last_wait=A_DAY)
        asking = apart(lambda: rpc.balances([chain.key(number) for number in range(1_000)]))
        with pytest.raises(ApiError, match="-32601"):
            asking.result(LONGEST)
        assert len(node.asked) <= rpc.parallel
        assert [t.name for t in threading.enumerate() if t.name.startswith("ethereum")] == []
        assert threading.active_count() <= threads + 1 + rpc.parallel  # `apart` has one, the server one per connection


class TestStopping:
    """A stopped run sends nothing more and does not wait."""

    def test_it_ends_between_batches(self, node: Node, make_rpc: MakeRpc, halts: list[threading.Event]) -> None:
        """The stop signal is set at the 20th request. From then on, the node responds after the batches have ended."""
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
    """Each method returns the values of the chain."""

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

    @pytest.mark.parametrize("first", [0, 1, 777, 1_000, 2_000, 10**9])
    def test_the_first_block_with_state_is_found_in_a_few_calls(
        self, node: Node, make_rpc: MakeRpc, first: int
    ) -> None:
        node.state_from = first
        assert make_rpc().first_state(0, 2_000) == min(first, 2_001)
        assert len(node.asked) <= 2 * 12  # each refusal twice, and the check


class TestBudget:
    """The budget counts calls, not requests."""

    def test_no_second_has_more_calls_than_allowed(self, node: Node, make_rpc: MakeRpc, clock: Clock) -> None:
        """The calls of each second also use up its budget."""
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

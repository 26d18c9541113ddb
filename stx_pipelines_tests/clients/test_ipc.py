"""A node's IPC socket gives the same values, errors, retries and bounds as HTTP."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines import EthereumNodeResource
from stx_pipelines.clients import body
from stx_pipelines.clients.errors import ApiError, Interrupted, NoState, Unreachable
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc, connect
from stx_pipelines.clients.patience import Patience
from stx_pipelines.settings import load_settings
from stx_pipelines_tests.clients.node import CHAIN_ID, KEYS, TRUTH, Json, Node, Reply, block, reply
from stx_pipelines_tests.clients.node_faults import instead
from stx_pipelines_tests.clients.sockets import Listener, answers_of, listening, socket_folder
from stx_pipelines_tests.clients.test_bounds import HANG, outcome

LONG = 600.0  # seconds; longer than any test


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_folder() as folder:
        yield folder / "geth.ipc"


@pytest.fixture
def small(path: Path) -> Iterator[tuple[Node, Listener]]:
    """The small node at a socket."""
    node = Node()
    with listening(path, answers_of(node)) as listener:
        yield node, listener


def client(url: str, *, stop: threading.Event | None = None, parallel: int = 1, **patience: Any) -> EthereumRpc:
    rpc = connect(url, batch_size=4, parallel=parallel, stop=stop)
    wanted = {"attempts": 3, "first_wait": 0.01, "last_wait": 0.01, "timeout": LONG, "statuses": PASSING}
    rpc.http.patience = Patience(**wanted | patience)
    return rpc


def test_values_are_those_of_the_node_over_one_kept_connection(small: tuple[Node, Listener]) -> None:
    node, listener = small
    rpc = client(listener.url)
    assert rpc.chain_id() == CHAIN_ID
    assert rpc.balances(KEYS) == TRUTH
    assert rpc.blocks(range(50, 60)) == [block(number) for number in range(50, 60)]
    assert node.sizes() == [1, 4, 4, 2, 4, 4, 2]
    assert listener.connections == 1
    assert rpc.calls == 21


def test_several_requests_are_in_flight_over_as_many_connections(path: Path) -> None:
    """The node responds once it has two requests, so one connection alone would wait forever."""
    node, both = Node(), threading.Barrier(2)

    def talk(request: bytes) -> Iterator[bytes]:
        both.wait(HANG)
        yield from answers_of(node)(request)

    with listening(path, talk) as listener:
        assert client(listener.url, parallel=2).balances(KEYS[:8]) == {key: TRUTH[key] for key in KEYS[:8]}
        assert listener.connections == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda answers: answers[::-1],
        lambda answers: answers[1:],
        lambda answers: [*answers, answers[0]],
        lambda answers: [{**answers[0], "id": None}, *answers[1:]],
        lambda answers: [{**answers[0], "result": None}, *answers[1:]],
        lambda _: {"id": None, "error": {"code": -32000, "message": "header not found"}},
        None,
    ],
    ids=["another order", "one missing", "one twice", "without an id", "null", "an error for all", "closed"],
)
def test_elements_belong_to_their_calls_by_id_and_failed_calls_are_sent_again(
    small: tuple[Node, Listener], change: Callable[[list[Json]], Json] | None
) -> None:
    def fault(_calls: list[Json], answers: list[Json]) -> Reply:
        return reply(change(answers)) if change else (0, {}, b"")

    node, listener = small
    node.faults = [fault, fault]
    assert client(listener.url).balances(KEYS) == TRUTH


def test_a_refused_batch_is_split_and_a_missing_state_is_named(small: tuple[Node, Listener]) -> None:
    node, listener = small
    rpc = client(listener.url)
    node.faults = [instead([{"id": None, "error": {"code": -32600, "message": "batch too large"}}])]
    assert rpc.balances(KEYS) == TRUTH
    assert rpc.batch_size == 2
    node.state_from = 105
    with pytest.raises(NoState, match=r"^ipc:///.*/geth.ipc has no state for the balance of "):
        rpc.balances(KEYS)


def test_a_node_that_restarts_is_reached_over_a_new_connection(path: Path) -> None:
    node = Node()
    with listening(path, answers_of(node)) as listener:
        rpc = client(listener.url)
        assert rpc.chain_id() == CHAIN_ID
    with listening(path, answers_of(node)) as listener:
        assert rpc.chain_id() == CHAIN_ID
        assert listener.connections == 1


def silent(_request: bytes) -> Iterator[bytes]:
    threading.Event().wait(LONG)
    yield b""


def dripping(_request: bytes) -> Iterator[bytes]:
    yield b"["
    while True:
        threading.Event().wait(0.02)
        yield b" "


def endless(_request: bytes) -> Iterator[bytes]:
    yield b"["
    while True:
        yield b" " * 65536


def closing(_request: bytes) -> Iterator[bytes]:
    yield b'[{"id": 1'
    yield b""


def no_json(_request: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 400 Bad Request {}\n"


@pytest.mark.parametrize(
    ("talk", "patience", "error", "words"),
    [
        (silent, {"timeout": 0.2}, Unreachable, "gave no usable response in 2 attempts: no response in time"),
        (dripping, {"answer_within": 0.3}, Unreachable, "in 2 attempts: the response was not whole after 0.3 s"),
        (no_json, {"answer_within": 0.3}, Unreachable, "in 2 attempts: the response was not whole after 0.3 s"),
        (closing, {}, Unreachable, "in 2 attempts: the connection broke before the answer was whole"),
        (endless, {}, ApiError, "sent more than 1 MiB, which no response of this route needs"),
    ],
)
def test_a_response_is_bounded_in_bytes_and_time(
    path: Path,
    talk: Callable[[bytes], Iterator[bytes]],
    patience: dict[str, float],
    error: type[ApiError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body, "MOST", 2**20)
    with listening(path, talk) as listener:
        with outcome(client(listener.url, attempts=2, **patience).chain_id) as found:
            pass
        assert len(listener.requests) == (1 if error is ApiError else 2)
    assert isinstance(found[0], error), found
    assert words in str(found[0])


@pytest.mark.parametrize("talk", [silent, dripping])
def test_a_stop_ends_a_request_at_once(path: Path, talk: Callable[[bytes], Iterator[bytes]]) -> None:
    stop = threading.Event()
    with listening(path, talk) as listener, outcome(client(listener.url, stop=stop).chain_id) as found:
        assert listener.asked.wait(HANG)
        stop.set()
    assert isinstance(found[0], Interrupted), found


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("missing.ipc", Unreachable, "in 3 attempts: the socket does not exist"),
        ("plain", Unreachable, "in 3 attempts: connection refused"),
        ("long" * 30, ApiError, "no request can be sent to "),
    ],
)
def test_a_path_without_a_node_ends_in_one_sentence(path: Path, name: str, error: type[ApiError], words: str) -> None:
    path.with_name("plain").write_bytes(b"")
    with pytest.raises(error, match=words) as caught:
        client(f"ipc://{path.with_name(name)}").chain_id()
    assert f"ipc://{path.with_name(name)}" in str(caught.value)


def test_a_missing_web3_ends_in_one_sentence_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "web3", None)
    monkeypatch.setitem(sys.modules, "web3.providers.ipc", None)
    monkeypatch.delitem(sys.modules, "stx_pipelines.clients.ipc", raising=False)
    with pytest.raises(ApiError) as caught:
        connect("ipc:///geth.ipc").chain_id()
    assert str(caught.value) == (
        "ipc:///geth.ipc needs web3: install stx-pipelines with the extra [ethereum], pip install -e '.[ethereum]'"
    )


def test_web3_is_imported_for_a_socket_only(node: Node, small: tuple[Node, Listener]) -> None:
    script = (
        "import sys\nfrom stx_pipelines.clients.ethereum_rpc import connect\n"
        f"connect({node.url!r}).chain_id()\nprint('web3' in sys.modules)\n"
        f"connect({small[1].url!r}).chain_id()\nprint('web3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_web3_of_the_resource_has_the_socket(small: tuple[Node, Listener]) -> None:
    path = small[1].path.resolve()
    web3 = EthereumNodeResource.of(load_settings(eth_rpc_url=f"ipc://{path}", eth_timeout_seconds=1.5)).get_web3()
    provider: Any = web3.provider
    assert (provider.ipc_path, provider.timeout) == (str(path), 2)
    assert provider.make_request("eth_chainId", [])["result"] == hex(CHAIN_ID)

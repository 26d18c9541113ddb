"""A node's WebSocket gives the same values, errors, retries and bounds as HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest

pytest.importorskip("websockets")
from websockets.sync.server import ServerConnection, serve

from stx_pipelines.clients import body
from stx_pipelines.clients.errors import ApiError, Interrupted, Unreachable
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc, connect
from stx_pipelines.clients.patience import Patience
from stx_pipelines_tests.clients.node import CHAIN_ID, KEYS, TRUTH, Node
from stx_pipelines_tests.waiting import LONGEST


@contextmanager
def serving(talk: Callable[[ServerConnection], None], **options: Any) -> Iterator[str]:
    with serve(talk, "127.0.0.1", 0, compression=None, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v3/secret-key"


def client(url: str, stop: threading.Event | None = None, **patience: Any) -> EthereumRpc:
    rpc = connect(url, headers={"x-api-key": "hidden-word"}, batch_size=4, parallel=1, stop=stop)
    wanted = {"attempts": 3, "first_wait": 0.01, "last_wait": 0.01, "timeout": LONGEST, "statuses": PASSING}
    rpc.http.patience = Patience(**wanted | patience)
    return rpc


def test_values_come_over_one_kept_connection_that_is_opened_again_when_it_breaks() -> None:
    node, headers = Node(), list[str]()

    def talk(connection: ServerConnection) -> None:
        assert connection.request
        headers.append(connection.request.headers["x-api-key"])
        for number, request in enumerate(connection):
            connection.send(node.answer(str(request).encode())[2].decode())
            if number == 1 and len(headers) == 1:
                return

    with serving(talk) as url:
        rpc = client(url)
        assert rpc.chain_id() == CHAIN_ID
        assert rpc.balances(KEYS) == TRUTH
    assert headers == ["hidden-word"] * 2


def test_a_refused_handshake_is_a_status_without_secrets() -> None:
    with (
        serving(
            lambda _: None, process_request=lambda link, _: link.respond(HTTPStatus.UNAUTHORIZED, "no hidden-word")
        ) as url,
        pytest.raises(ApiError, match="HTTP 401") as caught,
    ):
        client(url).chain_id()
    assert "hidden-word" not in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_a_server_that_closes_is_asked_again_and_then_named() -> None:
    with serving(lambda _: None) as url, pytest.raises(Unreachable, match="in 3 attempts: the connection broke"):
        client(url).chain_id()


def test_an_endless_response_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MOST", 1000)
    with serving(lambda link: link.send("x" * 2000)) as url, pytest.raises(ApiError, match="sent more than"):
        client(url).chain_id()


def test_a_stop_ends_a_wait_for_a_silent_server() -> None:
    stop, ended = threading.Event(), threading.Event()

    def silent(connection: ServerConnection) -> None:
        connection.recv()
        stop.set()
        ended.wait(LONGEST)

    with serving(silent) as url:
        try:
            with pytest.raises(Interrupted):
                client(url, stop).chain_id()
        finally:
            ended.set()

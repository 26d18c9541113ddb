"""Every response is limited in bytes and in time, and a stop signal ends every request."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.chains.ethereum import BalanceKey
from stx_pipelines.clients import body
from stx_pipelines.clients.errors import ApiError, Interrupted, TooLarge, Unreachable
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc
from stx_pipelines.clients.exchange import Exchange
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients import node
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.raw import HEAD, Talk, certified, dripping, endless, silence, talking

MakeHttp = Callable[..., Http]
Ask = Callable[[Http], object]

LONG = 600.0  # seconds; longer than any test
HANG = 60.0  # seconds after which a call counts as hanging
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"

SLOW: dict[str, Callable[[], Talk]] = {
    "silence": silence,
    "a drip of a body": lambda: chain([HEAD + b"content-length: 999999\r\n\r\n"], dripping(b"x" * 999_999)),
    "a drip of a body without a length": lambda: chain([HEAD + b"\r\n"], dripping(b"x" * 999_999)),
    "a drip of a status line": lambda: dripping(b"HTTP/1.1 200 " + b"O" * 60_000),
    "a drip of headers": lambda: chain([HEAD], dripping(b"x-a: b\r\n" * 90)),
    "100 Continue without end": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue now and then": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", slowly=True),
    "chunks now and then": lambda: endless(CHUNKED, b"1\r\nx\r\n", slowly=True),
    "trailers without end": lambda: endless(CHUNKED + b"1\r\nx\r\n0\r\n", b"x-a: b\r\n"),
    "a drip of an error": lambda: chain(
        [b"HTTP/1.1 404 Not Found\r\ncontent-length: 99999\r\n\r\n"], dripping(b"x" * 99_999)
    ),
}
ASK: dict[str, Ask] = {
    "GET": lambda http: http.get("/x", bytes),
    "POST": lambda http: http.post("/x", b"{}", bytes),
    "batches": lambda http: EthereumRpc(http, batch_size=2).balances([node.key(n) for n in range(9)]),
}
slow = pytest.mark.parametrize("talk", SLOW.values(), ids=SLOW.keys())
ask = pytest.mark.parametrize("ask", ASK.values(), ids=ASK.keys())


def client(url: str, stop: threading.Event | None = None, **patience: Any) -> Http:
    """Return a client, by default with one attempt and a long time-out."""
    kept = Patience(**({"attempts": 1, "timeout": LONG, "statuses": PASSING} | patience))
    return Http(url, Budget(url, 0), kept, stop=stop or threading.Event())


@contextmanager
def outcome(call: Callable[[], object]) -> Iterator[list[object]]:
    """Run a call in a thread during the `with` block, and yield a list that receives its result or error.

    Fail the test if the call does not end after the block.
    """
    found: list[object] = []

    def work() -> None:
        try:
            found.append(call())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield found
    thread.join(HANG)
    assert not thread.is_alive(), "it hangs"


class TestTime:
    """An exchange ends at its time limit and when it is stopped."""

    @slow
    @ask
    def test_a_server_that_is_never_done_is_left_at_the_deadline(self, talk: Callable[[], Talk], ask: Ask) -> None:
        with talking(talk) as raw, outcome(lambda: ask(client(raw.url, answer_within=0.3))) as found:
            pass
        assert isinstance(found[0], Unreachable), found
        assert "the response was not whole after 0.3 s" in str(found[0])

    @slow
    @ask
    def test_a_stop_ends_an_exchange_that_waits(self, talk: Callable[[], Talk], ask: Ask) -> None:
        stop = threading.Event()
        with talking(talk) as raw, outcome(lambda: ask(client(raw.url, stop))) as found:
            assert raw.asked.wait(HANG)
            stop.set()
        assert isinstance(found[0], Interrupted), found

    @ask
    def test_a_stop_ends_the_beginning_of_a_secure_connection(self, ask: Ask) -> None:
        stop = threading.Event()
        with (
            talking(silence, first=True) as raw,
            outcome(lambda: ask(client(f"https://127.0.0.1:{raw.port}", stop))) as found,
        ):
            assert raw.asked.wait(HANG)
            stop.set()
        assert isinstance(found[0], Interrupted), found

    @pytest.mark.parametrize("reused", [False, True])
    def test_a_stop_ends_an_exchange_in_a_secure_connection(
        self, reused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = HEAD + b"content-length: 2\r\n\r\nab"
        stop = threading.Event()
        talk = chain([whole, None] if reused else [], SLOW["a drip of headers"]())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "own.pem"))
        with talking(lambda: talk, tls=certified(tmp_path / "own.pem")) as raw:
            http = client(f"https://localhost:{raw.port}", stop)
            assert not reused or http.get("/x", bytes) == b"ab"
            with outcome(lambda: http.get("/x", bytes)) as found:
                assert reaches(lambda: len(raw.requests), 1 + reused)
                stop.set()
            assert raw.connections == 1
        assert isinstance(found[0], Interrupted), found

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_that_is_never_done_is_left_too(self, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("no_proxy", "")
        with talking(SLOW["a drip of headers"]) as raw:
            monkeypatch.setenv(f"{scheme}_proxy", raw.url)
            with outcome(lambda: ASK["GET"](client(f"{scheme}://example.invalid", answer_within=0.3))) as found:
                pass
            assert len(raw.requests) == 1
        assert "the response was not whole after 0.3 s" in str(found[0])

    def test_it_is_asked_again_as_after_any_answer_that_took_too_long(self) -> None:
        with talking(silence) as raw:
            http = client(raw.url, answer_within=0.3, attempts=9, first_wait=0.01, last_wait=0.01)
            with outcome(lambda: http.get("/x", bytes, slow_attempts=2)) as found:
                pass
        assert "gave no usable response in 2 attempts" in str(found[0])

    def test_an_answer_that_was_cut_off_is_not_taken_for_a_whole_one(self) -> None:
        """A response without a length ends when its connection is closed."""
        slowly = SLOW["a drip of a body without a length"]
        with talking(slowly) as raw, outcome(lambda: ASK["GET"](client(raw.url, answer_within=0.3))) as found:
            pass
        assert isinstance(found[0], Unreachable), found

    def test_a_slow_honest_line_has_ten_times_the_time_of_one_wait(self) -> None:
        assert Patience(timeout=30.0).limits(threading.Event())[:2] == (30.0, 300.0)
        assert Patience(timeout=5.0, answer_within=15.0).limits(threading.Event())[:2] == (5.0, 15.0)

    def test_a_slow_answer_that_is_whole_in_time_is_taken(self) -> None:
        said = HEAD + b"content-length: 20\r\n\r\n" + b"x" * 20
        with talking(lambda: dripping(said)) as raw, outcome(lambda: ASK["GET"](client(raw.url))) as found:
            pass
        assert found == [b"x" * 20]

    def test_the_thread_that_looks_ends_when_there_is_nothing_to_look_at(self) -> None:
        with Exchange(LONG):
            watching = [thread for thread in threading.enumerate() if thread.name == "watchdog"]
            assert len(watching) == 1
        watching[0].join(HANG)
        assert not watching[0].is_alive()


class TestSize:
    """A body of more than 64 MiB, as sent or as decompressed, is refused for every status."""

    @pytest.mark.parametrize("status", [b"200 OK", b"404 Not Found", b"302 Found\r\nlocation: /y", b"500 Oh"])
    @pytest.mark.parametrize("framing", ["length", "chunks", "neither"])
    @pytest.mark.parametrize("ask", [ASK["GET"], ASK["POST"]], ids=["GET", "POST"])
    def test_a_body_without_end_is_final(self, status: bytes, framing: str, ask: Ask) -> None:
        head = b"HTTP/1.1 " + status + b"\r\n"
        piece = b"x" * 65_536
        talks = {
            "length": (head + b"content-length: 5000000000\r\n\r\n", piece),
            "chunks": (head + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + piece + b"\r\n"),
            "neither": (head + b"\r\n", piece),
        }
        with talking(lambda: endless(*talks[framing])) as raw:
            with outcome(lambda: ask(client(raw.url, attempts=3))) as found:
                pass
            assert len(raw.requests) == 1
        assert isinstance(found[0], TooLarge), found
        assert str(found[0]) == f"{raw.url}/x sent more than 64 MiB, which no response of this route needs"

    def test_a_page_of_long_contracts_is_taken(self, script: Script, make_http: MakeHttp) -> None:
        script.say(200, b"x" * 16 * 2**20)
        assert make_http().get("/x", len) == 16 * 2**20

    def test_a_batch_is_split_and_a_single_call_is_final(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with node.running() as server:
            rpc = EthereumRpc(client(server.url), batch_size=100, parallel=1)
            rpc.chain_id()
            monkeypatch.setattr(body, "MOST", 1_500)
            keys = [node.key(number) for number in range(40)]
            assert rpc.balances(keys) == {key: node.wei(key) for key in keys}
            assert rpc.batch_size < 40
            monkeypatch.setattr(body, "MOST", 20)
            with pytest.raises(ApiError, match="a single call is too large for this node") as caught:
                rpc.balances([BalanceKey(node.address(1), 1)])
            assert not isinstance(caught.value, Unreachable)

    @pytest.mark.parametrize("status", [200, 302, 404])
    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_small_body_that_unpacks_to_gigabytes_is_never_held(
        self, script: Script, status: int, encoding: str
    ) -> None:
        script.say(status, bomb(encoding), content_encoding=encoding, location="/y")
        child = [sys.executable, "-c", BOMBED, script.url]
        done = subprocess.run(child, capture_output=True, text=True, check=False, timeout=HANG * 5)
        assert done.stdout == "TooLarge\n", done.stdout + done.stderr


BOMBED = f"""
import resource, sys
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.http import Http
import stx_pipelines.clients.transport
http = Http(sys.argv[1], Budget(sys.argv[1], 0))
resource.setrlimit(resource.RLIMIT_AS, ({2**30}, {2**30}))
try:
    http.get("/x", bytes)
except ApiError as error:
    print(type(error).__name__)
"""


def bomb(encoding: str) -> bytes:
    """Return 4 GiB of zeros, compressed. The end of the compressed data is missing. No client may read that far."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 15 if encoding == "deflate" else 31)
    begin = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH)
    again = deflate.compress(bytes(2**26)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return begin + again * 64


def reaches(count: Callable[[], int], wanted: int) -> bool:
    """Wait until the count is at least `wanted`. Return whether it was reached within the time-out."""
    until = time.monotonic() + HANG
    while count() < wanted and time.monotonic() < until:
        time.sleep(0.01)
    return count() >= wanted


def gzip(text: bytes) -> bytes:
    return zlib.compress(text, wbits=31)

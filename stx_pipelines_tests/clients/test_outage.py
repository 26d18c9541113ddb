"""A server that stopped responding is waited for, with its requests in hand, on a clock that moves only in waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from stx_pipelines.clients.errors import ApiError, Denied, NotFound, RateLimited, Unreachable
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.outage import Outage
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.node import KEYS, TRUTH, MakeRpc, Node
from stx_pipelines_tests.clients.node_faults import instead

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
AWAY = Unreachable("connection refused")
REFUSED = Denied("HTTP 403")


@dataclass
class Server:
    """A server that is away for `away` minutes from noon on. Its `error` is that of a probe."""

    away: float
    error: ApiError = AWAY
    now: datetime = NOON
    lines: list[str] = field(default_factory=list)
    noted: list[datetime | None] = field(default_factory=list)
    probes: list[datetime] = field(default_factory=list)

    def probe(self, _: threading.Event) -> None:
        self.probes.append(self.now)
        if self.now < NOON + timedelta(minutes=self.away):
            raise self.error

    def sleep(self, _: threading.Event, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def outage(self, hours: float = 12, *, answered: bool = True) -> Outage:
        made = Outage(
            "https://api.example", timedelta(hours=hours), self.probe, self.lines.append, lambda: self.now, self.sleep
        )
        made.on_wait = self.noted.append
        if answered:
            made.answered()
        return made


def is_over(outage: Outage, trouble: ApiError = AWAY, *, is_first: bool = False) -> bool:
    return outage.is_over(trouble, threading.Event(), is_first=is_first)


def test_an_outage_of_an_hour_has_a_line_at_once_and_every_ten_minutes() -> None:
    server = Server(away=60)
    assert is_over(server.outage())
    assert server.lines[0] == (
        "connection refused; waiting for the server https://api.example since 2026-09-01 12:00 UTC, until "
        "2026-09-02 00:00 UTC at most; what was read is kept"
    )
    assert [line.split(" https://")[0] for line in server.lines[1:-1]] == ["still waiting for the server"] * 5
    assert server.lines[-1] == "https://api.example responds again"
    pauses = [(b - a).total_seconds() for a, b in zip(server.probes, server.probes[1:], strict=False)]
    assert pauses[:5] == [30, 60, 120, 240, 300]
    assert max(pauses) == 300
    assert set(server.noted[:-1]) == {NOON}
    assert server.noted[-1] is None


def test_it_ends_after_the_hours_of_the_setting() -> None:
    server = Server(away=10_000)
    outage = server.outage(hours=2)
    assert not is_over(outage)
    assert server.now == NOON + timedelta(hours=2)
    probes = len(server.probes)
    assert not is_over(outage)  # the other requests do not begin another wait
    assert len(server.probes) == probes + 1


@pytest.mark.parametrize("error", [REFUSED, AWAY], ids=["denied", "away"])
def test_a_denied_request_waits_a_quarter_of_an_hour(error: ApiError) -> None:
    server = Server(away=10_000, error=error)
    assert not is_over(server.outage(), REFUSED)
    assert server.now == NOON + timedelta(minutes=15)


def test_a_limited_probe_is_not_yet_an_answer_but_a_refused_one_is() -> None:
    limited = Server(away=5, error=RateLimited("later", NOON))
    assert is_over(limited.outage())
    refused = Server(away=5, error=NotFound("no such block"))
    assert not is_over(refused.outage())
    assert refused.lines == []


@pytest.mark.parametrize(
    "outage",
    [Server(60).outage(answered=False), Server(60).outage(hours=0)],
    ids=["no answer yet", "no hours"],
)
def test_it_does_not_wait(outage: Outage) -> None:
    assert not is_over(outage, is_first=True)


def test_a_server_that_responds_to_others_gets_one_more_round_and_no_wait() -> None:
    server = Server(away=0)
    outage = server.outage()
    assert is_over(outage, is_first=True)
    assert not is_over(outage)
    assert (server.lines, server.noted) == ([], [])


def test_a_stop_ends_the_wait() -> None:
    server, stop = Server(away=60), threading.Event()
    outage = server.outage()
    outage.sleep = lambda signal, _: signal.set()
    assert not outage.is_over(AWAY, stop, is_first=False)
    assert len(server.lines) == 1


def test_of_many_threads_one_probes_and_all_continue() -> None:
    server = Server(away=60)
    outage, barrier, over = server.outage(), threading.Barrier(8), []

    def wait() -> None:
        barrier.wait()
        over.append(is_over(outage, is_first=True))

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert over == [True] * 8
    assert server.lines.count("https://api.example responds again") == 1


def test_a_request_is_sent_again_after_the_outage(script: Script, make_http: Callable[..., Http]) -> None:
    server = Server(away=60)
    http = make_http()
    http.outage = server.outage(answered=False)
    script.say(200, b"first").say(503).say(503).say(503).say(200, b"second")
    assert http.get("/x", bytes) == b"first"
    assert http.get("/y", bytes) == b"second"
    assert script.asked == ["/x"] + ["/y"] * 4
    assert server.now >= NOON + timedelta(hours=1)


def test_a_request_that_alone_fails_is_reported_after_a_second_round(
    script: Script, make_http: Callable[..., Http]
) -> None:
    http = make_http()
    http.outage = Server(away=0).outage()
    script.say(503)
    with pytest.raises(Unreachable, match="/x gave no usable response in 3 attempts: HTTP 503"):
        http.get("/x", bytes)
    assert len(script.asked) == 6


def test_a_page_is_not_of_the_api_once_another_client_of_the_command_had_an_answer(
    script: Script, make_http: Callable[..., Http]
) -> None:
    """Each run of a command has its own client."""
    made = make_http()
    http = Http(made.base_url, made.budget, made.patience, outage=Server(away=0).outage())
    script.say(404, b"<html>404</html>").say(200, b"1")
    assert http.get("/x", bytes) == b"1"


def test_an_ethereum_node_is_waited_for_too(node: Node, make_rpc: MakeRpc) -> None:
    server = Server(away=60)
    rpc = make_rpc()
    rpc.http.outage = server.outage()
    node.faults = [instead("away", 503)] * 3
    assert rpc.balances(KEYS) == TRUTH
    assert server.now >= NOON + timedelta(hours=1)
    assert server.noted[-1] is None

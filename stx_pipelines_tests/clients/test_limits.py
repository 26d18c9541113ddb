"""What a server's headers say of its rate limit, in every dialect, and what is passed over."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from stx_pipelines.chains.errors import malformed
from stx_pipelines.clients.errors import Changed, RateLimited, Unreachable
from stx_pipelines.clients.ethereum_calls import BALANCE
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.limits import (
    pause_of_used_up_windows,
    request_cost,
    requests_per_minute,
    seconds_from,
    true_time,
    unix_time,
)
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.imaginary import Clock, Stop
from stx_pipelines_tests.clients.node import CHAIN_ID, KEYS, MakeRpc, Node, reply
from stx_pipelines_tests.runbook import assert_shown

NOW = 2_000_000_000.0  # 2033-05-18 03:33:20 UTC, a Wednesday
DATE = "Wed, 18 May 2033 03:33:20"


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A time zone of this machine, on which no header may depend."""
    with monkeypatch.context() as patch:
        patch.setitem(os.environ, "TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("date", [f"{DATE} GMT", f"{DATE} -0000", "Wed May 18 03:33:20 2033", f"{DATE} +0000"])
def test_a_date_without_a_zone_is_in_utc(date: str) -> None:
    assert unix_time(date) == NOW
    assert seconds_from(date, NOW - 7) == 7


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2000000007000", 7),
        ("2000000007", 7),
        ("\u00b2", None),
        ("\u0663", None),
        ("1e3", None),
        ("inf", None),
        ("7 s", None),
    ],
)
def test_numbers_are_strict_and_may_be_milliseconds(header: str, seconds: float | None) -> None:
    assert seconds_from(header, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-stacks-second": "0"}, 1),
        ({"x-ratelimit-remaining-stacks-minute": "0"}, 40),
        ({"x-ratelimit-remaining-minute": "0", "x-ratelimit-remaining-second": "0"}, 40),
        ({"ratelimit-remaining-hour": "0"}, 1600),
        ({"X-RateLimit-Remaining-Stacks-Month": "0"}, 1_196_800),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "9"}, 9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2000000009"}, 9),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining-stacks-minute": "1"}, None),
        ({"x-ratelimit-remaining-stacks-minute": "\u2070"}, None),
    ],
)
def test_a_used_up_window_names_a_pause(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_of_used_up_windows(headers, NOW) == seconds


def test_the_limit_of_a_minute_has_two_names() -> None:
    assert requests_per_minute({"x-ratelimit-limit-minute": "50"}) == 50
    assert requests_per_minute({"x-ratelimit-limit-stacks-minute": "25", "x-ratelimit-limit-minute": "50"}) == 25
    assert requests_per_minute({"x-ratelimit-limit-minute": "\u00b2"}) is None


@pytest.mark.parametrize(
    ("said", "cost"), [("", 1), ("1", 1), ("7", 7), ("0", 1), ("-3", 1), ("\u00b2", 1), ("1.5", 1), ("99999", 100)]
)
def test_a_request_may_cost_more_than_one(said: str, cost: int) -> None:
    assert request_cost({"x-ratelimit-cost-stacks": said}) == cost


def test_a_higher_cost_pauses_for_as_many_requests(clock: Clock) -> None:
    budget = Budget("http://costly.example", 60)
    budget.spend(Stop(clock))
    before = clock.waited
    budget.charge(4)
    budget.spend(Stop(clock))
    assert clock.waited - before >= 4


def test_the_servers_date_corrects_a_clock_that_is_clearly_wrong() -> None:
    assert true_time({"date": f"{DATE} GMT"}, NOW + 3600) == NOW
    assert true_time({"date": f"{DATE} GMT"}, NOW + 0.5) == NOW + 0.5
    assert true_time({"date": "soon"}, NOW) == NOW


def test_a_429_without_a_pause_is_repeated_over_the_limits_minute(
    script: Script, make_http: Callable[..., Http], clock: Clock
) -> None:
    http = make_http(limit_window=60.0)
    http.stop = Stop(clock)
    script.say(429).say(429).say(200, b"fine")
    assert http.get("/x", bytes) == b"fine"
    assert clock.waited == pytest.approx(60)


def test_the_sentence_names_the_rate_limit_and_the_setting(script: Script, make_http: Callable[..., Http]) -> None:
    made = make_http()
    http = Http(made.base_url, made.budget, made.patience, limit_advice="lower HIRO_REQUESTS_PER_MINUTE")
    script.say(429)
    with pytest.raises(Unreachable, match="which means the rate limit: lower HIRO_REQUESTS_PER_MINUTE"):
        http.get("/x", bytes)
    script.answers.clear()
    script.say(429, x_ratelimit_remaining_stacks_month="0", x_ratelimit_limit_stacks_month="150000")
    with pytest.raises(RateLimited, match=r"rate limited until .*: lower HIRO_REQUESTS_PER_MINUTE"):
        http.get("/x", bytes)


def test_the_words_of_the_api_are_shown_and_a_page_is_not(script: Script, make_http: Callable[..., Http]) -> None:
    script.say(500, b'{"statusCode":500,"error":"Internal Server Error","message":"relation \\"txs\\" is locked"}')
    with pytest.raises(Unreachable, match="attempts: HTTP 500 'relation \"txs\" is locked'"):
        make_http().get("/x", bytes)
    script.answers.clear()
    script.say(500, b"<html>500</html>")
    with pytest.raises(Unreachable, match=r"attempts: HTTP 500$"):
        make_http().get("/x", bytes)


def test_a_byte_order_mark_is_read(script: Script, make_http: Callable[..., Http]) -> None:
    script.say(200, b"\xef\xbb\xbf[1]")
    assert make_http().get("/x", msgspec.json.decode) == [1]


def test_a_404_of_something_else_passes_once_the_api_has_responded(
    script: Script, make_http: Callable[..., Http]
) -> None:
    http = make_http()
    script.say(200, b"1").say(404, b"<html>404</html>").say(302, b"", location="/login").say(200, b"2")
    assert (http.get("/x", bytes), http.get("/y", bytes)) == (b"1", b"2")


def _shape(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=int)
    except msgspec.ValidationError as error:
        raise malformed("the response is not what the API promises", error) from error


def test_a_shape_that_has_changed_for_good_is_said_after_a_minute(
    script: Script, make_http: Callable[..., Http], clock: Clock
) -> None:
    http = make_http(attempts=5)
    http.stop = Stop(clock)
    script.say(200, b"1").say(200, b'"text"')
    assert http.get("/v3/tip", _shape) == 1
    with pytest.raises(Changed) as changed:
        http.get("/v3/blocks/7", _shape)
    assert_shown("`the API has changed: update stx-pipelines`", str(changed.value))
    assert clock.waited == pytest.approx(60, abs=1)
    assert len(script.asked) == 5


@pytest.mark.parametrize("value", [17, {}, None, "0x"])
def test_another_shape_of_one_method_of_an_ethereum_node_is_a_change(
    node: Node, make_rpc: MakeRpc, clock: Clock, value: object
) -> None:
    """No balance is a number or an object. Null and an empty text are a node's own faults."""
    rpc = make_rpc(attempts=5)
    rpc.http.stop = Stop(clock)
    assert rpc.chain_id() == CHAIN_ID
    node.always = lambda calls, _: reply([{"id": call["id"], "result": value} for call in calls])
    if value in (None, "0x"):
        with pytest.raises(Unreachable):
            rpc._batch(BALANCE, KEYS, rpc.http.stop)
        return
    with pytest.raises(Changed, match=r"the API has changed: update stx-pipelines .* eth_getBalance: "):
        rpc._batch(BALANCE, KEYS, rpc.http.stop)
    assert clock.waited == pytest.approx(60, abs=1)


def test_a_shape_error_that_passes_or_concerns_every_route_is_no_change(
    script: Script, make_http: Callable[..., Http], clock: Clock
) -> None:
    http = make_http(attempts=5)
    http.stop = Stop(clock)
    script.say(200, b'"text"')
    with pytest.raises(Unreachable):
        http.get("/v3/tip", _shape)
    assert clock.waited < 1
    script.answers[:] = [(200, {}, b"1"), (200, {}, b'"text"'), (200, {}, b'"text"'), (200, {}, b"2")]
    assert http.get("/v3/other", _shape) == 1
    assert http.get("/v3/blocks/7", _shape) == 2

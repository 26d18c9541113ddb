"""Each response is final or the request is sent again, after the right pause."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.clients.errors import ApiError, Denied, Gone, Interrupted, NotFound, RateLimited, Unreachable
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.limits import seconds_from
from stx_pipelines.clients.patience import Patience
from stx_pipelines.devnet.stacks.knobs import FAULT_KINDS, FaultKind, Knobs
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.imaginary import Clock, Stop
from stx_pipelines_tests.waiting import answers_only_while, ended, wait_until
from stx_pipelines_tests.world import World, make_chain

MakeHttp = Callable[..., Http]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 530])
def test_a_passing_failure_is_tried_as_often_as_the_attempts_allow(
    script: Script, make_http: MakeHttp, status: int
) -> None:
    script.say(status).say(status).say(200, b"fine")
    http = make_http()
    assert http.get("/x", bytes) == b"fine"
    assert len(script.asked) == 3
    assert (http.sent, http.repeated, http.usable, http.seconds > 0) == (3, 2, 1, True)
    script.answers[:] = [(status, {}, b"")]
    with pytest.raises(Unreachable, match=rf"/x gave no usable response in 3 attempts: HTTP {status}"):
        make_http().get("/x", bytes)
    assert len(script.asked) == 6


@pytest.mark.parametrize(
    "headers",
    [
        {"x_ratelimit_limit_stacks_minute": "\xb2"},
        {"x_ratelimit_limit_stacks_minute": "9" * 5_000},
        {"ratelimit_remaining": "0", "ratelimit_reset": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
        {"ratelimit_remaining": "0", "ratelimit_reset": "Mon, 01 Jan 2026 00:00:00 +99999999999999"},
    ],
)
def test_a_limit_that_is_no_number_or_time_is_passed_over(
    script: Script, make_http: MakeHttp, headers: dict[str, str]
) -> None:
    script.say(200, b"fine", **headers)
    assert make_http().get("/x", bytes) == b"fine"


REFUSED = [201, 204, 301, 302, 307, 308, 400, 405, 418, 451, 501, 505]
OF_THE_API = b'{"statusCode":404,"error":"Not Found","message":"Block not found"}'
OF_A_PROXY = b"<html><head><title>404 Not Found</title></head></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        *((status, b"no", ApiError, rf"/x was refused: HTTP {status}") for status in REFUSED),
        *((status, b"no", Denied, rf"/x was refused: HTTP {status}") for status in (401, 403)),
        (404, OF_THE_API, NotFound, "/x: HTTP 404 'Block not found'"),
        (410, OF_THE_API, Gone, "/x: HTTP 410"),
        (404, OF_A_PROXY, ApiError, "/x was refused, and not by the API itself: check the address"),
        (410, b"", ApiError, "/x was refused, and not by the API itself: check the address"),
        (302, b"", ApiError, "HTTP 302 '', which points to '/elsewhere'"),
        (500, b'{"statusCode":500,"code":"22003","error":"Internal Server Error"}', ApiError, "out of range"),
    ],
)
def test_everything_else_fails_at_once_in_one_sentence(
    script: Script, make_http: MakeHttp, status: int, body: bytes, kind: type[ApiError], sentence: str
) -> None:
    """These statuses include redirects, which are not followed."""
    script.say(status, body, location="/elsewhere").say(200)
    with pytest.raises(kind, match=sentence) as caught:
        make_http().get("/x", bytes)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert script.asked == ["/x"]


def test_the_statuses_that_are_asked_again_are_a_setting(script: Script, make_http: MakeHttp) -> None:
    script.say(503).say(200)
    with pytest.raises(ApiError, match="was refused"):
        make_http(statuses=frozenset({418})).get("/x", bytes)


def test_an_answer_that_cannot_be_is_asked_again(script: Script, make_http: MakeHttp) -> None:
    def parse(body: bytes) -> bytes:
        if body == b"bad":
            raise MalformedAnswer("nonsense")
        return body

    script.say(200, b"bad").say(200, b"good")
    assert make_http().get("/x", parse) == b"good"
    script.answers.clear()
    script.say(200, b"bad")
    with pytest.raises(Unreachable, match="nonsense"):
        make_http().get("/x", parse)


@pytest.mark.parametrize("slow", [(504, b""), (524, b""), (500, b'{"code":"57014"}')], ids=["504", "524", "57014"])
def test_a_request_that_is_known_to_be_slow_is_not_repeated_as_often(
    script: Script, make_http: MakeHttp, slow: tuple[int, bytes]
) -> None:
    script.say(503).say(*slow)
    with pytest.raises(Unreachable, match="in 2 attempts"):
        make_http(attempts=9).get("/x", bytes, slow_attempts=2)
    assert len(script.asked) == 2


def test_a_short_trouble_of_a_slow_request_gets_all_the_patience(script: Script, make_http: MakeHttp) -> None:
    script.say(503).say(429).say(503).say(200, b"fine")
    assert make_http(attempts=4).get("/x", bytes, slow_attempts=2) == b"fine"


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:9", "connection refused"), ("http://no-such-host.invalid", "the host name is not known")],
)
def test_a_server_that_is_not_there_is_said_in_one_plain_sentence(make_http: MakeHttp, url: str, reason: str) -> None:
    with pytest.raises(Unreachable, match=f"{url}/x gave no usable response in 3 attempts: {reason}") as caught:
        make_http(url=url).get("/x", bytes)
    assert "\n" not in str(caught.value)
    assert "Max retries" not in str(caught.value)


def test_a_server_that_says_nothing_is_left_after_the_timeout(make_world: Callable[..., World]) -> None:
    world = make_world(make_chain(1, 1), hiro_timeout_seconds=0.05, hiro_attempts=2)
    with answers_only_while(world.knobs, lambda: False), pytest.raises(Unreachable, match="no response in time"):
        world.open_sync().client.tip()


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS if kind not in {"empty_page", "repeated_page"}])
def test_every_fault_of_the_devnet_passes(make_world: Callable[..., World], kind: FaultKind) -> None:
    world = make_world(make_chain(1, 1), Knobs(fault_kinds=(kind,), fail_next=3, retry_after_seconds=0))
    assert world.open_sync().client.tip().block_height == world.chain.tip.height
    assert world.devnet.stats.requests == 4


class TestRetryAfter:
    """A pause that a server demands is kept, in each format of the header and up to the limit."""

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("7", 7),
            ("0", 0),
            ("1.5", 1.5),
            ("-3", 0),
            ("2000000007", 7),
            ("1999999000", 0),
            ("Wed, 18 May 2033 03:33:27 GMT", 7),
            ("", None),
            ("soon", None),
            (None, None),
        ],
    )
    def test_seconds_unix_times_and_dates_are_understood(self, header: str | None, seconds: float | None) -> None:
        assert seconds_from(header, 2_000_000_000.0) == seconds

    @given(st.text(max_size=20) | st.floats().map(str) | st.integers().map(str))
    def test_any_header_gives_a_pause_or_none(self, header: str) -> None:
        seconds = seconds_from(header, 2_000_000_000.0)
        assert seconds is None or seconds >= 0

    @pytest.mark.parametrize(("form", "seconds"), [("seconds", 1.0), ("unix", 1.75), ("date", 1.75)])
    def test_a_short_pause_is_kept(
        self, script: Script, make_http: MakeHttp, clock: Clock, form: str, seconds: float
    ) -> None:
        until = datetime.fromtimestamp(int(clock.time()) + 2, UTC)
        said = {"seconds": "1", "unix": f"{until.timestamp():.0f}", "date": format_datetime(until, usegmt=True)}[form]
        script.say(429, retry_after=said).say(200, b"fine")
        http = make_http()
        http.stop = Stop(clock)
        assert http.get("/x", bytes) == b"fine"
        assert clock.waited == pytest.approx(seconds)

    @pytest.mark.parametrize("form", ["seconds", "unix", "date"])
    @pytest.mark.parametrize("status", [429, 503])
    def test_a_pause_over_the_cap_fails_and_says_until_when(
        self, script: Script, make_http: MakeHttp, form: str, status: int
    ) -> None:
        until = datetime.now(UTC) + timedelta(hours=1)
        said = {"seconds": "3600", "unix": f"{until.timestamp():.0f}", "date": format_datetime(until, usegmt=True)}
        script.say(status, retry_after=said[form])
        with pytest.raises(RateLimited, match=f"rate limited until {until:%Y-%m-%d %H}:") as caught:
            make_http().get("/x", bytes, params={"cursor": "1:2:3"})
        assert len(script.asked) == 1
        assert str(caught.value).endswith("/x")

    @pytest.mark.parametrize("said", ["1e300", "inf", "99999999999999", "1795319255000"])
    def test_an_absurd_pause_is_still_one_sentence(self, script: Script, make_http: MakeHttp, said: str) -> None:
        script.say(429, retry_after=said)
        with pytest.raises(ApiError):
            make_http().get("/x", bytes)

    def test_a_pause_holds_for_every_thread(self, script: Script, make_http: MakeHttp, clock: Clock) -> None:
        """One thread waits for its second attempt and one for its first. The others wait until the latter is served."""
        script.say(429, retry_after="1").say(200)
        waiting, over, http = set(), threading.Event(), make_http()

        class Held(Stop):
            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is not None
                end = clock.ns + round(timeout * 10**9)
                waiting.add(threading.get_ident())
                over.wait()
                clock.ns = max(clock.ns, end)
                return False

        http.stop = Held(clock)
        threads = [threading.Thread(target=http.get, args=("/x", bytes), daemon=True) for _ in range(4)]
        threads[0].start()
        wait_until(lambda: len(waiting) == 1, "the first waits")
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: len(waiting) == 2, "another waits")
        assert len(script.asked) == 1
        over.set()
        assert all(map(ended, threads))
        assert len(script.asked) == 5
        assert clock.waited == pytest.approx(1)

    def test_a_used_up_window_pauses_before_the_server_must_refuse(
        self, script: Script, make_http: MakeHttp, clock: Clock
    ) -> None:
        script.say(200, ratelimit_remaining="0", ratelimit_reset="1").say(200)
        http = make_http()
        http.stop = Stop(clock)
        http.get("/x", bytes)
        assert clock.waited == 0
        http.get("/x", bytes)
        assert clock.waited == pytest.approx(1)


class TestStopping:
    """A stopped run sends nothing more and does not wait."""

    def test_nothing_is_asked_any_more(self, script: Script, make_http: MakeHttp) -> None:
        script.say(200)
        http = make_http()
        http.stop.set()
        with pytest.raises(Interrupted):
            http.get("/x", bytes)
        assert script.asked == []

    def test_a_wait_for_the_next_attempt_ends(self, script: Script, make_http: MakeHttp, clock: Clock) -> None:
        script.say(503)
        http = make_http(first_wait=30.0, last_wait=30.0)
        http.stop = Stop(clock, ends=0)
        with pytest.raises(ApiError):
            http.get("/x", bytes)
        assert len(script.asked) == 1


@given(st.integers(1, 60), st.floats(0.01, 10), st.floats(0.01, 60))
def test_pauses_grow_but_never_beyond_the_last(attempt: int, first: float, last: float) -> None:
    wait = Patience(first_wait=first, last_wait=last).backoff(attempt)
    assert min(last, first) / 2 <= wait <= last

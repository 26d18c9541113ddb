"""HTTP as every client here speaks it: one pooled session per thread, a budget, bounded retries, clear errors.

What an answer means is decided in `_judge`; how long to wait in `Patience`. No API is known here.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlencode

import tenacity

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.clients.body import TooMuch
from stx_pipelines.clients.errors import ApiError, Gone, Interrupted, NotFound, RateLimited, TooLarge, Unreachable
from stx_pipelines.clients.exchange import Stopped
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.redaction import hide_paths_from_the_log, secrets_of
from stx_pipelines.clients.response import Answer, Broken, Limits, NoAddress, seconds_from

if TYPE_CHECKING:
    from stx_pipelines.clients.transport import Connections

T = TypeVar("T")
log = logging.getLogger(__name__)

_A_YEAR = 366 * 86_400.0  # seconds; nobody waits longer, whatever a server says
_COUNT = re.compile(r"[0-9]{1,9}")  # str.isdigit also takes what int() refuses
_SLOW = frozenset({504, 522, 524})
_TOO_SLOW = '"57014"'  # PostgreSQL's code for a statement that ran out of time
_CLOUDFLARE = 520  # and above: what it says when the server behind it is away or too slow
_WAITS_PER_EXCHANGE = 10
STOPPED = "stopped; what was landed is kept"
"""The sentence of every `Interrupted`."""
_OUT_OF_RANGE = '"22003"'  # PostgreSQL's code for a number out of range: the request is wrong, not the server


class _TryAgain(Exception):
    """A passing trouble; `wait` is the pause in seconds that the server asked for, `slow` that it took too long."""

    def __init__(self, message: str, wait: float | None = None, *, slow: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.slow = slow


@dataclass(frozen=True)
class Patience:
    """How long to try. Times in seconds; `longest_wait` caps what a server may ask for.

    `timeout` bounds each wait for the server, `answer_within` a whole exchange: ten such waits if it is not given, so
    that a slow line has its time.
    """

    attempts: int = 5
    first_wait: float = 0.5
    last_wait: float = 8.0
    timeout: float = 30.0
    longest_wait: float = 120.0
    answer_within: float | None = None
    statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504, 522, 525})

    def limits(self, stop: threading.Event) -> Limits:
        """The bounds of one exchange."""
        return Limits(self.timeout, self.answer_within or _WAITS_PER_EXCHANGE * self.timeout, stop)

    def backoff(self, attempt: int) -> float:
        """Exponential with full jitter, so that threads which failed together do not return together."""
        ceiling = min(self.last_wait, self.first_wait * 2 ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)


Refusal = Callable[[int, str], ApiError | None]
"""What a status other than 200 and its text mean to an API: a final error, or None for the usual judgement."""


def _nothing_special(_status: int, _text: str) -> None:
    return None


class _Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str] | None
    stop: threading.Event
    body: bytes | None = None
    cost: int = 1
    refusal: Refusal = _nothing_special


@dataclass
class Http:
    """One server. Thread-safe; `sent` counts requests, `calls` what they cost (calls inside a batch).

    `name` is what messages call the server. Give one where the address itself holds a secret.
    """

    base_url: str = field(repr=False)
    budget: Budget
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    name: str = ""
    sent: int = field(default=0, init=False)
    calls: int = field(default=0, init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _secrets: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self._secrets = list(self.headers.values())
        if self.name:
            self._secrets += [secret for secret in secrets_of(self.base_url) if secret not in self.name]
            hide_paths_from_the_log()
        else:
            self.name = self.base_url

    @cached_property
    def _connections(self) -> Connections:
        from stx_pipelines.clients.transport import Connections

        return Connections(self.base_url, self.headers)

    def get(
        self,
        path: str,
        parse: Callable[[bytes], T],
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        slow_attempts: int | None = None,
    ) -> T | None:
        """The parsed answer, or None for 304. `slow_attempts`: so many are enough for an answer that takes too long.

        Raises `NotFound`, `Gone`, `RateLimited`, `Unreachable`, `Interrupted`, or `ApiError` for an answer that
        no repetition would change. An answer that `parse` refuses with `MalformedAnswer` is asked for again.
        """
        query = f"?{urlencode(params)}" if params else ""
        return self._ask(_Request("GET", path + query, headers, self.stop), parse, slow_attempts)

    def post(
        self,
        path: str,
        body: bytes,
        parse: Callable[[bytes], T],
        *,
        cost: int = 1,
        stop: threading.Event | None = None,
        refusal: Refusal = _nothing_special,
    ) -> T:
        """The parsed answer to a JSON body; `cost` is what the budget counts. Raises what `get` raises.

        `stop` ends this request alone. `refusal` sees the text of every answer but 200 first.
        """
        headers = {"content-type": "application/json"}
        request = _Request("POST", path, headers, stop or self.stop, body, cost, refusal)
        answer = self._ask(request, parse)
        if answer is None:
            raise ApiError(f"{self.name}{path} answered 304 to a request that set no condition")
        return answer

    def _ask(self, request: _Request, parse: Callable[[bytes], T], slow_attempts: int | None = None) -> T | None:
        tries = self.patience.attempts

        def is_enough(state: tenacity.RetryCallState) -> bool:
            trouble = state.outcome.exception() if state.outcome else None
            slow = isinstance(trouble, _TryAgain) and trouble.slow
            return state.attempt_number >= ((slow_attempts if slow else None) or tries)

        retrying = tenacity.Retrying(
            stop=is_enough,
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_TryAgain),
            sleep=tenacity.sleep_using_event(request.stop),
            before_sleep=tenacity.before_sleep_log(log, logging.DEBUG),
            reraise=True,
        )
        try:
            return retrying(self._once, request, parse)
        except _TryAgain as trouble:
            where = self.name + request.path
            made = retrying.statistics["attempt_number"]
            raise Unreachable(f"{where} gave no usable answer in {made} attempts: {trouble}") from trouble

    def _wait(self, state: tenacity.RetryCallState) -> float:
        trouble = state.outcome.exception() if state.outcome else None
        told = trouble.wait if isinstance(trouble, _TryAgain) else None
        return max(told or 0.0, self.patience.backoff(state.attempt_number))

    def _once(self, request: _Request, parse: Callable[[bytes], T]) -> T | None:
        self.budget.spend(request.stop, request.cost)
        if request.stop.is_set():
            raise Interrupted(STOPPED)
        with self._counting:
            self.sent += 1
            self.calls += request.cost
        answer = self._exchange(request)
        self._heed_limits(answer.headers)
        if answer.status == 304:
            return None
        self._judge(request, answer)
        try:
            return parse(answer.body)
        except MalformedAnswer as error:
            trouble = _TryAgain(self.without_secrets(str(error)))
        raise trouble

    def _exchange(self, request: _Request) -> Answer:
        """The whole answer. A message that could hold the address loses it."""
        try:
            return self._connections.exchange(
                request.method, request.path, request.headers, request.body, self.patience.limits(request.stop)
            )
        except Broken as error:
            trouble: Exception = _TryAgain(self.without_secrets(str(error)), slow=error.slow)
        except TooMuch as error:
            trouble = TooLarge(f"{self.name}{request.path} {error}: that is not what this route answers")
        except Stopped:
            trouble = Interrupted(STOPPED)
        except NoAddress as error:
            trouble = ApiError(f"{self.name} is no address that can be asked ({error})")
        raise trouble

    def _judge(self, request: _Request, answer: Answer) -> None:
        status, where = answer.status, self.name + request.path
        if status == 200:
            return
        text = answer.body.decode("utf-8", "replace")
        if final := request.refusal(status, text):
            raise final
        said = f"HTTP {status} {self.without_secrets(text)[:200]!r}"
        if status == 404:
            raise NotFound(f"{where}: {said}")
        if status == 410:
            raise Gone(f"{where}: {said}")
        if status == 413:
            raise TooLarge(f"{where} takes no request as large as this: {said}")
        if status == 500 and _OUT_OF_RANGE in text:
            raise ApiError(f"{where} asks for a number out of range: {said}")
        if status in self.patience.statuses or status >= _CLOUDFLARE:
            slow = status in _SLOW or _TOO_SLOW in text
            raise _TryAgain(f"HTTP {status}", self._told_to_wait(where, answer.headers), slow=slow)
        raise ApiError(f"{where} was refused: {said}")

    def without_secrets(self, text: str) -> str:
        """The text as it may be shown: a server may repeat what it was sent."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _told_to_wait(self, where: str, headers: Mapping[str, str]) -> float | None:
        wait = seconds_from(headers.get("retry-after"), time.time())
        if wait is None:
            return None
        if wait > self.patience.longest_wait:
            until = datetime.now(UTC) + timedelta(seconds=min(wait, _A_YEAR))
            by = where.split("?", maxsplit=1)[0]
            raise RateLimited(f"rate limited until {until:%Y-%m-%d %H:%M:%S} UTC by {by}", until)
        self.budget.pause(wait)
        return wait

    def _heed_limits(self, headers: Mapping[str, str]) -> None:
        # Trust what the server says over any constant: a lower limit, or a window that is used up.
        limit = headers.get("x-ratelimit-limit-stacks-minute", "")
        if _COUNT.fullmatch(limit) and int(limit) > 0:
            self.budget.lower_to(int(limit))
        if headers.get("ratelimit-remaining") == "0":
            wait = seconds_from(headers.get("ratelimit-reset"), time.time())
            if wait is not None:
                self.budget.pause(min(wait, self.patience.longest_wait))

"""Requests to one server within a budget, with bounded retries and clear errors. The clients of all APIs use it.

`Http` decides how to react to an HTTP status. `Patience` gives the number of attempts and the pauses between them.
"""

from __future__ import annotations

import logging
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
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.redaction import IPC, hide_paths_from_the_log, secrets_in, secrets_of
from stx_pipelines.clients.response import Answer, Broken, NoAddress, seconds_from

if TYPE_CHECKING:
    from stx_pipelines.clients.ipc import IpcConnections
    from stx_pipelines.clients.transport import Connections

T = TypeVar("T")
log = logging.getLogger(__name__)

_A_YEAR = 366 * 86_400.0  # seconds; a longer pause is shown in messages as one year
_COUNT = re.compile(r"[0-9]{1,9}")  # str.isdigit also accepts characters that int() refuses
_MAY_NAME_A_PAUSE = frozenset({429, 503})
_SLOW = frozenset({504, 522, 524})
_TOO_SLOW = '"57014"'  # PostgreSQL's code for a statement that took too long
_CLOUDFLARE = 520  # Cloudflare's own statuses, for a server that is down or slow, start here
STOPPED = "stopped; stored days are kept"
"""The message of every `Interrupted`."""
_OUT_OF_RANGE = '"22003"'  # PostgreSQL's code for a number out of range, which is a fault of the request


class _TryAgain(Exception):
    """A failure after which the request is sent again.

    `wait` is the pause in seconds that the server demands. `slow` is true if the request took too long.
    """

    def __init__(self, message: str, wait: float | None = None, *, slow: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.slow = slow


Refusal = Callable[[int, str], ApiError | None]
"""A function that returns an API's own error for a status and its text, or None to handle the status as usual."""


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
    """A client of one server, usable by several threads.

    `sent` is the number of requests so far. `calls` is the sum of their costs, such as the calls in a batch.
    `date` is the header of the last response that had one. Messages
    call the server `name`, by default its address. Give a name if the address contains a secret.
    """

    base_url: str = field(repr=False)
    budget: Budget
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    name: str = ""
    sent: int = field(default=0, init=False)
    calls: int = field(default=0, init=False)
    date: str = field(default="", init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _secrets: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self._secrets = secrets_in(self.headers)
        if self.name:
            self._secrets += [secret for secret in secrets_of(self.base_url) if secret not in self.name]
            hide_paths_from_the_log()
        else:
            self.name = self.base_url

    @cached_property
    def _connections(self) -> Connections | IpcConnections:
        if self.base_url.startswith(IPC):
            try:
                from stx_pipelines.clients.ipc import IpcConnections
            except ModuleNotFoundError:
                raise ApiError(
                    f"{self.name} needs web3: install stx-pipelines with the extra [ethereum], "
                    "pip install -e '.[ethereum]'"
                ) from None
            return IpcConnections(self.base_url.removeprefix(IPC))
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
        """Send a GET request with retries. Return the parsed response, or None for HTTP 304.

        The request is sent again if `parse` raises `MalformedAnswer`. An attempt that took too long is followed by
        another only if fewer than `slow_attempts` attempts were made. Raises `NotFound`, `Gone`, `RateLimited`,
        `Unreachable`, `Interrupted`, or `ApiError` for a response that a retry would not change.
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
        """Send a JSON body with retries. Return the parsed response. Raises the errors of `get`.

        `cost` is the number of calls charged to the budget. `stop` replaces the client's stop signal for this request.
        `refusal` is called for every status except 200 and 304, before the usual handling.
        """
        headers = {"content-type": "application/json"}
        request = _Request("POST", path, headers, stop or self.stop, body, cost, refusal)
        answer = self._ask(request, parse)
        if answer is None:
            raise ApiError(f"{self.name}{path} responded with 304 to a request without a condition")
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
            raise Unreachable(f"{where} gave no usable response in {made} attempts: {trouble}") from trouble

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
        self.date = answer.headers.get("date", self.date)
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
        """Return the whole response. Secrets are removed from the messages of its errors."""
        try:
            return self._connections.exchange(
                request.method, request.path, request.headers, request.body, self.patience.limits(request.stop)
            )
        except Broken as error:
            trouble: Exception = _TryAgain(self.without_secrets(str(error)), slow=error.slow)
        except TooMuch as error:
            trouble = TooLarge(f"{self.name}{request.path} {error}, which no response of this route needs")
        except Stopped:
            trouble = Interrupted(STOPPED)
        except NoAddress as error:
            trouble = ApiError(f"no request can be sent to {self.name} ({error})")
        raise trouble

    def _judge(self, request: _Request, answer: Answer) -> None:
        status, where = answer.status, self.name + request.path
        if status == 200:
            return
        text = answer.body.decode("utf-8", "replace")
        told = self._told_to_wait(where, answer.headers) if status in _MAY_NAME_A_PAUSE else None
        if final := request.refusal(status, text):
            raise final
        said = f"HTTP {status} {self.without_secrets(text)[:200]!r}"
        if status == 404:
            raise NotFound(f"{where}: {said}")
        if status == 410:
            raise Gone(f"{where}: {said}")
        if status == 413:
            raise TooLarge(f"{where} does not accept a request of this size: {said}")
        if status == 500 and _OUT_OF_RANGE in text:
            raise ApiError(f"{where} has a number out of range: {said}")
        if status in self.patience.statuses or status >= _CLOUDFLARE:
            slow = status in _SLOW or _TOO_SLOW in text
            raise _TryAgain(f"HTTP {status}", told or self._told_to_wait(where, answer.headers), slow=slow)
        raise ApiError(f"{where} was refused: {said}")

    def without_secrets(self, text: str) -> str:
        """Return the text without secrets, because a server may repeat the secrets that it was sent."""
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
        # The server reports a lower limit, or that its window of time is used up.
        limit = headers.get("x-ratelimit-limit-stacks-minute", "")
        if _COUNT.fullmatch(limit) and int(limit) > 0:
            self.budget.lower_to(int(limit))
        if headers.get("ratelimit-remaining") == "0":
            wait = seconds_from(headers.get("ratelimit-reset"), time.time())
            if wait is not None:
                self.budget.pause(min(wait, self.patience.longest_wait))

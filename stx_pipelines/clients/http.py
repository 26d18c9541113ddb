"""Requests to one server within a budget, with bounded retries and clear errors. The clients of all APIs use it.

`judgement` decides how to react to a response. `Patience` gives the number of attempts and the pauses between them.
`Outage` waits longer, for a server that stopped responding.
"""

from __future__ import annotations

import codecs
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlencode

import tenacity

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.clients.body import TooMuch
from stx_pipelines.clients.errors import ApiError, Denied, Interrupted, TooLarge, Unreachable
from stx_pipelines.clients.exchange import Stopped
from stx_pipelines.clients.judgement import Judge, Refusal, TryAgain
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.redaction import IPC, WEBSOCKET, hide_paths_from_the_log, secrets_in, secrets_of
from stx_pipelines.clients.response import Answer, Broken, NoAddress

if TYPE_CHECKING:
    from stx_pipelines.clients.ipc import IpcConnections
    from stx_pipelines.clients.outage import Outage
    from stx_pipelines.clients.transport import Connections
    from stx_pipelines.clients.websocket import WebSocketConnections

T = TypeVar("T")
log = logging.getLogger(__name__)
_log_repetition = tenacity.before_sleep_log(log, logging.DEBUG)

STOPPED = "stopped; stored days are kept"
"""The message of every `Interrupted`."""


def present(answer: T | None, where: str) -> T:
    """Return the response. Raises `ApiError` if it is None: only a request with a condition may get a 304."""
    if answer is None:
        raise ApiError(f"{where} responded with 304 to a request without a condition")
    return answer


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
    name: str = ""

    @property
    def route(self) -> str:
        """The name that all requests have whose responses are of one shape: by default, the path."""
        return self.name or self.path


@dataclass
class Http:
    """A client of one server, usable by several threads.

    `sent` is the number of requests so far. `calls` is the sum of their costs, such as the calls in a batch. `repeated`
    of them failed and were sent again. `usable` had a usable response, and took `seconds` in all, without the waits for
    the budget. `date` is the header of the last response that had one. Messages call the server `name`, by default its
    address. Give a name if the address contains a secret. `outage` waits for a server that stopped responding.
    `limit_advice` names the setting for slower requests.
    """

    base_url: str = field(repr=False)
    budget: Budget
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    name: str = ""
    outage: Outage | None = field(default=None, repr=False)
    limit_advice: str = ""
    sent: int = field(default=0, init=False)
    calls: int = field(default=0, init=False)
    repeated: int = field(default=0, init=False)
    usable: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    date: str = field(default="", init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _judge: Judge = field(init=False, repr=False)

    def __post_init__(self) -> None:
        secrets = secrets_in(self.headers)
        if self.name:
            secrets += [secret for secret in secrets_of(self.base_url) if secret not in self.name]
            hide_paths_from_the_log()
        else:
            self.name = self.base_url
        self._judge = Judge(self.name, self.budget, self.patience, self.limit_advice, secrets)
        self._judge.has_answered = self.outage is not None and self.outage.has_answered

    @cached_property
    def _connections(self) -> Connections | IpcConnections | WebSocketConnections:
        try:
            if self.base_url.startswith(IPC):
                from stx_pipelines.clients.ipc import IpcConnections

                return IpcConnections(self.base_url.removeprefix(IPC))
            if self.base_url.startswith(WEBSOCKET):
                from stx_pipelines.clients.websocket import WebSocketConnections

                return WebSocketConnections(self.base_url, self.headers)
        except ModuleNotFoundError:
            raise ApiError(
                f"{self.name} needs web3: install stx-pipelines with the extra [ethereum], pip install -e '.[ethereum]'"
            ) from None
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
        refusal: Refusal = _nothing_special,
    ) -> T | None:
        """Send a GET request with retries. Return the parsed response, or None for HTTP 304.

        The request is sent again if `parse` raises `MalformedAnswer`. An attempt that took too long is followed by
        another only if fewer than `slow_attempts` attempts were made. `refusal` is called for every status except 200
        and 304, before the usual handling. Raises `NotFound`, `Gone`, `RateLimited`,
        `Unreachable`, `Interrupted`, or `ApiError` for a response that a retry would not change.
        """
        query = f"?{urlencode(params)}" if params else ""
        request = _Request("GET", path + query, headers, self.stop, refusal=refusal)
        return self._ask(request, parse, slow_attempts)

    def post(
        self,
        path: str,
        body: bytes,
        parse: Callable[[bytes], T],
        *,
        route: str = "",
        cost: int = 1,
        stop: threading.Event | None = None,
        refusal: Refusal = _nothing_special,
    ) -> T:
        """Send a JSON body with retries. Return the parsed response. Raises the errors of `get`.

        `route` names the requests whose responses are of one shape, if the path does not. `cost` is the number of calls
        charged to the budget. `stop` replaces the client's stop signal for this request.
        `refusal` is called for every status except 200 and 304, before the usual handling.
        """
        headers = {"content-type": "application/json"}
        request = _Request("POST", path, headers, stop or self.stop, body, cost, refusal, route)
        answer = self._ask(request, parse)
        return present(answer, self.name + path)

    def _ask(self, request: _Request, parse: Callable[[bytes], T], slow_attempts: int | None = None) -> T | None:
        is_first = slow_attempts is None
        while True:
            try:
                return self._in_attempts(request, parse, slow_attempts)
            except (Unreachable, Denied) as trouble:
                if not self.outage or not self.outage.is_over(trouble, request.stop, is_first=is_first):
                    raise
                is_first = False

    def _in_attempts(self, request: _Request, parse: Callable[[bytes], T], slow_attempts: int | None) -> T | None:
        tries = self.patience.attempts

        def is_enough(state: tenacity.RetryCallState) -> bool:
            trouble = state.outcome.exception() if state.outcome else None
            slow = isinstance(trouble, TryAgain) and trouble.slow
            return state.attempt_number >= ((slow_attempts if slow else None) or tries)

        retrying = tenacity.Retrying(
            stop=is_enough,
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(TryAgain),
            sleep=tenacity.sleep_using_event(request.stop),
            before_sleep=self._note_repetition,
            reraise=True,
        )
        try:
            return retrying(self._once, request, parse)
        except TryAgain as trouble:
            where = self.name + request.path
            made = retrying.statistics["attempt_number"]
            raise Unreachable(f"{where} gave no usable response in {made} attempts: {trouble}") from trouble

    def _note_repetition(self, state: tenacity.RetryCallState) -> None:
        with self._counting:
            self.repeated += 1
        _log_repetition(state)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        trouble = state.outcome.exception() if state.outcome else None
        told = trouble.wait if isinstance(trouble, TryAgain) else None
        return max(told or 0.0, self.patience.backoff(state.attempt_number))

    def _once(self, request: _Request, parse: Callable[[bytes], T]) -> T | None:
        self.budget.spend(request.stop, request.cost)
        if request.stop.is_set():
            raise Interrupted(STOPPED)
        with self._counting:
            self.sent += 1
            self.calls += request.cost
        began = time.monotonic()
        answer = self._exchange(request)
        self.date = answer.headers.get("date", self.date)
        self._judge.heed_limits(answer.headers)
        if answer.status == 304:
            self._note_answer(request)
            return None
        self._judge.judge(request.path, answer, request.refusal)
        try:
            parsed = parse(answer.body.removeprefix(codecs.BOM_UTF8))
        except MalformedAnswer as error:
            trouble = self._judge.malformed(request.route, error)
        else:
            self._note_answer(request)
            with self._counting:
                self.usable += 1
                self.seconds += time.monotonic() - began
            return parsed
        raise trouble

    def _note_answer(self, request: _Request) -> None:
        """Note that the API itself responded."""
        self._judge.note_answer(request.route)
        if self.outage:
            self.outage.answered()

    def _exchange(self, request: _Request) -> Answer:
        """Return the whole response. Secrets are removed from the messages of its errors."""
        try:
            return self._connections.exchange(
                request.method, request.path, request.headers, request.body, self.patience.limits(request.stop)
            )
        except Broken as error:
            trouble: Exception = TryAgain(self.without_secrets(str(error)), slow=error.slow)
        except TooMuch as error:
            trouble = TooLarge(f"{self.name}{request.path} {error}, which no response of this route needs")
        except Stopped:
            trouble = Interrupted(STOPPED)
        except NoAddress as error:
            trouble = ApiError(f"no request can be sent to {self.name} ({error})")
        raise trouble

    def without_secrets(self, text: str) -> str:
        """Return the text without secrets, because a server may repeat the secrets that it was sent."""
        return self._judge.without_secrets(text)

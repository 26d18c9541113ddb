"""The judgement of a response: usable, to be requested again after a pause, or final."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from stx_pipelines.chains.errors import MalformedAnswer, OtherShape
from stx_pipelines.clients.errors import ApiError, Changed, Denied, Gone, NotFound, RateLimited, TooLarge
from stx_pipelines.clients.limits import (
    pause_of_used_up_windows,
    request_cost,
    requests_per_minute,
    seconds_from,
    true_time,
)
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.response import Answer
from stx_pipelines.clients.shapes import Shapes

_A_YEAR = 366 * 86_400.0  # seconds; a longer pause is shown in messages as one year
_MAY_NAME_A_PAUSE = frozenset({429, 503})
_TOO_MANY = 429
_OF_ALL_REQUESTS = frozenset({401, 403})
_ONLY_OF_THE_API = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SLOW = frozenset({504, 522, 524})
_TOO_SLOW = '"57014"'  # PostgreSQL's code for a statement that took too long
_CLOUDFLARE = 520  # Cloudflare's own statuses, for a server that is down or slow, start here
_OUT_OF_RANGE = '"22003"'  # PostgreSQL's code for a number out of range, which is a fault of the request


class TryAgain(Exception):
    """A failure after which the request is sent again.

    `wait` is the pause in seconds that the server demands. `slow` is true if the request took too long.
    """

    def __init__(self, message: str, wait: float | None = None, *, slow: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.slow = slow


Refusal = Callable[[int, str], ApiError | None]
"""A function that returns an API's own error for a status and its text, or None to handle the status as usual."""


@dataclass
class Judge:
    """The judge of the responses of the server `name`. `has_answered` is true once the API itself responded.

    `limit_advice` names the setting for slower requests. `secrets` are removed from all messages.
    """

    name: str
    budget: Budget
    patience: Patience
    limit_advice: str = ""
    secrets: Sequence[str] = field(default=(), repr=False)
    has_answered: bool = field(default=False, init=False)
    _shapes: Shapes = field(default_factory=Shapes, init=False, repr=False)

    def note_answer(self, route: str) -> None:
        """Note a usable response of the API itself. `route` is a path, or a method of JSON-RPC."""
        self.has_answered = True
        self._shapes.answered(route, time.monotonic())

    def malformed(self, route: str, error: MalformedAnswer) -> TryAgain | Changed:
        """Return the error of a response that cannot be used."""
        said = self.without_secrets(str(error))
        if not isinstance(error, OtherShape):  # not JSON, or values that are impossible
            return TryAgain(said)
        wait = self._shapes.failed(route, said, time.monotonic())
        if wait is None:
            where = self.name + (route if route.startswith("/") else f" {route}")
            return Changed(f"the API has changed: update stx-pipelines ({where}: {said[:300]})")
        return TryAgain(said, wait)

    def judge(self, path: str, answer: Answer, refusal: Refusal) -> None:
        """Return if the response is usable. Otherwise raise `TryAgain` or a final error."""
        status, where = answer.status, self.name + path
        if status == 200:
            return
        text = answer.text
        told = self._told_to_wait(where, answer.headers) if status in _MAY_NAME_A_PAUSE else None
        if final := refusal(status, text):
            self.has_answered = True
            raise final
        said = f"HTTP {status} {self._shown(answer.words)}"
        if status in _OF_ALL_REQUESTS:
            raise Denied(f"{where} was refused: {said}")
        if status in _ONLY_OF_THE_API:
            self._refuse_unless_of_the_api(where, answer, said)
        if status == 404:
            raise NotFound(f"{where}: {said}")
        if status == 410:
            raise Gone(f"{where}: {said}")
        if status == 413:
            raise TooLarge(f"{where} does not accept a request of this size: {said}")
        if status == 500 and _OUT_OF_RANGE in text:
            raise ApiError(f"{where} has a number out of range: {said}")
        if status in self.patience.statuses or status >= _CLOUDFLARE:
            self._fail_for_now(where, answer, told)
        to = f", which points to {self._shown(answer.headers.get('location', ''))}" if status in _REDIRECTS else ""
        if to and self.has_answered:
            raise TryAgain(f"HTTP {status}{to}")  # something in front of the API, for a while
        raise ApiError(f"{where} was refused: {said}{to}")

    def _refuse_unless_of_the_api(self, where: str, answer: Answer, said: str) -> None:
        """Return if the API itself wrote this response. Otherwise the response says nothing of the chain."""
        if answer.is_of_the_api:
            self.has_answered = True
        elif self.has_answered:
            raise TryAgain(f"HTTP {answer.status} that is not of the API itself")
        else:
            raise ApiError(f"{where} was refused, and not by the API itself: check the address ({said})")

    def _fail_for_now(self, where: str, answer: Answer, told: float | None) -> NoReturn:
        status = answer.status
        if status == _TOO_MANY:
            wait = self._pause_without_header() if told is None else told
            raise TryAgain(f"HTTP 429, which means the rate limit{self._slower()}", wait)
        slow = status in _SLOW or _TOO_SLOW in answer.text
        said = f"HTTP {status} {self._shown(answer.words)}" if answer.is_of_the_api else f"HTTP {status}"
        raise TryAgain(said, told or self._told_to_wait(where, answer.headers), slow=slow)

    def _pause_without_header(self) -> float | None:
        """Return a pause after a 429 that names none. All attempts together outlast the window of the limit."""
        if not self.patience.limit_window:
            return None
        wait = min(self.patience.limit_window / max(1, self.patience.attempts - 1), self.patience.longest_wait)
        self.budget.pause(wait)
        return wait

    def _slower(self) -> str:
        return f": {self.limit_advice}" if self.limit_advice else ""

    def _shown(self, text: str) -> str:
        """Return the server's words without secrets, on one line and not longer than a sentence."""
        return repr(self.without_secrets(text)[:200])

    def _told_to_wait(self, where: str, headers: Mapping[str, str]) -> float | None:
        now = true_time(headers, time.time())
        wait = seconds_from(headers.get("retry-after"), now)
        if wait is None:
            wait = pause_of_used_up_windows(headers, now)
        if wait is None:
            return None
        if wait > self.patience.longest_wait:
            until = datetime.now(UTC) + timedelta(seconds=min(wait, _A_YEAR))
            by = where.split("?", maxsplit=1)[0]
            raise RateLimited(f"rate limited until {until:%Y-%m-%d %H:%M:%S} UTC by {by}{self._slower()}", until)
        self.budget.pause(wait)
        return wait

    def heed_limits(self, headers: Mapping[str, str]) -> None:
        """Adopt a lower limit that the server reports. Pause if a window of its limit is used up.

        A request that cost more than one is charged to the budget.
        """
        if (cost := request_cost(headers)) > 1:
            self.budget.charge(cost - 1)
        if limit := requests_per_minute(headers):
            self.budget.lower_to(limit)
        wait = pause_of_used_up_windows(headers, true_time(headers, time.time()))
        if wait is not None:
            self.budget.pause(min(wait, self.patience.longest_wait))

    def without_secrets(self, text: str) -> str:
        """Return the text without secrets, because a server may repeat the secrets that it was sent."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

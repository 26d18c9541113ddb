"""HTTP as every client here speaks it: one pooled session per thread, a budget, bounded retries, clear errors.

What an answer means is decided in `_judge`; how long to wait in `_Patience`. No API is known here.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

import requests
import tenacity
from requests.adapters import HTTPAdapter

from stx_pipelines.chains.stacks import MalformedAnswer
from stx_pipelines.sources.budget import Budget
from stx_pipelines.sources.errors import ApiError, Gone, Interrupted, NotFound, RateLimited, Unreachable

T = TypeVar("T")
log = logging.getLogger(__name__)

_A_YEAR = 366 * 86_400.0  # seconds; nobody waits longer, whatever a server says
_OUT_OF_RANGE = '"22003"'  # PostgreSQL's code for a number out of range: the request is wrong, not the server


class _TryAgain(Exception):
    """A passing trouble; `wait` is the pause in seconds that the server asked for, if it did."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long to try. Times in seconds; `longest_wait` caps what a server may ask for."""

    attempts: int = 5
    first_wait: float = 0.5
    last_wait: float = 8.0
    timeout: float = 30.0
    longest_wait: float = 120.0
    statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504, 522, 525})

    def backoff(self, attempt: int) -> float:
        """Exponential with full jitter, so that threads which failed together do not return together."""
        ceiling = min(self.last_wait, self.first_wait * 2 ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)


@dataclass
class Http:
    """GET against one server. Thread-safe; `sent` counts requests."""

    base_url: str
    budget: Budget
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    sent: int = field(default=0, init=False)
    _policies: dict[int, tenacity.Retrying] = field(default_factory=dict, init=False, repr=False)
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def get(
        self,
        path: str,
        parse: Callable[[bytes], T],
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> T | None:
        """The parsed answer, or None for 304.

        Raises `NotFound`, `Gone`, `RateLimited`, `Unreachable`, `Interrupted`, or `ApiError` for an answer that
        no repetition would change. An answer that `parse` refuses with `MalformedAnswer` is asked for again.
        """
        url = f"{self.base_url}{path}?{urlencode(params)}" if params else self.base_url + path
        tries = attempts or self.patience.attempts
        try:
            return self._retrying(tries)(self._once, url, parse, headers)
        except _TryAgain as trouble:
            raise Unreachable(f"{url} gave no usable answer in {tries} attempts: {trouble}") from trouble

    def _retrying(self, attempts: int) -> tenacity.Retrying:
        known = self._policies.get(attempts)
        if known is None:
            known = self._policies[attempts] = tenacity.Retrying(
                stop=tenacity.stop_after_attempt(attempts),
                wait=self._wait,
                retry=tenacity.retry_if_exception_type(_TryAgain),
                sleep=tenacity.sleep_using_event(self.stop),
                before_sleep=tenacity.before_sleep_log(log, logging.DEBUG),
                reraise=True,
            )
        return known

    def _wait(self, state: tenacity.RetryCallState) -> float:
        trouble = state.outcome.exception() if state.outcome else None
        told = trouble.wait if isinstance(trouble, _TryAgain) else None
        return max(told or 0.0, self.patience.backoff(state.attempt_number))

    def _once(self, url: str, parse: Callable[[bytes], T], headers: Mapping[str, str] | None) -> T | None:
        self.budget.spend(self.stop)
        if self.stop.is_set():
            raise Interrupted("stopped; what was landed is kept")
        with self._counting:
            self.sent += 1
        try:
            answer = self._session().get(url, headers=headers, timeout=self.patience.timeout, allow_redirects=False)
            body = answer.content
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
                requests.exceptions.ContentDecodingError) as error:  # fmt: skip
            raise _TryAgain(_plain(error)) from error
        self._heed_limits(answer.headers)
        if answer.status_code == 304:
            return None
        self._judge(url, answer)
        try:
            return parse(body)
        except MalformedAnswer as error:
            raise _TryAgain(str(error)) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers.update(self.headers)
            # Proxies and certificates from the environment, looked up once instead of at every request.
            session.proxies = dict(requests.utils.get_environ_proxies(self.base_url))
            session.verify = session.merge_environment_settings(self.base_url, {}, None, None, None)["verify"]
            session.trust_env = False
            session.mount(self.base_url, HTTPAdapter(pool_connections=1, pool_maxsize=1))
        return session

    def _judge(self, url: str, answer: requests.Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        said = f"HTTP {status} {self._without_secrets(answer.text)[:200]!r}"
        if status == 404:
            raise NotFound(f"{url}: {said}")
        if status == 410:
            raise Gone(f"{url}: {said}")
        if status == 500 and _OUT_OF_RANGE in answer.text:
            raise ApiError(f"{url} asks for a number out of range: {said}")
        if status in self.patience.statuses:
            raise _TryAgain(f"HTTP {status}", self._told_to_wait(url, answer.headers))
        raise ApiError(f"{url} was refused: {said}")

    def _without_secrets(self, text: str) -> str:
        for secret in self.headers.values():
            text = text.replace(secret, "***")
        return text

    def _told_to_wait(self, url: str, headers: Mapping[str, str]) -> float | None:
        wait = seconds_from(headers.get("retry-after"), time.time())
        if wait is None:
            return None
        if wait > self.patience.longest_wait:
            until = datetime.now(UTC) + timedelta(seconds=min(wait, _A_YEAR))
            where = url.split("?", maxsplit=1)[0]
            raise RateLimited(f"rate limited until {until:%Y-%m-%d %H:%M:%S} UTC by {where}", until)
        self.budget.pause(wait)
        return wait

    def _heed_limits(self, headers: Mapping[str, str]) -> None:
        # Trust what the server says over any constant: a lower limit, or a window that is used up.
        limit = headers.get("x-ratelimit-limit-stacks-minute", "")
        if limit.isdigit() and int(limit) > 0:
            self.budget.lower_to(int(limit))
        if headers.get("ratelimit-remaining") == "0":
            wait = seconds_from(headers.get("ratelimit-reset"), time.time())
            if wait is not None:
                self.budget.pause(min(wait, self.patience.longest_wait))


def seconds_from(header: str | None, now: float) -> float | None:
    """A pause out of `retry-after` or `ratelimit-reset`: seconds, a unix time or an HTTP date; None if absent."""
    if not header:
        return None
    try:
        number = float(header)
    except ValueError:
        try:
            number = parsedate_to_datetime(header).timestamp()
        except ValueError:
            return None
    if math.isnan(number):
        return None
    a_unix_time = number > 1e9
    return max(0.0, number - now if a_unix_time else number)


def _plain(error: requests.RequestException) -> str:
    """Why the connection failed, without the traceback that libraries fold into their messages."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the secure connection failed: {error}"
    if "NameResolutionError" in str(error):
        return "the host name is not known"
    if "Connection refused" in str(error):
        return "connection refused"
    return "the connection broke before the answer was whole"

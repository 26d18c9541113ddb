"""What lies under `http`: connections, why one failed in plain words, and what a header says about waiting.

`requests` is imported where it is used, a tenth of a second later: who only looks at coverage never needs it.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.clients.body import PIECE, Undecodable, whole
from stx_pipelines.clients.exchange import Exchange, Late

if TYPE_CHECKING:
    import requests


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Limits(NamedTuple):
    """How long an exchange may take, in seconds: each wait for the server, and all of it. `stop` ends it at once."""

    wait: float
    whole: float
    stop: threading.Event | None = None


class Broken(Exception):
    """No whole answer came; the text says why, in plain words. `slow`: it took too long."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class NoAddress(Exception):
    """There is no such address, or none that a request can be sent to."""


@dataclass
class Connections:
    """Connections to one server, which sends `headers` with every request. Thread-safe."""

    base_url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    _posts: dict[str, requests.PreparedRequest] = field(default_factory=dict, init=False, repr=False)
    _idle: deque[requests.Session] = field(default_factory=deque, init=False, repr=False)

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None, limits: Limits
    ) -> Answer:
        """The whole answer, no redirect followed. Raises `Broken`, `NoAddress`, `TooMuch` and `Stopped`.

        What the libraries say of a failure may hold the address: it is not passed on.
        """
        import requests
        from urllib3.exceptions import ProtocolError, SSLError
        from urllib3.exceptions import TimeoutError as ReadTimeout

        try:
            with self._session() as session, Exchange(limits.whole, limits.stop) as exchange:
                prepared = self._prepared(session, method, path, headers, body)
                answer = session.send(prepared, timeout=limits.wait, allow_redirects=False, stream=True)
                return Answer(answer.status_code, answer.headers, _body(answer, exchange))
        except (Late, Undecodable) as error:
            trouble: Exception = Broken(str(error), slow=isinstance(error, Late))
        except (requests.ConnectionError, requests.Timeout, ProtocolError, ReadTimeout, SSLError) as error:
            slow = isinstance(error, requests.Timeout | ReadTimeout)
            trouble = Broken("no answer in time" if slow else _plain(error), slow=slow)
        except (requests.RequestException, ValueError) as error:  # a host that no name can be looked up for
            trouble = NoAddress(type(error).__name__)
        raise trouble

    def _prepared(
        self, session: requests.Session, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> requests.PreparedRequest:
        # To prepare a POST takes half as long as to send it, and one differs from the next in its body alone.
        if (known := self._posts.get(path)) is not None and method == "POST":
            again = known.copy()
            again.prepare_body(body, None)
            return again
        import requests

        first = session.prepare_request(requests.Request(method, self.base_url + path, headers=headers, data=body))
        if method == "POST":
            self._posts[path] = first
        return first

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """A session, and with it a connection, that nobody else uses meanwhile."""
        try:
            session = self._idle.pop()
        except IndexError:
            from stx_pipelines.clients.sessions import new_session

            session = new_session(self.base_url, self.headers)
        try:
            yield session
        finally:
            self._idle.append(session)


def _body(answer: requests.Response, exchange: Exchange) -> bytes:
    """The body; its connection is used again only if it was read to the end."""
    raw = answer.raw
    try:
        pieces = raw.stream(PIECE, decode_content=False)
        body = whole(pieces, raw.headers.get("content-encoding", ""), exchange.check)
    except BaseException:
        raw.close()
        raise
    raw.release_conn()  # an answer without a body does not do so by itself
    return body


def seconds_from(header: str | None, now: float) -> float | None:
    """A pause out of `retry-after` or `ratelimit-reset`: seconds, a unix time or an HTTP date; None if absent."""
    if not header:
        return None
    try:
        number = float(header)
    except ValueError:
        try:
            number = parsedate_to_datetime(header).timestamp()
        except (ValueError, OverflowError):
            return None
    if math.isnan(number):
        return None
    a_unix_time = number > 1e9
    return max(0.0, number - now if a_unix_time else number)


def _plain(error: Exception) -> str:
    """Why the connection failed, without the traceback that libraries fold into their messages."""
    import requests
    from urllib3.exceptions import SSLError

    if isinstance(error, requests.exceptions.SSLError | SSLError):
        reason = getattr(error.args[0] if error.args else None, "reason", "no reason given")
        return f"the secure connection failed: {reason}"
    if "NameResolutionError" in str(error):
        return "the host name is not known"
    if "Connection refused" in str(error):
        return "connection refused"
    return "the connection broke before the answer was whole"

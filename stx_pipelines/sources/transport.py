"""What lies under `http`: connections, why one failed in plain words, and what a header says about waiting.

`requests` is imported where it is used, a tenth of a second later: who only looks at coverage never needs it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import requests


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Connections:
    """Connections to one server, which sends `headers` with every request. Thread-safe."""

    base_url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    _posts: dict[str, requests.PreparedRequest] = field(default_factory=dict, init=False, repr=False)
    _idle: deque[requests.Session] = field(default_factory=deque, init=False, repr=False)

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None, timeout: float
    ) -> Answer:
        """The whole answer, no redirect followed. Raises `requests.RequestException`, and ValueError for a bad host."""
        with self._session() as session:
            prepared = self._prepared(session, method, path, headers, body)
            # As a stream: what is read at once otherwise comes in pieces of 10 kB.
            answer = session.send(prepared, timeout=timeout, allow_redirects=False, stream=True)
            return Answer(answer.status_code, answer.headers, b"".join(answer.iter_content(None)))

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
            session = _new_session(self.base_url, self.headers)
        try:
            yield session
        finally:
            self._idle.append(session)


def _new_session(base_url: str, headers: Mapping[str, str]) -> requests.Session:
    """One connection to one server."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.headers.update(headers)
    # Proxies and certificates from the environment, looked up once instead of at every request.
    session.proxies = dict(requests.utils.get_environ_proxies(base_url))
    session.verify = session.merge_environment_settings(base_url, {}, None, None, None)["verify"]
    session.trust_env = False
    session.mount(base_url, HTTPAdapter(pool_connections=1, pool_maxsize=1))
    return session


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


def plain(error: requests.RequestException) -> str:
    """Why the connection failed, without the traceback that libraries fold into their messages."""
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        reason = getattr(error.args[0] if error.args else None, "reason", "no reason given")
        return f"the secure connection failed: {reason}"
    if "NameResolutionError" in str(error):
        return "the host name is not known"
    if "Connection refused" in str(error):
        return "connection refused"
    return "the connection broke before the answer was whole"

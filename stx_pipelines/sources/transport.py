"""What lies under `http`: a connection, why it failed in plain words, and what a header says about waiting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import requests
from requests.adapters import HTTPAdapter


def new_session(base_url: str, headers: Mapping[str, str]) -> requests.Session:
    """One connection to one server."""
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

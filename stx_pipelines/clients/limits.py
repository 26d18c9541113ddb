"""Functions that read what a server's headers say of its rate limit: a pause, and the requests that a minute allows.

Servers name these headers differently. Numbers and times that are not written as expected are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"(-?[0-9]{1,14})(?:\.[0-9]{1,9})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)  # str.isdigit also accepts characters that int() refuses
_REMAINING = re.compile(r"(?:x-)?ratelimit-remaining(?:-stacks)?(?:-(second|minute|hour|day|month))?")
_HIGHEST_COST = 100  # a higher cost of one request would be an error of the server
_LIMITS = ("x-ratelimit-limit-stacks-minute", "x-ratelimit-limit-minute")
_FIXED = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_A_UNIX_TIME = 1e9  # a larger number is a unix time
_IN_MILLISECONDS = 1e11  # a larger number is a unix time in milliseconds
_CLOCK_DIFFERENCE = 10.0  # seconds; a larger difference means that this machine's clock is wrong


def seconds_from(header: str | None, now: float) -> float | None:
    """Return the pause in seconds that a `retry-after` or `ratelimit-reset` header names, or None if it names none.

    The header may contain seconds, a unix time in seconds or milliseconds, or an HTTP date. A date without a zone is in
    UTC. `now` is the present unix time.
    """
    if not header or not header.isascii():
        return None
    said = header.strip()
    if not _NUMBER.fullmatch(said):
        time = unix_time(said)
        return None if time is None else max(0.0, time - now)
    number = float(said)
    if number > _A_UNIX_TIME:
        number = (number / 1000 if number > _IN_MILLISECONDS else number) - now
    return max(0.0, number)


def unix_time(date: str) -> float | None:
    """Return the unix time of an HTTP date, or None if it is not a date. A date without a zone is in UTC."""
    if not date.isascii():
        return None
    try:
        parsed = parsedate_to_datetime(date)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def true_time(headers: Mapping[str, str], now: float) -> float:
    """Return the server's time if this machine's clock, `now`, is clearly wrong. Otherwise return `now`."""
    said = unix_time(headers.get("date") or "")
    return said if said is not None and abs(said - now) > _CLOCK_DIFFERENCE else now


def requests_per_minute(headers: Mapping[str, str]) -> int | None:
    """Return the number of requests that the server allows a minute, or None if no header names it."""
    named = [int(said) for name in _LIMITS if _COUNT.fullmatch(said := headers.get(name, ""))]
    return min((number for number in named if number > 0), default=None)


def request_cost(headers: Mapping[str, str]) -> int:
    """Return the number of requests that the server counts for this one, from 1 to 100."""
    said = headers.get("x-ratelimit-cost-stacks", "")
    return min(max(int(said), 1), _HIGHEST_COST) if _COUNT.fullmatch(said) else 1


def pause_of_used_up_windows(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until every window of time that is used up has ended, or None if no window is.

    The end is in `ratelimit-reset`. Without that header, windows begin with the second, minute, hour, day or month.
    """
    pauses = [_left_of(window, headers, now) for window in _used_up(headers)]
    return max((pause for pause in pauses if pause is not None), default=None)


def _used_up(headers: Mapping[str, str]) -> Iterator[str | None]:
    for name, said in headers.items():
        found = _REMAINING.fullmatch(name.lower())
        if found and _COUNT.fullmatch(said.strip()) and int(said) == 0:
            yield found[1]


def _left_of(window: str | None, headers: Mapping[str, str], now: float) -> float | None:
    if window is None:
        return seconds_from(headers.get("ratelimit-reset") or headers.get("x-ratelimit-reset"), now)
    if window == "month":
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return ((today.replace(day=1) + timedelta(days=32)).replace(day=1)).timestamp() - now
    return _FIXED[window] - now % _FIXED[window]

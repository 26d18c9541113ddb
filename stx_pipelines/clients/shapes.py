"""Routes whose responses have another shape than expected, to tell a changed API from a passing fault."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from math import inf

_FEWEST = 3
_SECONDS = 60.0
_PARTS_THAT_DIFFER = re.compile(r"0x[0-9a-f]+|[0-9]+")


@dataclass
class _Errors:
    sentence: str
    since: float
    count: int = 1


@dataclass
class Shapes:
    """The shape errors of each route since its last usable response. Times are seconds of a monotonic clock."""

    _errors: dict[str, _Errors] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, path: str, now: float) -> None:
        """Note a usable response."""
        route = _route(path)
        with self._noting:
            self._answered[route] = now
            self._errors.pop(route, None)

    def failed(self, path: str, sentence: str, now: float) -> float | None:
        """Note a response of another shape. Return the pause before the next attempt, or None if the API has changed.

        It has if the route gave the same error three times over a minute while another route responded.
        """
        route, said = _route(path), _PARTS_THAT_DIFFER.sub("0", sentence)
        with self._noting:
            known = self._errors.get(route)
            if known is None or known.sentence != said:
                self._errors[route] = _Errors(said, now)
                return 0.0
            known.count += 1
            left = known.since + _SECONDS - now
            others = max((time for other, time in self._answered.items() if other != route), default=-inf)
            if known.count < _FEWEST or others < known.since - _SECONDS:
                return 0.0
            return left if left > 0 else None


def _route(path: str) -> str:
    """Return the path without its query, and with 0 for heights and hashes."""
    parts = path.split("?", maxsplit=1)[0].split("/")
    return "/".join("0" if _PARTS_THAT_DIFFER.fullmatch(part) else part for part in parts)

"""Faults of the Stacks chain: drawing the fault of a request, and changing its response.

This module draws faults and makes broken responses. It does not name the faults (knobs.py), make correct responses
(routes_*.py) or break connections (api.py).
"""

from codecs import BOM_UTF8
from dataclasses import replace
from http import HTTPStatus
from json import loads
from random import Random
from typing import Any

from stx_pipelines.devnet.stacks.answers import Answer, Caching, dumps
from stx_pipelines.devnet.stacks.knobs import FaultKind, Knobs

_OF_PAGES = frozenset({"empty_page", "repeated_page", "endless_page"})  # faults that only a v3 page can have
_OF_LISTS = frozenset({"far_future"})  # faults that only a list of burn blocks can have
_YEAR_9999 = 253_370_764_800
_HTML = (b"content-type", b"text/html")
_EMPTY_CURSOR = {"next": None, "previous": None, "current": None}
_EMPTY_PAGE = dumps({"total": 0, "limit": 50, "cursor": _EMPTY_CURSOR, "results": []})


class Faults:
    """The faults of a series of requests, drawn from a seed so that a failing test can be repeated."""

    def __init__(self, knobs: Knobs) -> None:
        """Start a series. The series starts again whenever the knob `seed` changes."""
        self._knobs = knobs
        self._seed = knobs.seed
        self._rng = Random(self._seed)

    def draw(self, *, is_v3_page: bool, is_burn_list: bool = False) -> FaultKind | None:
        """Return the fault of the next request, or None for no fault."""
        if self._knobs.seed != self._seed:
            self._seed = self._knobs.seed
            self._rng = Random(self._seed)
        kinds = [
            kind
            for kind in self._knobs.fault_kinds
            if (is_v3_page or kind not in _OF_PAGES) and (is_burn_list or kind not in _OF_LISTS)
        ]
        if not self._is_due() or not kinds:
            return None
        return self._rng.choice(kinds)

    def _is_due(self) -> bool:
        if self._knobs.fail_next > 0:
            self._knobs.fail_next -= 1
            return True
        return self._knobs.fault_rate > 0 and self._rng.random() < self._knobs.fault_rate


def instead(kind: FaultKind, retry_after: int) -> Answer | None:
    """Return the response of a fault that replaces the correct response, or None for a fault that changes it."""
    if kind == "429":
        return too_many(retry_after)
    if kind == "429_bare":
        return _html(429, "Too many requests")
    if kind == "302":
        return replace(_proxy_page(302), extra_headers=((b"location", b"https://login.example/"),))
    if kind == "not_json":
        return _html(200, "<html><body><h1>One moment, please</h1></body></html>")
    return _proxy_page(int(kind)) if kind.isdecimal() else None


def spoiled(kind: FaultKind, right: Answer) -> Answer:
    """Return the correct response with this fault. `drop` and `truncated` only break the connection (api.py)."""
    if kind == "empty_page":
        return replace(right, status=200, body=_EMPTY_PAGE)
    if kind == "truncated_wrong_length":
        return replace(right, body=right.body[: len(right.body) // 2])
    if kind == "bom" and right.status == 200:
        return replace(right, body=BOM_UTF8 + right.body)
    if kind == "other_shape" and right.status == 200:
        return replace(right, body=b'{"results":[{"id":1}],"next_page":2}')
    if kind in {"endless_page", "far_future"} and right.status == 200:
        return replace(right, body=dumps(_changed(kind, loads(right.body))))
    return right


def _changed(kind: FaultKind, body: Any) -> Any:
    if kind == "endless_page":
        body["cursor"]["next"] = body["cursor"]["current"]
    elif body["results"]:
        body["results"][0]["burn_block_time"] = _YEAR_9999
    return body


def too_many(retry_after: int) -> Answer:
    """Make a 429 that asks the client to wait this many seconds."""
    extra = ((b"retry-after", str(retry_after).encode()),)
    return replace(_html(429, "Too many requests"), extra_headers=extra)


def _proxy_page(status: int) -> Answer:
    # 522 has no standard phrase, because only some proxies use it.
    phrase = "Connection timed out" if status == 522 else HTTPStatus(status).phrase
    return _html(status, f"<html><head><title>{status} {phrase}</title></head><body>{status}</body></html>")


def _html(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), caching=Caching.SILENT, content_type=_HTML)

"""What a fault makes of an answer.

Belongs here: the shapes of broken answers. Not here: which fault is due (faults.py), sending (stacks_api.py).
"""

from dataclasses import replace
from http import HTTPStatus

from stx_pipelines.devnet.answers import Answer, Caching, dumps
from stx_pipelines.devnet.faults import Allowance, FaultKind

_HTML = (b"content-type", b"text/html")
_EMPTY_CURSOR = {"next": None, "previous": None, "current": None}
_EMPTY_PAGE = dumps({"total": 0, "limit": 50, "cursor": _EMPTY_CURSOR, "results": []})


def instead(kind: FaultKind, retry_after: int) -> Answer | None:
    """The answer a fault gives without looking at the chain; None where it spoils the right one."""
    if kind == "429":
        return too_many(retry_after)
    if kind == "not_json":
        return _html(200, "<html><body><h1>One moment, please</h1></body></html>")
    return _proxy_page(int(kind)) if kind.isdecimal() else None


def spoiled(kind: FaultKind, right: Answer) -> Answer:
    """The right answer after a fault. `drop` and `truncated` befall the connection: see the sender."""
    if kind == "empty_page":
        return replace(right, status=200, body=_EMPTY_PAGE)
    if kind == "truncated_wrong_length":
        return replace(right, body=right.body[: len(right.body) // 2])
    return right


def too_many(retry_after: int) -> Answer:
    """429: wait so many seconds."""
    extra = ((b"retry-after", str(retry_after).encode()),)
    return replace(_html(429, "Too many requests"), extra_headers=extra)


def with_allowance(answer: Answer, allowance: Allowance) -> Answer:
    """Add what a rate limited server tells its client in every answer."""
    said = (
        (b"ratelimit-limit", str(allowance.limit).encode()),
        (b"ratelimit-remaining", str(allowance.remaining).encode()),
        (b"ratelimit-reset", str(allowance.reset_seconds).encode()),
    )
    return replace(answer, extra_headers=said + answer.extra_headers)


def _proxy_page(status: int) -> Answer:
    # 522 is a proxy's own invention and has no standard phrase.
    phrase = "Connection timed out" if status == 522 else HTTPStatus(status).phrase
    return _html(status, f"<html><head><title>{status} {phrase}</title></head><body>{status}</body></html>")


def _html(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), caching=Caching.SILENT, content_type=_HTML)

"""Wrong responses of a node. Each is wrong in one way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stx_pipelines_tests.clients.node import Fault, Json, Reply, error, reply


def spoil_one(change: Callable[[Json, list[Json]], list[Json]]) -> Fault:
    """Return a fault that replaces only the fourth result, by the results that `change` returns."""
    return lambda calls, answers: reply([*answers[:3], *change(calls[3], answers), *answers[4:]])


def said(code: Any, message: str) -> Fault:
    return spoil_one(lambda call, _: [error(call, code, message)])


def instead(value: Json, status: int = 200, **headers: str) -> Fault:
    return lambda _calls, _answers: reply(value, status, **headers)


def cut(_calls: list[Json], answers: list[Json]) -> Reply:
    return 200, {}, json.dumps(answers).encode()[:-20]


def broken_off(_calls: list[Json], answers: list[Json]) -> Reply:
    return 200, {"content-length": "100000", "connection": "close"}, json.dumps(answers).encode()


def result(value: Json) -> Fault:
    return spoil_one(lambda call, _: [{"id": call["id"], "result": value}])


FAULTS_OF_ONE: dict[str, Fault] = {
    "missing": spoil_one(lambda _call, _answers: []),
    "null": result(None),
    "no result": spoil_one(lambda call, _: [{"jsonrpc": "2.0", "id": call["id"]}]),
    "repeated": spoil_one(lambda _call, answers: [answers[3], answers[3]]),
    "repeated with another value": spoil_one(lambda call, answers: [answers[3], {"id": call["id"], "result": "0x0"}]),
    "an error and a value": spoil_one(lambda call, answers: [error(call, -32602, "no"), answers[3]]),
    "id as another text": spoil_one(lambda call, answers: [answers[3] | {"id": f"{call['id']}a"}]),
    "id between two": spoil_one(lambda call, answers: [answers[3] | {"id": call["id"] + 0.5}]),
    "id of nobody": spoil_one(lambda call, answers: [answers[3] | {"id": call["id"] + 1_000_000}]),
    "id null": spoil_one(lambda _call, answers: [answers[3] | {"id": None}]),
    "a number": result(5),
    "decimal": result("12"),
    "empty hex": result("0x"),
    "an object": result({"balance": "0x1"}),
    "rate limit 429": said(429, "too many requests"),
    "rate limit -32005": said(-32005, "limit exceeded"),
    "rate limit -32007": said(-32007, "50/second request limit reached"),
    "rate limit -32011": said(-32011, "no backends available"),
    "internal": said(-32603, "internal error"),
    "header not found": said(-32000, "header not found"),
    "unknown code": said(-39_999, "?"),
    "an error of a text": spoil_one(lambda call, _: [{"id": call["id"], "error": "busy"}]),
}
FAULTS_OF_ALL: dict[str, Fault] = {
    "an object": instead({"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "slow down"}}),
    "an object without an error": instead({"message": "hello"}),
    "an empty array": instead([]),
    "an array of others": instead([1, "x", None]),
    "null": instead(None),
    "an empty body": lambda _calls, _answers: (200, {}, b""),
    "html": lambda _calls, _answers: (200, {}, b"<html>hello</html>"),
    "cut json": cut,
    "a cut answer": broken_off,
    "no answer": lambda _calls, _answers: (0, {}, b""),
    **{f"HTTP {status}": instead("sorry", status) for status in (408, 425, 429, 500, 502, 503, 504, 522)},
}
ALL_FAULTS = FAULTS_OF_ONE | {f"all: {name}": fault for name, fault in FAULTS_OF_ALL.items()}

TOO_LARGE: dict[str, Fault] = {
    "HTTP 413": instead("no", 413),
    "an object": instead({"id": None, "error": {"code": -32600, "message": "batch too large"}}),
    "the first call's error alone": lambda calls, _: reply([error(calls[0], -32600, "batch too large")]),
    "every call's error": lambda calls, _: reply([error(call, -32000, "Batch limit exceeded") for call in calls]),
    "HTTP 400": instead({"error": {"code": -32600, "message": "batch size limit is 3"}}, 400),
    "HTTP 403 in plain text": lambda _calls, _answers: (403, {}, b"Batch of more than 3 requests are not allowed"),
    "HTTP 500": instead({"id": 1, "error": {"code": -32005, "message": "batch limit"}}, 500),
    "the answer": instead({"id": None, "error": {"code": -32003, "message": "response too large"}}),
    "no batches at all": instead({"id": None, "error": {"code": -32600, "message": "batching is not supported"}}),
}

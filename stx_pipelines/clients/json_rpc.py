"""Functions that write a JSON-RPC batch as text and read the values and errors in its response.

A call has at most one value. A missing, repeated or malformed result is never a value. `ethereum_rpc` decides which
calls are sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import msgspec

from stx_pipelines.chains.errors import BeyondTables, MalformedAnswer, malformed

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")

Meaning = Literal["passing", "too large", "no state", "final"]

_NO_STATE = re.compile(
    r"missing trie node|\bprun(ed|ing)\b|historical state|no state (available|found)|\barchive\b|BlockOutOfRange"
    r"|\bstate\b.*\b(unavailable|not available)",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"\bbatch (is )?(size|limit|too)\b|\bin (a|one|the) batch\b"
    r"|\b(response|result|payload|content|body)\b.{0,20}\b(too (large|big)|exceed)",
    re.IGNORECASE,
)
_PERHAPS_SIZE = re.compile(r"\bbatch|\brequest\b.{0,20}\b(too (large|big)|exceed)", re.IGNORECASE)
_TOO_FAST = re.compile(r"\brate\b|per second|/s(ec)?\b|quota|throttl|capacity", re.IGNORECASE)
_RATE_CODES = {429, -32005, -32007, -32011, -32029}
_NO_BLOCK = re.compile(
    r"\bunknown block\b|\b(finalized|safe|earliest) block not found\b|\bfinalized\b.{0,20}\b(not |un)supported\b",
    re.IGNORECASE,
)
_NO_HEADER = re.compile(r"\bheader not found\b", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,18}")
_NO_CALL = -1  # an id that no call has
_NULL = msgspec.Raw(b"null")
_FINAL = {-32600, -32601, -32602, -32700}


class RateHint(msgspec.Struct, gc=False):
    """The calls a second that a provider allows, and the pause that it demands."""

    allowed_rps: float = 0.0
    backoff_seconds: float = 0.0


class _Hints(msgspec.Struct, gc=False):
    rate: RateHint


class RpcError(msgspec.Struct, gc=False):
    """An error that a node reports. Some nodes name the reason in `data` only."""

    code: int | float | str | None = 0
    message: str | None = ""
    data: msgspec.Raw = msgspec.Raw()

    @property
    def words(self) -> str:
        """The message on one line, and the text in `data`."""
        try:
            reason = _text_in(self.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            reason = ""  # missing, or not a text
        parts = (" ".join(text.split()) for text in (self.message or "", reason))
        return ": ".join(filter(None, parts))

    @property
    def is_about_the_rate(self) -> bool:
        """Whether the node gets more calls than it allows."""
        return bool(_TOO_FAST.search(self.words)) or self.code in _RATE_CODES

    @property
    def allowed(self) -> RateHint:
        """What `data` says of the rate, in Infura's form; zeros where it says nothing."""
        try:
            return _hints_in(self.data).rate
        except msgspec.DecodeError:
            return RateHint()

    @property
    def is_about_a_header(self) -> bool:
        """Whether the node does not find the block whose state was requested."""
        return bool(_NO_HEADER.search(self.words))

    def meaning(self) -> Meaning:
        """Return the class of this error.

        Most messages about batches count as "too large", because it is always safe to split a batch.
        """
        if _SIZE.search(self.words):
            return "too large"
        if self.is_about_the_rate:
            return "passing"
        if _NO_STATE.search(self.words):
            return "no state"
        if _PERHAPS_SIZE.search(self.words):
            return "too large"
        return "final" if self.code in _FINAL else "passing"


class _Answer(msgspec.Struct, gc=False):
    id: int | float | str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | str | None = None


class _Usual(msgspec.Struct, Generic[R], gc=False, forbid_unknown_fields=True):
    """A response with a result of the usual type."""

    id: int
    result: R
    jsonrpc: str = ""


_hints_in = msgspec.json.Decoder(_Hints).decode
_text_in = msgspec.json.Decoder(str).decode
_decode_any = msgspec.json.Decoder(list[_Answer | None] | _Answer).decode


class InBulk(Generic[K, V]):
    """A faster way to read the values of a batch, for results of the usual form."""

    def __init__(self, usual: type[R], read: Callable[[list[R], list[K]], list[V]]) -> None:
        """Take the type of a usual result, and the function that reads the values of such results.

        `read` also gets the key of each result. It raises `MalformedAnswer` if a result has another form.
        """
        self._decode: Callable[[bytes], list[_Usual[R]]] = msgspec.json.Decoder(list[_Usual[usual]]).decode  # type: ignore[valid-type]
        self._read: Callable[[list[Any], list[K]], list[V]] = read

    def values(self, body: bytes, calls: Mapping[int, K]) -> dict[K, V] | None:
        """Return all values if each call has exactly one result and every result is usual, otherwise None."""
        try:
            answers = self._decode(body)
            keys = [calls[answer.id] for answer in answers]
            values = dict(zip(keys, self._read([answer.result for answer in answers], keys), strict=True))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, MalformedAnswer):
            return None
        return values if len(values) == len(answers) == len(calls) else None


@dataclass(frozen=True)
class Question(Generic[K, V]):
    """A kind of call.

    `render` gives the parameters as JSON. `parse` reads the value. `shown` names the call in messages.
    `in_bulk` reads the usual results of a batch at once, which is faster than one `parse` for each. `of_state` says
    that the node needs the state of a block.
    """

    method: str
    render: Callable[[K], str]
    parse: Callable[[msgspec.Raw, K], V]
    shown: Callable[[K], str]
    in_bulk: InBulk[K, V] | None = None
    of_state: bool = False


@dataclass
class Answers(Generic[K, V]):
    """The values and errors of a batch, by key. A key without a usable result is in neither dictionary.

    `about_all` is an error that does not name a call. `malformed` says why a result was not usable. `beyond`
    describes values that do not fit into a table.
    """

    values: dict[K, V] = field(default_factory=dict)
    beyond: dict[K, str] = field(default_factory=dict)
    errors: dict[K, RpcError] = field(default_factory=dict)
    about_all: RpcError | None = None
    malformed: MalformedAnswer = field(default_factory=lambda: MalformedAnswer("calls have no response"))


def body_of(question: Question[K, V], calls: Mapping[int, K]) -> bytes:
    """Return the request for these calls, which are keys by id.

    A single call is not sent as a batch, because some nodes do not accept batches.
    """
    render = question.render
    start = f'{{"jsonrpc":"2.0","method":"{question.method}","id":'
    texts = [f'{start}{number},"params":{render(key)}}}' for number, key in calls.items()]
    return (texts[0] if len(texts) == 1 else f"[{','.join(texts)}]").encode()


def answers_in(body: bytes, question: Question[K, V], calls: Mapping[int, K]) -> Answers[K, V]:
    """Return the values and errors of these calls. Results may be in any order.

    Raises `MalformedAnswer` if the body is not JSON-RPC.
    """
    if question.in_bulk and (values := question.in_bulk.values(body, calls)) is not None:
        return Answers(values)
    try:
        decoded = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not JSON-RPC", error) from error
    found: Answers[K, V] = Answers()
    open_calls = dict(calls.items())
    for answer in decoded:
        key = open_calls.pop(_id_of(answer), None)
        if key is None:
            _note_a_stranger(answer, calls, found)
            continue
        fault = answer.error and _error_of(answer)
        if fault and not _NO_BLOCK.search(fault.words):
            found.errors[key] = fault
            continue
        try:
            found.values[key] = question.parse(_NULL if fault else answer.result, key)
        except BeyondTables as error:
            found.beyond[key] = str(error)
        except MalformedAnswer as error:
            # A node without the data says null; that is no change of the API.
            found.malformed = MalformedAnswer(str(error)) if answer.result == _NULL else error
    return found


def _id_of(answer: _Answer) -> int:
    """Return the id as it was sent, also where it came back as a text or as 1.0; -1 for any other."""
    if isinstance(answer.id, str):
        return int(answer.id) if _COUNT.fullmatch(answer.id) else _NO_CALL
    return int(answer.id) if answer.id is not None and answer.id == answer.id // 1 else _NO_CALL


def _note_a_stranger(answer: _Answer, calls: Mapping[int, K], found: Answers[K, V]) -> None:
    key = calls.get(_id_of(answer))
    if key is None:
        found.about_all = _error_of(answer) or found.about_all
        return
    # The call has two results, and neither is used.
    found.values.pop(key, None)
    found.errors.pop(key, None)
    found.beyond.pop(key, None)
    found.malformed = MalformedAnswer("a call has two results")


def _error_of(answer: _Answer) -> RpcError | None:
    return RpcError(message=answer.error) if isinstance(answer.error, str) else answer.error


def error_in(text: str) -> RpcError | None:
    """Return the first error in a response, or None if the text has no error or is not JSON-RPC."""
    try:
        decoded = _decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return next(filter(None, map(_error_of, decoded)), None)


def _decode(body: bytes) -> list[_Answer]:
    """Return the results of a batch, without nulls. A single result in place of a batch gives a list of one."""
    decoded = _decode_any(body)
    return [answer for answer in decoded if answer] if isinstance(decoded, list) else [decoded]

"""The meaning of a node's errors: whether a call can be sent again, and the sentence where it cannot.

"No state" is believed only when the same call gets it twice: one of several nodes behind an address may lack what the
others have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.clients.errors import ApiError, NoHistory, NoState, TooLarge, Unreachable
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.json_rpc import Answers, K, Question, RpcError, V

_FEWEST_REFUSALS = 2  # of one call, before it is believed that the node lacks something

_OF_A_REQUEST = re.compile(
    r"HTTP (400|405|415|422|500|501)\b|\(-32(600|700)\)|unmarshal|invalid request", re.IGNORECASE
)
_OF_ATTEMPTS = re.compile(r"attempts: (HTTP 500\b|.*\b(reported|JSON-RPC|no response)\b)")

USE_THE_SETTING = "set ETH_CALLS_PER_SECOND to the number of calls that the provider allows"


class AskAgain(ApiError):
    """The node said for the first time that it lacks something: one of several behind an address may have it."""


@dataclass
class Doubts(Generic[K]):
    """The calls of a batch that the node said it has no data for, and how often in a row it said "header not found"."""

    calls: set[K] = field(default_factory=set)
    headers: int = 0

    def are_confirmed(self, keys: Sequence[K]) -> bool:
        """Return whether each of these calls was refused before, and note that it was now."""
        were = self.calls.issuperset(keys)
        self.calls.update(keys)
        return were


@dataclass(frozen=True)
class Refusals:
    """The judge of the errors of one node."""

    http: Http

    def nothing(
        self, answers: Answers[K, V], question: Question[K, V], keys: Sequence[K], doubts: Doubts[K]
    ) -> Exception:
        """Return the error of a response without a value."""
        about = question.shown(keys[0]) + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
        error = answers.about_all or next(iter(answers.errors.values()), None)
        if error is None and answers.beyond:
            return AskAgain(f"{about}: a value has too many digits")
        if error is None:
            return type(answers.malformed)(f"{about}: {answers.malformed}")
        sentence, meaning = self.sentence(error, about), error.meaning()
        if meaning == "too large" and len(keys) > 1:
            return TooLarge(sentence)
        if answers.about_all and (final := self.final(error, question, keys, doubts)):
            return final
        if meaning == "no state":
            return AskAgain(sentence)
        if question.of_state and error.is_about_a_header:
            # A node says so of a new block for a moment, and of an old one always.
            doubts.headers += 1
            if doubts.headers >= max(_FEWEST_REFUSALS, self.http.patience.attempts):
                return self._lacking(error, question, keys[0])
        return MalformedAnswer(
            f"{sentence}; stored days are kept: {USE_THE_SETTING}" if error.is_about_the_rate else sentence
        )

    def final(self, error: RpcError, question: Question[K, V], keys: Sequence[K], doubts: Doubts[K]) -> ApiError | None:
        """Return the error that ends the batch; None where these calls can be sent again."""
        meaning = error.meaning()
        if meaning == "no state" and doubts.are_confirmed(keys):
            return self._lacking(error, question, keys[0])
        if meaning != "final":
            return None
        sentence = self.sentence(error, question.shown(keys[0]))
        return ApiError(f"{sentence}, and no retry changes this; stored days are kept: check ETH_RPC_URL and its key")

    def _lacking(self, error: RpcError, question: Question[K, V], key: K) -> ApiError:
        about, said = question.shown(key), f"it reported {self._said(error)}"
        if question.of_state:
            return NoState(
                f"{self.http.name} has no state for {about} ({said}); stored days are kept: use an archive node"
            )
        return NoHistory(
            f"{self.http.name} no longer has {about} ({said}); stored days are kept: set ETH_FIRST_DAY to the first "
            "day that this node has completely, or set ETH_RPC_URL to a node with the whole history"
        )

    def sentence(self, error: RpcError, about: str) -> str:
        """Return what the node reported about a call."""
        return f"{self.http.name} reported {self._said(error)} for {about}"

    def _said(self, error: RpcError) -> str:
        code = self.http.without_secrets(error.code)[:50] if isinstance(error.code, str) else error.code
        return f"{self.http.without_secrets(error.words)[:200]!r} ({code!r})"


def may_be_about_batches(error: ApiError) -> bool:
    """Return whether a server without batches may have meant the batch by it."""
    if type(error) is Unreachable:
        return bool(_OF_ATTEMPTS.search(str(error)))
    return type(error) is ApiError and bool(_OF_A_REQUEST.search(str(error)))

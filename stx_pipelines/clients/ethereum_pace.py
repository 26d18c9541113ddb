"""The size of a client's batches and its calls a second, and what the node's refusals teach about both."""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass, field

from stx_pipelines.clients.errors import ApiError, TooLarge
from stx_pipelines.clients.ethereum_refusals import Refusals
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.json_rpc import RpcError
from stx_pipelines.clients.learned import Learned

log = logging.getLogger(__name__)

_FASTEST = 1_000_000  # calls a second, as in the settings


@dataclass
class Paced:
    """The part of a client that knows its pace. Both numbers only fall.

    `learned` is the file shared with other clients of the node. None means that nothing is kept.
    """

    http: Http
    batch_size: int = 100
    parallel: int = 5
    learned: Learned | None = None
    _refusals: Refusals = field(init=False, repr=False)
    _learning: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._refusals = Refusals(self.http)
        if limit := self.http.budget.calls_per_second:
            # Equal batches that add up to the limit use the whole limit.
            self.batch_size = limit // math.ceil(limit / self.batch_size)
        self._recall()

    def _recall(self) -> None:
        """Adopt what another client of this node has learned."""
        lesson = self.learned.lesson() if self.learned else None
        if lesson is None:
            return
        with self._learning:
            self.batch_size = min(self.batch_size, lesson.batch_size)
        if lesson.calls_per_second and self.http.budget.lower_calls_to(lesson.calls_per_second):
            log.info("%d calls a second, as %s asked before", lesson.calls_per_second, self.http.name)

    def _heed(self, error: RpcError) -> None:
        """Adopt the pause and the rate that a provider names."""
        hint = error.allowed
        if hint.backoff_seconds > 0:
            self.http.budget.pause(min(hint.backoff_seconds, self.http.patience.longest_wait))
        if (rate := int(min(hint.allowed_rps, _FASTEST))) >= 1 and self.http.budget.lower_calls_to(rate):
            self._at_most(rate)
            log.warning("%d calls a second from now on (%s)", rate, self._refusals.sentence(error, "a batch"))

    def _learn(self, refused: int, refusal: TooLarge) -> None:
        """Halve the batches, because one of `refused` calls was too large."""
        if refused == 1:
            raise ApiError(
                f"a single call is too large for this node ({refusal}); stored days are kept: raise the node's limit, "
                "or set ETH_RPC_URL to another node"
            ) from refusal
        if refused // 2 < self.batch_size:
            self._at_most(refused // 2)
            log.warning("batches now have at most %d calls (%s)", self.batch_size, refusal)

    def _at_most(self, calls: int) -> None:
        """Lower the size of a batch to this number, and keep it for other clients."""
        with self._learning:
            self.batch_size = min(self.batch_size, calls)
            if self.learned:
                budget = self.http.budget
                self.learned.keep(self.batch_size, budget.calls_per_second)

"""The trouble that the demo's server makes: it is away for some seconds, and a reorg replaces its newest blocks.

This module changes a running devnet through its routes /devnet/*. It does not start the devnet or the sync (demo.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.stacks_api import StacksApi

AWAY_SECONDS = 3.0  # shorter than the attempts of one request, so that no request waits for half a minute
AWAY_AFTER_REQUESTS = 500
REPLACED_BLOCKS = 12
_SECONDS_BETWEEN_LOOKS = 0.1


class _Stats(msgspec.Struct):
    """The devnet's counters of its Stacks chain."""

    requests: int


@dataclass
class Trouble:
    """The trouble of one devnet so far. `http` is a client of the devnet's address."""

    http: Http
    seconds_away: float = field(default=0.0, init=False)
    replaced: int = field(default=0, init=False)

    @contextmanager
    def away_once(self) -> Iterator[None]:
        """Let the server close every connection for some seconds while the `with` block runs, after some requests."""
        stop = threading.Event()
        thread = threading.Thread(target=self._go_away, args=(stop,), name="trouble", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def reorg(self) -> None:
        """Replace the newest blocks of the chain by others."""
        self._post("/devnet/reorg", {"stacks_blocks": REPLACED_BLOCKS})
        self.replaced += REPLACED_BLOCKS

    def sentence(self, days: Iterable[Certificate]) -> str:
        """Return what happened, and how many of the stored days have a last block that the chain has now."""
        api, known = StacksApi(self.http), list(days)
        agreeing = sum(day.last_height is None or api.has_block(day.last_height, day.last_hash or "") for day in known)
        whole = f"all {agreeing:,}" if agreeing == len(known) else f"only {agreeing:,} of {len(known):,}"
        away = f"the server was away for {self.seconds_away:.0f} s and " if self.seconds_away else ""
        return f"{away}one reorg replaced {self.replaced} blocks: {whole} days agree with the chain"

    def _go_away(self, stop: threading.Event) -> None:
        """Make the outage. A devnet that does not respond to these requests fails the sync, which says so."""
        with suppress(ApiError):
            self._make_outage(stop)

    def _make_outage(self, stop: threading.Event) -> None:
        while self._requests() < AWAY_AFTER_REQUESTS:
            if stop.wait(_SECONDS_BETWEEN_LOOKS):
                return
        self._post("/devnet/knobs", {"fault_kinds": ["drop"], "fault_rate": 1.0})
        stop.wait(AWAY_SECONDS)
        self._post("/devnet/knobs", {"fault_rate": 0.0})
        self.seconds_away += AWAY_SECONDS

    def _requests(self) -> int:
        stats = self.http.get("/devnet/stats", msgspec.json.Decoder(_Stats).decode)
        return stats.requests if stats else 0

    def _post(self, path: str, wanted: Mapping[str, object]) -> None:
        self.http.post(path, json.dumps(wanted).encode(), bytes)

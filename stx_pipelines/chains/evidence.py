"""The evidence of a stored Stacks day: which of its burn blocks were proved by the hashes of their Stacks blocks."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Round(msgspec.Struct, frozen=True):
    """Burn blocks that were proved together, the node that served their bytes, and the time of the proof (UTC)."""

    node: str
    proved_at: datetime
    burn_blocks: tuple[int, ...]


class Evidence(msgspec.Struct, frozen=True):
    """All proofs of a day by hashes. They hold for the rows with this digest only."""

    rows_digest: str
    rounds: tuple[Round, ...] = ()

    @property
    def burn_blocks(self) -> frozenset[int]:
        """The heights of the proved burn blocks."""
        return frozenset(height for each in self.rounds for height in each.burn_blocks)

"""The states of accounts at one block that a sync has read so far, in a file, so that an interrupted day goes on.

A state at a block never changes, so a kept one is as good as one that is read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stx_pipelines.chains.stacks_accounts import AccountState


class _Line(msgspec.Struct, array_like=True):
    """A line of the file."""

    block: str
    address: str
    state: AccountState


@dataclass(frozen=True)
class KeptStates:
    """The file at `path`. It has the states at the block that was asked for last."""

    path: Path

    def at(self, block: str) -> dict[str, AccountState]:
        """Return the kept states at the block with this hash, by address. Delete those of another block."""
        kept = {line.address: line.state for line in self._lines() if line.block == block}
        if not kept:
            self.drop()
        return kept

    def add(self, block: str, address: str, state: AccountState) -> None:
        """Keep a state."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(_Line(block, address, state)) + b"\n")

    def drop(self) -> None:
        """Delete all kept states."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[_Line]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().splitlines():
            with suppress(msgspec.MsgspecError):  # a kill may have cut off the last line
                yield msgspec.json.decode(line, type=_Line)

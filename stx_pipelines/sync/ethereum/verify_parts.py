"""Verification of stored days of `increase_parts`: rows are made once more from transactions and receipts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random, SystemRandom

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange
from stx_pipelines.chains.increase_parts import IncreaseParts, prove_parts
from stx_pipelines.clients.ethereum_bodies import Bodies
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.sync.ethereum.increase_parts import OtherBlock, read_parts
from stx_pipelines.sync.ethereum.verify import SAMPLE, DayVerdict


def verify_parts(
    node: EthereumRpc,
    stores: tuple[DatasetStore[BalanceChange], DatasetStore[IncreaseParts]],
    day: date,
    *,
    every: bool,
    random: Random | None = None,
) -> DayVerdict:
    """Read the blocks of a sample of the day's rows once more, or of `every` one, and compare the parts.

    `stores` are of balances and of parts. Raises the errors of the client and `DamagedDayFile`.
    """
    changes, rows = sorted(stores[0].rows(day)), sorted(stores[1].rows(day))
    random = random or SystemRandom()
    chosen = changes if every else random.sample(changes, min(SAMPLE, len(changes)))
    try:
        prove_parts(rows, changes)
        different = _different(rows, chosen, Bodies(node))
    except (ProofError, OtherBlock) as error:
        return DayVerdict(day, f"{len(rows):,} rows", [str(error)])
    return DayVerdict(day, f"{len(rows):,} rows, {len(chosen):,} of them made once more", different)


def _different(rows: Sequence[IncreaseParts], chosen: Sequence[BalanceChange], bodies: Bodies) -> list[str]:
    """Return a sentence about the rows that differ, if there are any."""
    read = read_parts(bodies, sorted(chosen))
    stored = {row.block_number: row for row in rows}
    numbers = [number for number, row in read.items() if stored[number] != row]
    if not numbers:
        return []
    first, again = stored[numbers[0]], read[numbers[0]]
    names = [name for name in IncreaseParts._fields if getattr(first, name) != getattr(again, name)]
    more = f" (and {len(numbers) - 1} more blocks)" if len(numbers) > 1 else ""
    return [f"block {numbers[0]} differs from the file in {', '.join(names)}{more}"]

"""Functions that prove a stored day again. They compare every burn block of its file with the API, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import day_of
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.stacks_proof import FINAL_DEPTH, carried
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.sync.stacks.compare import differing_rows, large_fees

_PAGES = 1  # pages of rows that are compared column by column; rarely more, to find the page


class Verdict(NamedTuple):
    """The result for a day: the numbers of rows and burn blocks compared, a sentence for each difference,
    and a sentence for each value that is possible but odd.
    """

    day: date
    seen: int
    burn_blocks: int
    faults: list[str]
    notes: list[str] = []  # noqa: RUF012 - never changed


def requests_needed(files: DayFiles, certificate: Certificate) -> int:
    """Return the number of requests that `verify_day` needs."""
    return len(_heights(from_arrow(DATASETS[TRANSACTIONS], files.read(certificate.day)))) + 1 + _PAGES


def verify_day(api: StacksApi, files: DayFiles, certificate: Certificate) -> Verdict:
    """Compare each burn block's transaction count, and the hash of the day's last block, with the API.

    Burn blocks that are missing in the file are compared too. Raises the errors of `StacksApi`.
    """
    rows = from_arrow(DATASETS[TRANSACTIONS], files.read(certificate.day))
    boot = {row.tx_id for row in carried(rows)}
    seen = Counter(row.burn_block_height for row in rows if row.tx_id not in boot)
    faults = []
    for height in _heights(rows):
        burn = api.burn_block(height)
        expected = burn.total_tx_count if burn and day_of(burn.burn_block_time) == certificate.day else 0
        is_later = not certificate.is_closed and height > certificate.proved_to
        if expected != seen[height] and not is_later:
            faults.append(f"burn block {height} has {expected} transactions, but the file has {seen[height]}")
    top, name = certificate.last_height, certificate.last_hash
    if top is not None and name is not None and not api.has_block(top, name):
        faults.append(f"Stacks block {top} of the file is no longer canonical")
    columns = [column.name for column in DATASETS[TRANSACTIONS].columns_of(certificate)]
    # Burn blocks that differ are named already. Later rows of an open day are not in the file yet.
    faults += [] if faults else differing_rows(api, rows, columns)
    return Verdict(certificate.day, len(rows), len(seen), faults, large_fees(rows))


def _heights(rows: Sequence[Tx]) -> range:
    """Return all burn block heights between the day's lowest and highest, and a few more on both sides.

    Times of burn blocks can be out of order, so burn blocks beside the day may belong to it.
    """
    heights = [row.burn_block_height for row in rows]
    return range(min(heights) - FINAL_DEPTH, max(heights) + FINAL_DEPTH + 1) if heights else range(0)

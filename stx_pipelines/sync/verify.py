"""Proving a landed day once more, from its file: every burn block against the API, one by one."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.sources.stacks_api import StacksApi
from stx_pipelines.store import stacks_rows
from stx_pipelines.store.days import DayFiles


class Verdict(NamedTuple):
    """What was compared, and what did not agree."""

    day: date
    seen: int
    burn_blocks: int
    faults: list[str]


def requests_needed(files: DayFiles, certificate: Certificate) -> int:
    """What `verify_day` will cost."""
    rows = stacks_rows.from_arrow(files.read(certificate.day))
    return len({row.burn_block_height for row in rows}) + (1 if rows else 0)


def verify_day(api: StacksApi, files: DayFiles, certificate: Certificate) -> Verdict:
    """Compare the count of every burn block, and the newest block's hash. Raises the errors of `StacksApi`."""
    rows = stacks_rows.from_arrow(files.read(certificate.day))
    seen = Counter(row.burn_block_height for row in rows)
    faults = []
    for height, count in sorted(seen.items()):
        burn = api.burn_block(height)
        expected = burn.total_tx_count if burn else 0
        if expected != count:
            faults.append(f"burn block {height} has {expected} transactions, the file {count}")
    top, name = certificate.last_height, certificate.last_hash
    if top is not None and name is not None and not api.has_block(top, name):
        faults.append(f"Stacks block {top} is no longer the one in the file")
    return Verdict(certificate.day, len(rows), len(seen), faults)

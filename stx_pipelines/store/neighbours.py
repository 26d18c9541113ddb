"""Neighbouring days of Stacks transactions that cannot be of one chain.

A day's last block is the parent of the next day's first block if its height is one lower. Times of burn blocks are not
in order, so at midnight the heights of two days may interleave. Then no height and no transaction may be in both days.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.store.day_files import DamagedDayFile, DayFiles, NewerDayFile


def torn_days(files: DayFiles) -> frozenset[date]:
    """Return the stored days that do not fit to a neighbouring stored day. Damaged files are left out."""
    known = files.certificates()
    pairs = [(certificate, known.get(day + DAY)) for day, certificate in known.items()]
    return frozenset(
        day
        for older, newer in pairs
        if newer is not None and not _fit(files, older, newer)
        for day in (older.day, newer.day)
    )


def _fit(files: DayFiles, older: Certificate, newer: Certificate) -> bool:
    if older.last_height is None or newer.first_height is None or older.last_height + 1 < newer.first_height:
        return True
    if older.last_height >= newer.first_height:
        return _are_apart(files.folder, (older.day, newer.day), (older.id, newer.id))
    # Certificates of earlier versions do not name the parent.
    return older.last_hash is None or not newer.first_parent_hash or older.last_hash == newer.first_parent_hash


@lru_cache(maxsize=64)
def _are_apart(folder: Path, days: tuple[date, date], ids: tuple[str, str]) -> bool:
    """Return whether two days have no height and no transaction in common. `ids` are of their certificates."""
    files = DayFiles(folder)
    try:
        older, newer = (files.read(day).select(["block_height", "tx_id"]) for day in days)
    except (DamagedDayFile, NewerDayFile):
        return True
    return all(set(older[name].to_pylist()).isdisjoint(newer[name].to_pylist()) for name in older.column_names)

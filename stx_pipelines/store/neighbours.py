"""Neighbouring days of Stacks transactions that cannot be of one chain.

A day's last block is the parent of the next day's first block if its height is one lower. Times of burn blocks are not
in order, so at midnight the heights of two days may interleave. There may also be blocks without transactions between
them. In both cases, no height and no transaction may be in both days. Such days are compared once. The results are in
the small file `.neighbours.json` beside the day files.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.store.day_files import DamagedDayFile, DayFiles, NewerDayFile
from stx_pipelines.store.files import StoreError, read_if_sound, replace_file


def torn_days(files: DayFiles, *, compare: bool) -> frozenset[date]:
    """Return the stored days that do not fit to a neighbouring stored day. Damaged files are left out.

    If `compare`, the rows of days without a link are compared unless the result is known. Otherwise days without a
    known result count as fitting, so that no day file is read.
    """
    known = files.certificates()
    pairs = [(older, known[day + DAY]) for day, older in known.items() if day + DAY in known]
    before = read_if_sound(_memory(files), dict[str, bool]) or {}
    results = {_key(*pair): before[_key(*pair)] for pair in pairs if _must_be_compared(*pair) and _key(*pair) in before}
    if compare:
        for older, newer in pairs:
            if _must_be_compared(older, newer) and _key(older, newer) not in results:
                results[_key(older, newer)] = _are_apart(files, older.day, newer.day)
        _remember(files, before, results)
    torn = (pair for pair in pairs if not are_linked(*pair) or not results.get(_key(*pair), True))
    return frozenset(certificate.day for pair in torn for certificate in pair)


def _key(older: Certificate, newer: Certificate) -> str:
    return f"{older.id} {newer.id}"


def _must_be_compared(older: Certificate, newer: Certificate) -> bool:
    last, first = older.last_height, newer.first_height
    return last is not None and first is not None and first != last + 1


def are_linked(older: Certificate, newer: Certificate) -> bool:
    """Return whether the newer day names the last block of the older day as its parent, if it must."""
    if older.last_height is None or newer.first_height != older.last_height + 1:
        return True
    # Certificates of earlier versions do not name the parent.
    return older.last_hash is None or not newer.first_parent_hash or older.last_hash == newer.first_parent_hash


def _are_apart(files: DayFiles, older: date, newer: date) -> bool:
    """Return whether two days have no height and no transaction in common."""
    try:
        tables = [files.columns(day, ["block_height", "tx_id"]) for day in (older, newer)]
    except (DamagedDayFile, NewerDayFile):
        return True
    return all(
        set(tables[0][name].to_pylist()).isdisjoint(tables[1][name].to_pylist()) for name in tables[0].column_names
    )


def _memory(files: DayFiles) -> Path:
    return files.folder / ".neighbours.json"


def _remember(files: DayFiles, before: dict[str, bool], results: dict[str, bool]) -> None:
    if results == before:
        return
    content = msgspec.json.encode(results)
    with suppress(StoreError):  # without the small file, the days are only compared again
        replace_file(_memory(files), lambda aside: aside.write_bytes(content), durable=False)

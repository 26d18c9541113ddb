"""The number of rows in a Parquet file, kept in a small file beside it.

Without the small file, `status` would import pyarrow to read the number. The import takes longer than the rest of
`status`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from stx_pipelines.store.files import StoreError, mark_of, read_if_sound, replace_file


class _Known(msgspec.Struct, frozen=True):
    mark: tuple[int, int]
    rows: int


def count_rows(path: Path, memory: Path) -> int | None:
    """Return the number of rows in the file, None if it is missing or damaged. `memory` is the small file."""
    try:
        mark = mark_of(path)
    except FileNotFoundError:
        return None
    known = read_if_sound(memory, _Known)
    if known is not None and known.mark == mark:
        return known.rows
    rows = _read(path)
    if rows is not None:
        content = msgspec.json.encode(_Known(mark, rows))
        with suppress(StoreError):  # without the small file the footer is only read again
            replace_file(memory, lambda aside: aside.write_bytes(content), durable=False)
    return rows


def _read(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None

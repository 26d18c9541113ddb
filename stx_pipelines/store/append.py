"""Parquet files that grow: the row groups of an earlier file, copied as bytes, and then new rows.

Only files of this module can be added to, because a file has one schema, and DuckDB and pyarrow state the types of
columns differently.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.store.files import first_line, replace_file

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

_GROUP_ROWS = 122_880
_PART_BYTES = 1 << 20
_MAGIC_BYTES = 4  # a Parquet file begins and ends with them
_END_BYTES = 8  # the length of the metadata, and the magic bytes


def write_after(
    connection: duckdb.DuckDBPyConnection,
    base: Path | None,
    query: str,
    path: Path,
    metadata: Mapping[str, msgspec.Struct],
) -> int:
    """Replace a Parquet file by the rows of the file `base` (None: no rows) and then those of a query.

    `base` was written by this function. Its rows are copied without being read. Return the number of all rows. Raises
    `StoreError`. The old file is then kept.
    """
    import duckdb
    import pyarrow as pa

    rows = 0

    def write(aside: Path) -> None:
        nonlocal rows
        try:
            rows = _write(connection.execute(query).to_arrow_reader(_GROUP_ROWS), base, aside, metadata)
        except (duckdb.Error, pa.ArrowException) as error:
            raise OSError(first_line(error)) from error

    replace_file(path, write)
    return rows


def _write(rows: pa.RecordBatchReader, base: Path | None, path: Path, metadata: Mapping[str, msgspec.Struct]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = {key: msgspec.json.encode(value, order="deterministic") for key, value in metadata.items()}
    schema = rows.schema.with_metadata(known)
    added: list[pq.FileMetaData] = []
    whole = _no_rows(schema)
    with pa.OSFile(str(path), "wb") as sink:
        # Without dictionaries, rows of many addresses are written faster and are smaller.
        writer = pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=False, metadata_collector=added)
        try:
            # The writer has written the first bytes of a file, which are the same in `base`. The copied row groups come
            # next, so that they stay in their place, and the writer counts the places of its own from the end of them.
            if base is not None:
                _add(whole, _copy_rows(base, sink))
            _write_batches(rows, writer)
            writer.close()
        except BaseException:
            writer.is_open = False  # otherwise pyarrow would try to write the end of the file
            raise
        _add(whole, added[0])
        # Readers use the metadata at the end of a file. Those that the writer has just written have no copied rows.
        sink.write(_end_of(whole))
    return int(whole.num_rows)


def _write_batches(rows: pa.RecordBatchReader, writer: pq.ParquetWriter) -> None:
    """Write each batch while DuckDB computes the next one."""
    with ThreadPoolExecutor(1, "writer") as pool:
        written = None
        for batch in rows:
            if written:
                written.result()
            written = pool.submit(writer.write_batch, batch)
        if written:
            written.result()


def _add(whole: pq.FileMetaData, part: pq.FileMetaData) -> None:
    try:
        whole.append_row_groups(part)
    except RuntimeError as error:
        raise OSError(first_line(error)) from error  # another version of pyarrow states the types differently


def _copy_rows(base: Path, sink: pa.NativeFile) -> pq.FileMetaData:
    """Copy the row groups of a file, and return its metadata."""
    import pyarrow.parquet as pq

    with base.open("rb") as source:
        known = pq.read_metadata(source)
        left = os.fstat(source.fileno()).st_size - known.serialized_size - _END_BYTES - _MAGIC_BYTES
        source.seek(_MAGIC_BYTES)
        while left > 0:
            part = source.read(min(left, _PART_BYTES))
            if not part:
                raise OSError(f"{base} has become shorter")
            sink.write(part)
            left -= len(part)
    return known


def _no_rows(schema: pa.Schema) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.BufferOutputStream()
    pq.write_metadata(schema, content)
    return pq.read_metadata(pa.BufferReader(content.getvalue()))


def _end_of(metadata: pq.FileMetaData) -> bytes:
    import pyarrow as pa

    content = pa.BufferOutputStream()
    metadata.write_metadata_file(content)
    return bytes(content.getvalue())[_MAGIC_BYTES:]

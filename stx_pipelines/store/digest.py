"""The hash of a day's rows, which a certificate states."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Buffer


def digest_of(table: pa.Table) -> str:
    """Return a hash of the rows' values, because Parquet's page checksums do not cover the metadata of the pages."""
    import pyarrow as pa
    from pyarrow import csv

    plain = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    rows = table.replace_schema_metadata(None).cast(pa.schema(zip(table.schema.names, plain, strict=True)))
    text = _HashedText()
    csv.write_csv(rows, pa.PythonFile(text, "w"))
    return text.hash.hexdigest()


class _HashedText(io.RawIOBase):
    """A file that keeps the hash of what is written, and not the text, which takes more memory than the rows."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, text: Buffer) -> int:
        self.hash.update(text)
        return memoryview(text).nbytes

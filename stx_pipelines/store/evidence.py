"""The files of evidence beside the day files. Without such a file, a day is proved by counts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.evidence import Evidence, Round
from stx_pipelines.store.files import ignore, read_if_sound, replace_file

_SUFFIX = ".evidence.json"


class EvidenceFiles:
    """The files `DAY.evidence.json` in the folder of a dataset's day files.

    `changed` is called after a file was written.
    """

    def __init__(self, folder: Path, changed: Callable[[Path], None] = ignore) -> None:
        self._folder = folder
        self._changed = changed

    def of(self, certificate: Certificate) -> frozenset[int]:
        """Return the heights of a stored day's burn blocks that were proved by hashes.

        The result is empty if the day was written with other rows since, or if the file is damaged.
        """
        known = read_if_sound(self._path(certificate.day), Evidence)
        return known.burn_blocks if known and known.rows_digest == _digest_of(certificate) else frozenset()

    def counts(self, certificates: Mapping[date, Certificate]) -> dict[date, int]:
        """Return the number of burn blocks that were proved by hashes, for each of these days that has any."""
        with_file = {
            date.fromisoformat(path.name.removesuffix(_SUFFIX)) for path in self._folder.glob(f"????-??-??{_SUFFIX}")
        }
        return {
            day: count for day in sorted(with_file & certificates.keys()) if (count := len(self.of(certificates[day])))
        }

    def add(self, certificate: Certificate, proved: Round) -> None:
        """Add a proof of the rows with this certificate. Older evidence of other rows is removed."""
        digest = _digest_of(certificate)
        known = read_if_sound(self._path(certificate.day), Evidence)
        before = known.rounds if known and known.rows_digest == digest else ()
        content = msgspec.json.encode(Evidence(digest, (*before, proved)))
        replace_file(self._path(certificate.day), lambda aside: aside.write_bytes(content))
        self._changed(self._path(certificate.day))

    def _path(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}{_SUFFIX}"


def _digest_of(certificate: Certificate) -> str:
    """Return what names the rows: their digest, or the certificate's id if an early version wrote no digest."""
    return certificate.rows_digest or certificate.id

"""Functions that replace the database by a new database. If the process is killed, a complete database is kept.

The old database is named `warehouse.before-rebuild.duckdb` until the new database is in place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from stx_pipelines.store.files import StoreError, flush


class LacksDays(StoreError):
    """A new database that would lack `days`, given per dataset. `left_out` has the errors of the files left out."""

    def __init__(self, path: Path, days: Mapping[str, Sequence[date]], left_out: Sequence[StoreError]) -> None:
        named = "; ".join(f"{dataset}: {', '.join(map(str, lacking))}" for dataset, lacking in days.items())
        super().__init__(
            f"the new database would lack days that {path} holds ({named}); nothing was replaced: delete the files "
            "named above, if any, or update stx-pipelines, then run `stx-pipelines sync` to read these days again; or "
            "run `stx-pipelines rebuild --force` to leave these days out"
        )
        self.left_out = left_out


def days_lacking(
    needed: Mapping[str, Collection[date]], loaded: Mapping[str, Collection[date]]
) -> dict[str, list[date]]:
    """Return the needed days that were not loaded, per dataset. Datasets that lack no day are left out."""
    lacking = {dataset: sorted(set(days) - set(loaded.get(dataset, ()))) for dataset, days in needed.items()}
    return {dataset: days for dataset, days in lacking.items() if days}


def old_database(path: Path) -> Path:
    """Return the path of the old database during a replacement."""
    return path.with_name(f"{path.stem}.before-rebuild{path.suffix}")


def put_in_place(fresh: Path, path: Path) -> None:
    """Replace the database at `path` by `fresh`. The caller must hold the database's lock.

    Raises `StoreError` when a file cannot be renamed. The old database is kept then.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; nothing was changed: move it away, then run the same command again")
    settle(path)
    try:
        _put_aside(path)
        fresh.replace(path)
    except OSError as error:
        settle(path)
        raise StoreError(
            f"{path} could not be replaced ({error.strerror or error}); the old one is kept: fix the permissions, then "
            "run the same command again"
        ) from error
    settle(path)


def settle(path: Path) -> None:
    """Finish an interrupted replacement. Remove the old database if the new one is in place, otherwise restore it.

    The caller must hold the database's lock. Raises `StoreError`.
    """
    old = old_database(path)
    if not old.exists():
        return
    try:
        if path.exists():
            flush(path.parent)  # the new name must be on the disk before the old file is removed
            _unlink(old)
        else:
            _move(_log(old), _log(path))  # before the database, so that `settle` starts again after a kill here
            old.replace(path)
    except OSError as error:
        raise StoreError(
            f"{old} is the database before a rebuild and could not be renamed or removed ({error.strerror or error}); "
            "it is kept: fix the permissions, then run the same command again"
        ) from error


def remove_database(path: Path) -> None:
    """Remove the database at `path`, if there is one. Raises `StoreError`."""
    try:
        _unlink(path)
    except OSError as error:
        raise StoreError(f"{path} could not be removed ({error.strerror or error}): remove it yourself") from error


def _put_aside(path: Path) -> None:
    old = old_database(path)
    _log(old).unlink(missing_ok=True)  # a log left over from a database that is gone
    if path.exists():
        path.replace(old)
        _move(_log(path), _log(old))
    _log(path).unlink(missing_ok=True)


def _unlink(path: Path) -> None:
    _log(path).unlink(missing_ok=True)  # first, because DuckDB would apply it to a new database of this name
    path.unlink(missing_ok=True)


def _move(path: Path, to: Path) -> None:
    with suppress(FileNotFoundError):
        path.replace(to)


def _log(path: Path) -> Path:
    """Return the path of DuckDB's write-ahead log. We write none, but other programs may."""
    return path.with_name(path.name + ".wal")

"""The rows that a computation may change in earlier result files. The database need not load the others again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from stx_pipelines.chains.days import DAY
from stx_pipelines.metrics.computation import BASIS, DAYS, Computation
from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.result_tables import Changed
from stx_pipelines.metrics.settled import GROWING_ROWS, ReadDays, Settled
from stx_pipelines.metrics.settled_files import KEY
from stx_pipelines.metrics.wallet_lines import WALLETS
from stx_pipelines.store.parquet import parquet_rows, read_metadata


def changed_rows(run: Computation, tables: Iterable[str], path: Callable[[str], Path]) -> dict[str, Changed | None]:
    """Return the rows to load into each table of the database if it was loaded from the present file. None: all rows.

    `path` gives the path of a table's file, which the computation has not replaced yet.
    """
    grown_from = _grown_from(run, path(WALLETS))
    return {table: _changed(run, table, path(table), grown_from) for table in tables}


def _grown_from(run: Computation, wallets: Path) -> ReadDays | None:
    """Return the days of the earlier results if days were only added since, and their wallets are as new as before."""
    earlier = read_metadata(wallets, DAYS, ReadDays)
    if earlier is None or run.settling is None or run.reuse.settled is None:
        return None
    if run.settling.read_days(earlier.through) != earlier:
        return None
    first = run.reuse.rows_from(run.basis.coverage_start)
    if first is None or first > earlier.through + DAY:
        return None  # days between are not read, so wallets may have become new or old unnoticed
    return earlier if run.keeps_wallets(parquet_rows(wallets)) else None


def _changed(run: Computation, table: str, path: Path, grown_from: ReadDays | None) -> Changed | None:
    old, settled = read_metadata(path, BASIS, Basis), run.reuse.settled
    if old is None or settled is None:
        return None
    growing = GROWING_ROWS.get(table)
    if growing and grown_from and read_metadata(path, DAYS, ReadDays) == grown_from:
        known = {"through": f"DATE '{grown_from.through}'", "horizon": run.basis.options.horizon}
        return Changed(old.fingerprint, tuple(each.format(**known) for each in growing.conditions), growing.key)
    condition = settled.condition(table)
    if not condition or read_metadata(path, KEY, Settled) != settled:
        return None
    return Changed(old.fingerprint, (f"NOT ({condition})",))

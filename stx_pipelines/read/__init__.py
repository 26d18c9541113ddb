"""The stored history in Python: exact rows of certified days, as Arrow, pandas, Polars or DuckDB.

    from stx_pipelines import read

    read.transactions(date(2026, 11, 1), date(2026, 11, 8)).df()

Nothing is written and no lock is taken, so that a running sync does not matter.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.read.history import History, NotCovered
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.rows import Rows

__all__ = ["History", "NotCovered", "Rows", "StoreError", "blocks", "miners_balance", "open", "table", "transactions"]


def open(path: str | Path | None = None) -> History:
    """Return the history in a data folder. The default is STX_DATA_DIR of the environment or `.env`.

    Raises `SettingsError` if a setting is wrong.
    """
    if path is None:
        from stx_pipelines.settings import load_settings

        path = load_settings().stx_data_dir
    return History(Path(path))


def transactions(start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
    """Return the rows of the table `transactions` of the days in `[start, end)`. See `History.table`."""
    return open().table(TRANSACTIONS, start, end, partial=partial)


def blocks(start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
    """Return the rows of the table `blocks` of the days in `[start, end)`. See `History.table`."""
    return open().table(BLOCKS, start, end, partial=partial)


def miners_balance(start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
    """Return the rows of the table `miners_balance` of the days in `[start, end)`. See `History.table`."""
    return open().table(BALANCES, start, end, partial=partial)


def table(name: str, start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
    """Return the rows of a table by its name, for example `wallets_daily`. See `History.table`."""
    return open().table(name, start, end, partial=partial)

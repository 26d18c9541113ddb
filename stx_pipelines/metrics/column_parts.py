"""The parts of the columns of result tables: a column, its makers, and columns that several tables have.

The tables are in `columns` and `summary_columns`.
"""

from __future__ import annotations

from typing import NamedTuple


class ResultColumn(NamedTuple):
    """A column of a result table. `comment` states the meaning and the unit."""

    name: str
    type: str
    comment: str
    nullable: bool = False


def day(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    """Return a column of days."""
    return ResultColumn(name, "DATE", comment, nullable)


def count(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    """Return a column of whole numbers."""
    return ResultColumn(name, "BIGINT", comment, nullable)


def stx(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    """Return a column of exact amounts in STX."""
    return ResultColumn(name, "DECIMAL(38,6)", f"STX: {comment}", nullable)


def share(name: str, comment: str) -> ResultColumn:
    """Return a column of shares or means, which may be NULL."""
    return ResultColumn(name, "DOUBLE", comment, nullable=True)


def flag(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    """Return a column of true and false."""
    return ResultColumn(name, "BOOLEAN", comment, nullable)


def usd(what: str) -> ResultColumn:
    """Return a column of exact amounts in US dollars."""
    return ResultColumn("fee_usd", "DECIMAL(38,14)", f"US dollars: {what}; NULL without prices", nullable=True)


def mean_usd(name: str, what: str) -> ResultColumn:
    """Return a column of exact US dollars per wallet."""
    return ResultColumn(name, "DECIMAL(38,14)", f"US dollars per wallet: {what}; NULL as fee_usd", nullable=True)


PRICED_SHARE = share("priced_share", "the share of fee_ustx that has a price; NULL without prices or fees")
WINDOW = ResultColumn("window_days", "INTEGER", "length of the window in days")
DEFINITION = ResultColumn("definition", "VARCHAR", "how retained is counted: cumulative, active_band or survival")
COUNTED_COHORTS = (
    day("first_cohort", "D0 of the oldest cohort that counts; NULL if no cohort counts", nullable=True),
    day("last_cohort", "D0 of the newest cohort that counts; NULL if no cohort counts", nullable=True),
)
FIRST_DATE = day("first_date", "first day of the window, UTC")
LAST_DATE = day("last_date", "last day of the window, UTC: the newest closed day")

"""The columns of the result tables: DuckDB type and meaning of each. The formulas are in the folder `sql`.

The tables' own comments and the columns in Dagster's UI come from here; the rules behind them are in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from stx_pipelines.store.scratch import quoted


class ResultColumn(NamedTuple):
    """A column of a result table; `comment` says its meaning and unit."""

    name: str
    type: str
    comment: str
    nullable: bool = False


_UNTIL_MATURE = "; NULL until the window is over"
_CENSORED = "true: the coverage begins too late to know whether these wallets are older"


def _date(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, "DATE", comment, nullable)


def _count(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, "BIGINT", comment, nullable)


def _stx(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, "DECIMAL(38,6)", f"STX: {comment}", nullable)


def _share(name: str, comment: str) -> ResultColumn:
    return ResultColumn(name, "DOUBLE", comment, nullable=True)


def _flag(name: str, comment: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, "BOOLEAN", comment, nullable)


_WINDOW = ResultColumn("window_days", "INTEGER", "length of the window in days")
_ADDRESS = ResultColumn("address", "VARCHAR", "the wallet: a sender address")
_COHORT = _date("cohort_date", "D0, the first day (UTC) of the cohort's wallets")
_WEEK = _date("week_ending", "the Sunday that ends the week of the cohorts")
_COHORT_SIZE = _count("cohort_size", "wallets of the cohort")
_DEFINITION = ResultColumn("definition", "VARCHAR", "cumulative, active_band or survival")
_RETAINED = _count("retained", "wallets that came back" + _UNTIL_MATURE, nullable=True)
_RATE = _share("rate", "retained / cohort_size" + _UNTIL_MATURE)
_IS_CENSORED = _flag("is_left_censored", _CENSORED)
_IS_MATURE = _flag("is_mature", "true: every day of the window is covered")

_NETWORK = (
    _count("transactions", "rows of the table transactions"),
    _count("fee_ustx", "microSTX: the fees of these transactions"),
    _stx("fee_stx", "fee_ustx / 1,000,000"),
    _count("landed", "canonical transactions of any status"),
    _count("failed", "canonical transactions that did not succeed"),
    _share("failed_share", "`failed` / `landed`; NULL without a canonical transaction"),
)

COLUMNS: dict[str, tuple[ResultColumn, ...]] = {
    "first_seen_wallets": (
        _ADDRESS,
        ResultColumn("first_seen", "TIMESTAMP", "its earliest block time in the coverage, UTC"),
        _IS_CENSORED,
        ResultColumn("first_tx_id", "VARCHAR", "the transaction of first_seen; of several, the first in chain order"),
        _count("tx_count", "its transactions in the coverage, of all types"),
        _date("cohort_date", "D0, its first day (UTC date of the burn block)"),
    ),
    "wallets_daily": (
        _date("date", "the day, UTC"),
        _count("new_wallets", "wallets whose first day is this day"),
        _IS_CENSORED,
        _count("active_wallets", "distinct senders of the day"),
        _count("active_7d", "distinct senders of the 7 days that end with the day", nullable=True),
        _count("active_30d", "distinct senders of the 30 days that end with the day", nullable=True),
        _share("rolling_mean_7d", "mean of active_wallets over these 7 days; NULL unless all are covered"),
        _share("rolling_mean_30d", "mean of active_wallets over these 30 days; NULL unless all are covered"),
    ),
    "network_daily": (
        _date("date", "the day, UTC"),
        _NETWORK[0],
        _count("senders", "distinct senders of the day"),
        *_NETWORK[1:],
    ),
    "network_types": (
        _date("date", "the day, UTC"),
        ResultColumn("tx_type", "VARCHAR", "type of the transactions, as the API names it"),
        *_NETWORK,
    ),
    "wallet_retention": (
        _COHORT, _WINDOW, _DEFINITION, _COHORT_SIZE, _RETAINED, _RATE, _IS_MATURE, _IS_CENSORED,
    ),
    "wallet_retention_weekly": (
        _WEEK,
        _WINDOW,
        _DEFINITION,
        _count("cohort_days", "days of the week that have a cohort"),
        _count("cohort_size", "wallets of the week's cohorts"),
        _RETAINED,
        _RATE,
        _IS_MATURE,
        _IS_CENSORED,
    ),
    "wallet_value": (
        _COHORT,
        _WINDOW,
        _COHORT_SIZE,
        _count("survivors", "wallets active in the window's last band" + _UNTIL_MATURE, nullable=True),
        _count("tx_count", "transactions in the window" + _UNTIL_MATURE, nullable=True),
        _count("fee_ustx", "microSTX: fees in the window" + _UNTIL_MATURE, nullable=True),
        _count("survivor_fee_ustx", "microSTX: fees of the survivors" + _UNTIL_MATURE, nullable=True),
        _stx("mean_fee_stx", "mean fee per wallet" + _UNTIL_MATURE, nullable=True),
        _stx("median_fee_stx", "median fee per wallet" + _UNTIL_MATURE, nullable=True),
        _stx("survivor_mean_fee_stx", "mean fee per survivor; NULL without one", nullable=True),
        _stx("survivor_median_fee_stx", "median fee per survivor; NULL without one", nullable=True),
        _share("payback", "mean fee per wallet / target CPA; NULL for a small cohort"),
        _IS_MATURE,
        _flag("is_small", "true: fewer wallets than the minimum cohort"),
        _IS_CENSORED,
    ),
    "wallet_value_weekly": (
        _WEEK,
        _WINDOW,
        _count("wallets", "wallets of the week's cohorts"),
        _count("fee_ustx", "microSTX: their fees in the window"),
        _stx("fee_per_wallet_stx", "fee_ustx / wallets"),
        _share("payback", "fee per wallet / target CPA; NULL for fewer wallets than the minimum cohort"),
        _IS_CENSORED,
    ),
    "wallet_value_trailing": (
        _WINDOW,
        _date("first_date", "first day of the window, UTC"),
        _date("last_date", "last day of the window, UTC: the newest closed day"),
        _count("wallets", "wallets active in the window; NULL unless all its days are covered", nullable=True),
        _count("tx_count", "their transactions in the window", nullable=True),
        _count("fee_ustx", "microSTX: their fees in the window", nullable=True),
        _stx("mean_fee_stx", "mean fee per wallet", nullable=True),
        _stx("median_fee_stx", "median fee per wallet", nullable=True),
        _IS_MATURE,
    ),
    "wallet_value_breakeven": (
        _WINDOW,
        _date("first_cohort", "D0 of the oldest cohort counted; NULL without one", nullable=True),
        _date("last_cohort", "D0 of the newest cohort counted; NULL without one", nullable=True),
        _count("cohorts", "mature cohorts of the last days that count for breakeven (180 by default)"),
        _count("wallets", "wallets of these cohorts"),
        _count("fee_ustx", "microSTX: their fees in the window; NULL without a cohort", nullable=True),
        _stx("breakeven_cpa_stx", "fee_ustx / wallets: the cost of a wallet that its fees repay", nullable=True),
        _flag("is_mature", "true: at least one cohort counts"),
    ),
    "wallet_windows": (
        _ADDRESS,
        ResultColumn("kind", "VARCHAR", "cohort: days since the wallet's first day; trailing: the last covered days"),
        _WINDOW,
        _date("cohort_date", "D0, the wallet's first day"),
        _count("tx_count", "its transactions in the window"),
        _count("fee_ustx", "microSTX: its fees in the window"),
        _stx("fee_stx", "fee_ustx / 1,000,000"),
        _flag("active_in_window", "cohort: active in the window's last band; trailing: true"),
        _IS_CENSORED,
    ),
    "wallet_funnel": (
        _WINDOW,
        _date("first_cohort", "first day of the window, UTC"),
        _date("last_cohort", "last day of the window, UTC: its wallets' first 30 days are over"),
        _count("cohort_size", "wallets first seen in the window; NULL unless all its days are covered", nullable=True),
        _count("active_30d", "of these, with at least 3 transactions in their first 30 days", nullable=True),
        _count("active_and_value_30d", "of those, with at least 1 STX of fees in the 30 days", nullable=True),
        _share("active_rate", "active_30d / cohort_size; NULL without a wallet"),
        _share("active_and_value_rate", "active_and_value_30d / cohort_size; NULL without a wallet"),
        _flag("is_mature", "true: all days of the window are covered and no wallet of it is left-censored"),
    ),
}  # fmt: skip
"""The columns of each result table, in their order."""


def comments_sql(table: str, present: Collection[str]) -> str:
    """Write the comments of a result table's columns into the database; a file of another version may lack some."""
    return "\n".join(
        f"COMMENT ON COLUMN warehouse.{table}.{column.name} IS {quoted(column.comment)};"
        for column in COLUMNS[table]
        if column.name in present
    )

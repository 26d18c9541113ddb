"""The columns of the result tables, with the DuckDB type and the meaning of each.

The database and Dagster's UI show these comments. The formulas are in the folder `sql`, the rules in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from stx_pipelines.store.scratch import quoted


class ResultColumn(NamedTuple):
    """A column of a result table. `comment` states the meaning and the unit."""

    name: str
    type: str
    comment: str
    nullable: bool = False


_UNTIL_MATURE = "; NULL until all days of the window are covered"
_IF_RETAINED = "; NULL if is_mature is false"
_IF_SURVIVORS = "; NULL if there are no survivors or is_mature is false"
_MINIMUM = "the minimum cohort (STX_MINIMUM_COHORT, default 3)"
_BAND = "L + 1 to window_days days after D0 (L: the next shorter window, or 0)"
_7_DAYS = "the 7 days that end with the day; NULL unless all 7 are covered"
_30_DAYS = "the 30 days that end with the day; NULL unless all 30 are covered"


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
_ADDRESS = ResultColumn("address", "VARCHAR", "the address of the wallet, a sender of transactions")
_COHORT = _date("cohort_date", "D0, the first day (UTC) of the cohort's wallets")
_WEEK = _date("week_ending", "the last day (Sunday) of the week of the cohorts")
_COHORT_SIZE = _count("cohort_size", "number of wallets in the cohort")
_DEFINITION = ResultColumn("definition", "VARCHAR", "how retained is counted: cumulative, active_band or survival")
_RETAINED = _count(
    "retained", "wallets of cohort_size that were active again, as definition counts it" + _IF_RETAINED, nullable=True
)
_RATE = _share("rate", "retained / cohort_size" + _IF_RETAINED)
_IS_CENSORED = _flag(
    "is_left_censored",
    "true: wallets counted as new may be older, because their nonces are not known and the coverage begins shortly "
    "before their first day",
)
_WALLET_IS_CENSORED = _flag(
    "is_left_censored", "true: the wallet is not known to be new: it is older, or it may be (see is_new)"
)
_IS_MATURE = _flag("is_mature", "true: all days of the window are covered")
_RETENTION_IS_MATURE = _flag("is_mature", "true: all days of the window (survival: of the longest window) are covered")

_UNKNOWN = "NULL if the day file does not have it for every transfer of the day"

_NETWORK = (
    _count("transactions", "rows that the table transactions shows"),
    _count("fee_ustx", "microSTX: fees of the rows that the table transactions shows"),
    _stx("fee_stx", "fee_ustx / 1,000,000"),
    _count("landed", "canonical transactions of any status"),
    _count("failed", "canonical transactions that did not succeed"),
    _share("failed_share", "`failed` / `landed`; NULL if `landed` is 0"),
)

_CALLS = (
    ResultColumn("contract_id", "VARCHAR", "the called contract; NULL if the day file does not name it", nullable=True),
    _count("calls", "contract calls that the table transactions shows"),
    _count("wallets", "distinct senders of these calls"),
    _count("fee_ustx", "microSTX: fees of these calls"),
    _stx("fee_stx", "fee_ustx / 1,000,000"),
    _count("landed", "canonical contract calls of any status"),
    _count("failed", "canonical contract calls that did not succeed"),
    _share("failed_share", "`failed` / `landed`"),
)

COLUMNS: dict[str, tuple[ResultColumn, ...]] = {
    "first_seen_wallets": (
        _ADDRESS,
        ResultColumn("first_seen", "TIMESTAMP", "the wallet's earliest block time in the coverage, UTC"),
        _WALLET_IS_CENSORED,
        ResultColumn(
            "first_tx_id",
            "VARCHAR",
            "the wallet's transaction at first_seen; if there are several, the first in chain order",
        ),
        _count("tx_count", "the wallet's transactions in the coverage, of all types"),
        _date("cohort_date", "D0, the wallet's first day (UTC date of the burn block)"),
        _flag(
            "is_new",
            "true: the account's first transaction (nonce 0) is in the coverage; false: it is before; NULL: not known",
            nullable=True,
        ),
    ),
    "wallets_daily": (
        _date("date", "the day, UTC"),
        _count("new_wallets", "wallets whose first day is this day, without those known to be older"),
        _IS_CENSORED,
        _count("active_wallets", "distinct senders of the day"),
        _count("active_7d", f"distinct senders of {_7_DAYS}", nullable=True),
        _count("active_30d", f"distinct senders of {_30_DAYS}", nullable=True),
        _share("rolling_mean_7d", f"mean of active_wallets over {_7_DAYS}"),
        _share("rolling_mean_30d", f"mean of active_wallets over {_30_DAYS}"),
    ),
    "network_daily": (
        _date("date", "the day, UTC"),
        _NETWORK[0],
        _count("senders", "distinct senders of the day"),
        *_NETWORK[1:],
    ),
    "network_types": (
        _date("date", "the day, UTC"),
        ResultColumn("tx_type", "VARCHAR", "type of the transactions, named as in the API"),
        *_NETWORK,
    ),
    "wallet_retention": (
        _COHORT, _WINDOW, _DEFINITION, _COHORT_SIZE, _RETAINED, _RATE, _RETENTION_IS_MATURE, _IS_CENSORED,
    ),
    "wallet_retention_weekly": (
        _WEEK,
        _WINDOW,
        _DEFINITION,
        _count("cohort_days", "days of the week that have a cohort"),
        _count("cohort_size", "number of wallets in the week's cohorts"),
        _RETAINED,
        _RATE,
        _RETENTION_IS_MATURE,
        _IS_CENSORED,
    ),
    "wallet_value": (
        _COHORT,
        _WINDOW,
        _COHORT_SIZE,
        _count("survivors", f"wallets active {_BAND}{_UNTIL_MATURE}", nullable=True),
        _count("tx_count", "transactions of the cohort in the window" + _UNTIL_MATURE, nullable=True),
        _count("fee_ustx", "microSTX: fees of the cohort in the window" + _UNTIL_MATURE, nullable=True),
        _count("survivor_fee_ustx", "microSTX: fees of the survivors in the window" + _UNTIL_MATURE, nullable=True),
        _stx("mean_fee_stx", "mean of fees per wallet of the cohort" + _UNTIL_MATURE, nullable=True),
        _stx("median_fee_stx", "median of fees per wallet of the cohort" + _UNTIL_MATURE, nullable=True),
        _stx("survivor_mean_fee_stx", "mean of fees per survivor" + _IF_SURVIVORS, nullable=True),
        _stx("survivor_median_fee_stx", "median of fees per survivor" + _IF_SURVIVORS, nullable=True),
        _share("payback", "mean_fee_stx / target CPA; NULL if is_small is true or is_mature is false"),
        _IS_MATURE,
        _flag("is_small", f"true: cohort_size is below {_MINIMUM}"),
        _IS_CENSORED,
    ),
    "wallet_value_weekly": (
        _WEEK,
        _WINDOW,
        _count("wallets", "number of wallets in the week's cohorts"),
        _count("fee_ustx", "microSTX: fees of these wallets in the window"),
        _stx("fee_per_wallet_stx", "fee_ustx / wallets"),
        _share("payback", f"fee_per_wallet_stx / target CPA; NULL if wallets is below {_MINIMUM}"),
        _IS_CENSORED,
    ),
    "wallet_value_trailing": (
        _WINDOW,
        _date("first_date", "first day of the window, UTC"),
        _date("last_date", "last day of the window, UTC: the newest closed day"),
        _count("wallets", "wallets active in the window" + _UNTIL_MATURE, nullable=True),
        _count("tx_count", "transactions of these wallets in the window" + _UNTIL_MATURE, nullable=True),
        _count("fee_ustx", "microSTX: fees of these wallets in the window" + _UNTIL_MATURE, nullable=True),
        _stx("mean_fee_stx", "fee_ustx / wallets; NULL if wallets is 0 or is_mature is false", nullable=True),
        _stx("median_fee_stx", "median of fees per wallet; NULL if wallets is 0 or is_mature is false", nullable=True),
        _IS_MATURE,
    ),
    "wallet_value_breakeven": (
        _WINDOW,
        _date("first_cohort", "D0 of the oldest cohort that counts; NULL if no cohort counts", nullable=True),
        _date("last_cohort", "D0 of the newest cohort that counts; NULL if no cohort counts", nullable=True),
        _count(
            "cohorts",
            "cohorts that count: mature, with wallets known to be new, D0 in the last STX_BREAKEVEN_DAYS days",
        ),
        _count("wallets", "number of wallets in the cohorts that count"),
        _count("fee_ustx", "microSTX: fees of these wallets in the window; NULL if no cohort counts", nullable=True),
        _stx(
            "breakeven_cpa_stx",
            "fee_ustx / wallets, the most that a wallet may cost and still be repaid by its fees; "
            "NULL if no cohort counts",
            nullable=True,
        ),
        _flag("is_mature", "true: at least one cohort counts"),
    ),
    "wallet_windows": (
        _ADDRESS,
        ResultColumn(
            "kind", "VARCHAR", "cohort: the window begins with D0; trailing: the window ends with the newest closed day"
        ),
        _WINDOW,
        _date("cohort_date", "D0, the wallet's first day"),
        _count("tx_count", "the wallet's transactions in the window"),
        _count("fee_ustx", "microSTX: the wallet's fees in the window"),
        _stx("fee_stx", "fee_ustx / 1,000,000"),
        _flag("active_in_window", f"cohort: true if the wallet was active {_BAND}; trailing: always true"),
        _WALLET_IS_CENSORED,
    ),
    "wallet_funnel": (
        _WINDOW,
        _date("first_cohort", "first day of the window, UTC"),
        _date(
            "last_cohort",
            "last day of the window, UTC: the newest day whose new wallets have completed their first 30 days",
        ),
        _count("cohort_size", "wallets whose first day is in the window; NULL if is_mature is false", nullable=True),
        _count(
            "active_30d",
            "wallets of cohort_size with at least 3 transactions in their first 30 days; NULL if is_mature is false",
            nullable=True,
        ),
        _count(
            "active_and_value_30d",
            "wallets of active_30d with at least 1 STX of fees in their first 30 days; NULL if is_mature is false",
            nullable=True,
        ),
        _share("active_rate", "active_30d / cohort_size; NULL if cohort_size is 0 or is_mature is false"),
        _share(
            "active_and_value_rate",
            "active_and_value_30d / cohort_size; NULL if cohort_size is 0 or is_mature is false",
        ),
        _flag(
            "is_mature", "true: all days of the window are covered and none of the window's wallets is left-censored"
        ),
    ),
    "contracts_daily": (_date("date", "the day, UTC"), *_CALLS),
    "contracts_30d": (
        _date("first_date", "first day of the window, UTC: 29 days before last_date, or a later first covered day"),
        _date("last_date", "last day of the window, UTC: the newest closed day"),
        *_CALLS,
    ),
    "transfers_daily": (
        _date("date", "the day, UTC"),
        _count("transfers", "transfers of STX that the table transactions shows"),
        ResultColumn("amount_ustx", "DECIMAL(38,0)", f"microSTX: sum of the amounts; {_UNKNOWN}", nullable=True),
        _stx("amount_stx", "amount_ustx / 1,000,000", nullable=True),
        _count("senders", "distinct senders of these transfers"),
        _count("recipients", f"distinct recipients of these transfers; {_UNKNOWN}", nullable=True),
    ),
}  # fmt: skip
"""The columns of each result table, in their order."""


def comments_sql(table: str, present: Collection[str]) -> str:
    """Return the SQL that sets the comments of a result table's columns.

    Only columns in `present` get a comment, because a file of another version may lack columns.
    """
    return "\n".join(
        f"COMMENT ON COLUMN warehouse.{table}.{column.name} IS {quoted(column.comment)};"
        for column in COLUMNS[table]
        if column.name in present
    )

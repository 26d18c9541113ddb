"""The columns of the result tables, with the DuckDB type and the meaning of each.

The database and Dagster's UI show these comments. The formulas are in the folder `sql`, the rules in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Collection

from stx_pipelines.metrics.call_columns import CALL_COLUMNS
from stx_pipelines.metrics.column_parts import (
    COUNTED_COHORTS,
    DEFINITION,
    FIRST_DATE,
    LAST_DATE,
    PRICED_SHARE,
    WINDOW,
    ResultColumn,
    count,
    day,
    flag,
    mean_usd,
    share,
    stx,
    usd,
)
from stx_pipelines.metrics.summary_columns import SUMMARY_COLUMNS
from stx_pipelines.store.scratch import quoted

_UNTIL_MATURE = "; NULL until all days of the window are covered"
_IF_MATURE = "; NULL if is_mature is false"
_IF_RETAINED = _IF_MATURE
_IF_KNOWN = "; NULL if known_wallets is 0 or is_mature is false"
_IF_SURVIVORS = "; NULL if there are no survivors or is_mature is false"
_MINIMUM = "the minimum cohort (STX_MINIMUM_COHORT, default 3)"
_BAND = "L + 1 to window_days days after D0 (L: the next shorter window, or 0)"
_7_DAYS = "the 7 days that end with the day; NULL unless all 7 are covered"
_30_DAYS = "the 30 days that end with the day; NULL unless all 30 are covered"

_ADDRESS = ResultColumn("address", "VARCHAR", "the address of the wallet, a sender of transactions")
_COHORT = day("cohort_date", "D0, the first day (UTC) of the cohort's wallets")
_WEEK = day("week_ending", "the last day (Sunday) of the week of the cohorts")
_COHORT_SIZE = count("cohort_size", "number of wallets in the cohort")
_RETAINED = count(
    "retained", "wallets of cohort_size that were active again, as definition counts it" + _IF_RETAINED, nullable=True
)
_RATE = share("rate", "retained / cohort_size" + _IF_RETAINED)
_IS_CENSORED = flag(
    "is_left_censored",
    "true: wallets counted as new may be older, because their nonces are not known and the coverage begins shortly "
    "before their first day",
)
_WALLET_IS_CENSORED = flag(
    "is_left_censored", "true: the wallet is not known to be new: it is older, or it may be (see is_new)"
)
_IS_MATURE = flag("is_mature", "true: all days of the window are covered")
_RETENTION_IS_MATURE = flag("is_mature", "true: all days of the window (survival: of the longest window) are covered")

_AGES = {
    "younger": "that are certainly younger than 180 days",
    "older": "whose first day is at least 180 days ago",
    "age_unknown": "that may be younger or older than 180 days",
}

_PRICED = (usd("fee_ustx at the hourly price of each block time, as far as there is a price"), PRICED_SHARE)

_NETWORK = (
    count("transactions", "rows that the table transactions shows"),
    count("fee_ustx", "microSTX: fees of the rows that the table transactions shows"),
    stx("fee_stx", "fee_ustx / 1,000,000"),
    count("landed", "canonical transactions of any status"),
    count("failed", "canonical transactions that did not succeed"),
    share("failed_share", "`failed` / `landed`; NULL if `landed` is 0"),
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
        count("tx_count", "the wallet's transactions in the coverage, of all types"),
        day("cohort_date", "D0, the wallet's first day (UTC date of the burn block)"),
        flag(
            "is_new",
            "true: the account's first transaction (nonce 0) is in the coverage; false: it is before; NULL: not known",
            nullable=True,
        ),
        count("active_days", "days in the coverage with a transaction of the wallet, of any type"),
        day("last_date", "the wallet's last day (UTC) with a transaction in the coverage"),
        count("fee_ustx", "microSTX: fees of the wallet's transactions in the coverage, of all types"),
        stx("fee_stx", "fee_ustx / 1,000,000"),
    ),
    "wallets_daily": (
        day("date", "the day, UTC"),
        count("new_wallets", "wallets whose first day is this day, without those known to be older"),
        _IS_CENSORED,
        count("active_wallets", "distinct senders of the day"),
        count("active_7d", f"distinct senders of {_7_DAYS}", nullable=True),
        count("active_30d", f"distinct senders of {_30_DAYS}", nullable=True),
        share("rolling_mean_7d", f"mean of active_wallets over {_7_DAYS}"),
        share("rolling_mean_30d", f"mean of active_wallets over {_30_DAYS}"),
        *(
            count(f"active_30d_{age}", f"wallets of active_30d {meaning}; NULL if active_30d is NULL", nullable=True)
            for age, meaning in _AGES.items()
        ),
    ),
    "network_daily": (
        day("date", "the day, UTC"),
        _NETWORK[0],
        count("senders", "distinct senders of the day"),
        *_NETWORK[1:],
        count("fee_30d_ustx", f"microSTX: sum of fee_ustx over {_30_DAYS}", nullable=True),
        stx("fee_30d_stx", "fee_30d_ustx / 1,000,000; NULL as fee_30d_ustx", nullable=True),
        _PRICED[0],
        ResultColumn("fee_btc", "DECIMAL(38,18)", "BTC: the same fees as fee_usd; NULL without prices", nullable=True),
        PRICED_SHARE,
    ),
    "network_types": (
        day("date", "the day, UTC"),
        ResultColumn("tx_type", "VARCHAR", "type of the transactions, named as in the API"),
        *_NETWORK,
    ),
    "wallet_retention": (
        _COHORT, WINDOW, DEFINITION, _COHORT_SIZE, _RETAINED, _RATE, _RETENTION_IS_MATURE, _IS_CENSORED,
    ),
    "wallet_retention_weekly": (
        _WEEK,
        WINDOW,
        DEFINITION,
        count("cohort_days", "days of the week that have a cohort"),
        count("cohort_size", "number of wallets in the week's cohorts"),
        _RETAINED,
        _RATE,
        _RETENTION_IS_MATURE,
        _IS_CENSORED,
    ),
    "wallet_value": (
        _COHORT,
        WINDOW,
        _COHORT_SIZE,
        count("survivors", f"wallets active {_BAND}{_UNTIL_MATURE}", nullable=True),
        count("tx_count", "transactions of the cohort in the window" + _UNTIL_MATURE, nullable=True),
        count("fee_ustx", "microSTX: fees of the cohort in the window" + _UNTIL_MATURE, nullable=True),
        count("survivor_fee_ustx", "microSTX: fees of the survivors in the window" + _UNTIL_MATURE, nullable=True),
        stx("mean_fee_stx", "mean of fees per wallet of the cohort" + _UNTIL_MATURE, nullable=True),
        stx("median_fee_stx", "median of fees per wallet of the cohort" + _UNTIL_MATURE, nullable=True),
        stx("survivor_mean_fee_stx", "mean of fees per survivor" + _IF_SURVIVORS, nullable=True),
        stx("survivor_median_fee_stx", "median of fees per survivor" + _IF_SURVIVORS, nullable=True),
        share("payback", "mean_fee_stx / target CPA; NULL if is_small is true or is_mature is false"),
        _IS_MATURE,
        flag("is_small", f"true: cohort_size is below {_MINIMUM}"),
        _IS_CENSORED,
        *_PRICED,
        mean_usd("mean_fee_usd", "fee_usd / cohort_size"),
        share("payback_usd", "mean_fee_usd / STX_TARGET_CPA_USD; NULL as payback, and without target or prices"),
    ),
    "wallet_value_weekly": (
        _WEEK,
        WINDOW,
        count("wallets", "number of wallets in the week's cohorts"),
        count("fee_ustx", "microSTX: fees of these wallets in the window"),
        stx("fee_per_wallet_stx", "fee_ustx / wallets"),
        share("payback", f"fee_per_wallet_stx / target CPA; NULL if wallets is below {_MINIMUM}"),
        _IS_CENSORED,
        *_PRICED,
        mean_usd("fee_per_wallet_usd", "fee_usd / wallets"),
        share("payback_usd", "fee_per_wallet_usd / STX_TARGET_CPA_USD; NULL as payback, and without target or prices"),
    ),
    "wallet_value_trailing": (
        WINDOW,
        FIRST_DATE,
        LAST_DATE,
        count("wallets", "wallets active in the window" + _UNTIL_MATURE, nullable=True),
        count("tx_count", "transactions of these wallets in the window" + _UNTIL_MATURE, nullable=True),
        count("fee_ustx", "microSTX: fees of these wallets in the window" + _UNTIL_MATURE, nullable=True),
        stx("mean_fee_stx", "fee_ustx / wallets; NULL if wallets is 0 or is_mature is false", nullable=True),
        stx("median_fee_stx", "median of fees per wallet; NULL if wallets is 0 or is_mature is false", nullable=True),
        _IS_MATURE,
        *(
            count(f"{age}_wallets", f"wallets {meaning} on last_date" + _UNTIL_MATURE, nullable=True)
            for age, meaning in _AGES.items()
        ),
        *(
            count(f"{age}_fee_ustx", f"microSTX: fees of {age}_wallets in the window" + _UNTIL_MATURE, nullable=True)
            for age in _AGES
        ),
        *_PRICED,
        mean_usd("mean_fee_usd", "fee_usd / wallets"),
    ),
    "wallet_value_breakeven": (
        WINDOW,
        *COUNTED_COHORTS,
        count(
            "cohorts",
            "cohorts that count: mature, with wallets known to be new, D0 in the last STX_BREAKEVEN_DAYS days",
        ),
        count("wallets", "number of wallets in the cohorts that count"),
        count("fee_ustx", "microSTX: fees of these wallets in the window; NULL if no cohort counts", nullable=True),
        stx(
            "breakeven_cpa_stx",
            "fee_ustx / wallets, the most that a wallet may cost and still be repaid by its fees; "
            "NULL if no cohort counts",
            nullable=True,
        ),
        flag("is_mature", "true: at least one cohort counts"),
        *_PRICED,
        mean_usd("breakeven_cpa_usd", "fee_usd / wallets"),
    ),
    "wallet_windows": (
        _ADDRESS,
        ResultColumn(
            "kind", "VARCHAR", "cohort: the window begins with D0; trailing: the window ends with the newest closed day"
        ),
        WINDOW,
        day("cohort_date", "D0, the wallet's first day"),
        count("tx_count", "the wallet's transactions in the window"),
        count("fee_ustx", "microSTX: the wallet's fees in the window"),
        stx("fee_stx", "fee_ustx / 1,000,000"),
        flag("active_in_window", f"cohort: true if the wallet was active {_BAND}; trailing: always true"),
        _WALLET_IS_CENSORED,
    ),
    "wallet_funnel": (
        WINDOW,
        day("first_cohort", "first day of the window, UTC"),
        day(
            "last_cohort",
            "last day of the window, UTC: the newest day whose new wallets have completed their first 30 days",
        ),
        count("cohort_size", "wallets whose first day is in the window; NULL if is_mature is false", nullable=True),
        count(
            "active_30d",
            "wallets of cohort_size with at least 3 transactions in their first 30 days; NULL if is_mature is false",
            nullable=True,
        ),
        count(
            "active_and_value_30d",
            "wallets of active_30d with at least 1 STX of fees in their first 30 days; NULL if is_mature is false",
            nullable=True,
        ),
        share("active_rate", "active_30d / cohort_size; NULL if cohort_size is 0 or is_mature is false"),
        share(
            "active_and_value_rate",
            "active_and_value_30d / cohort_size; NULL if cohort_size is 0 or is_mature is false",
        ),
        flag(
            "is_mature", "true: all days of the window are covered and none of the window's wallets is left-censored"
        ),
    ),
    "wallet_funnel_funded": (
        WINDOW,
        day("first_cohort", "first day of the window, UTC"),
        day("last_cohort", "last day of the window, UTC, as in wallet_funnel"),
        count("cohort_size", "wallets whose first day is in the window" + _IF_MATURE, nullable=True),
        count("known_wallets", "wallets of cohort_size that are in wallet_balances" + _IF_MATURE, nullable=True),
        count("funded", "wallets of known_wallets with at least 10 STX" + _IF_MATURE, nullable=True),
        count(
            "funded_and_active_30d",
            "wallets of funded with at least 3 transactions in their first 30 days" + _IF_MATURE,
            nullable=True,
        ),
        count(
            "funded_active_and_value_30d",
            "wallets of funded_and_active_30d with at least 1 STX of fees in their first 30 days" + _IF_MATURE,
            nullable=True,
        ),
        share("funded_rate", "funded / known_wallets" + _IF_KNOWN),
        share("funded_and_active_rate", "funded_and_active_30d / known_wallets" + _IF_KNOWN),
        share("funded_active_and_value_rate", "funded_active_and_value_30d / known_wallets" + _IF_KNOWN),
        flag("is_mature", "as in wallet_funnel"),
    ),
    **CALL_COLUMNS,
    **SUMMARY_COLUMNS,
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

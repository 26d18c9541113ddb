"""The columns of the tables that sum up whole windows. The other tables are in `columns`."""

from __future__ import annotations

from stx_pipelines.metrics.column_parts import (
    COUNTED_COHORTS,
    DEFINITION,
    FIRST_DATE,
    LAST_DATE,
    WINDOW,
    ResultColumn,
    count,
    flag,
    share,
    stx,
)

_UNCOVERED = "; NULL if is_covered is false"
_UNOBSERVED = "; NULL if observed_wallets is 0"
_IF_COUNTED = "; NULL if wallets is 0"
_IF_KNOWN = "; NULL if known_wallets is 0"

SUMMARY_COLUMNS: dict[str, tuple[ResultColumn, ...]] = {
    "wallet_retention_by_value": (
        WINDOW,
        DEFINITION,
        ResultColumn("segment", "VARCHAR", "value (at least 1 STX of fees in the first 30 days) or non_value"),
        *COUNTED_COHORTS,
        count("wallets", "wallets of the segment that are certainly new, and whose window and first 30 days are over"),
        count("retained", "wallets that were active again, as definition counts it" + _IF_COUNTED, nullable=True),
        share("rate", "retained / wallets" + _IF_COUNTED),
    ),
    "wallet_retention_by_segment": (
        WINDOW,
        DEFINITION,
        ResultColumn("segment", "VARCHAR", "all, funded (at least 10 STX), value or non_value; see docs/metrics.md"),
        *COUNTED_COHORTS,
        count(
            "wallets", "wallets of the segment, as in wallet_retention_by_value, whether their balance is known or not"
        ),
        count("known_wallets", "wallets of them that are in wallet_balances; the cohorts and retained are theirs"),
        count("retained", "known_wallets that were active again, as definition counts it" + _IF_KNOWN, nullable=True),
        share("rate", "retained / known_wallets" + _IF_KNOWN),
    ),
    "wallet_window_summary": (
        WINDOW,
        FIRST_DATE,
        LAST_DATE,
        count(
            "new_wallets",
            "wallets whose D0 is in the last window_days days; NULL if a day is not covered or a wallet may be older",
            nullable=True,
        ),
        count("active_wallets", "wallets active in the last window_days days" + _UNCOVERED, nullable=True),
        count("active_fee_ustx", "microSTX: fees of active_wallets in these days" + _UNCOVERED, nullable=True),
        stx("active_mean_fee_stx", "active_fee_ustx / active_wallets; NULL if there are none", nullable=True),
        stx("active_median_fee_stx", "median of fees per active wallet; NULL if there are none", nullable=True),
        flag("is_covered", "true: all of the last window_days days are covered"),
        *COUNTED_COHORTS,
        count("observed_wallets", "new wallets whose first window_days days are over, as in wallet_value_breakeven"),
        count("retained", "observed wallets active 1 to window_days days after D0" + _UNOBSERVED, nullable=True),
        share("retention_rate", "retained / observed_wallets" + _UNOBSERVED),
        count("fee_ustx", "microSTX: their fees in their first window_days days" + _UNOBSERVED, nullable=True),
        stx("mean_fee_stx", "fee_ustx / observed_wallets" + _UNOBSERVED, nullable=True),
        stx("median_fee_stx", "median of fees per observed wallet" + _UNOBSERVED, nullable=True),
        share("active_to_first", "active_mean_fee_stx / mean_fee_stx, from the sums; NULL without either"),
    ),
    "wallet_fee_histogram": (
        WINDOW,
        count("from_ustx", "microSTX: the smallest fees of the range"),
        count("to_ustx", "microSTX: the end of the range, not included; NULL: no end", nullable=True),
        count("wallets", "observed wallets that paid fees in the range in their first window_days days"),
        count("observed_wallets", "number of all observed wallets, as in wallet_window_summary"),
        share("wallet_share", "wallets / observed_wallets"),
        count("fee_ustx", "microSTX: fees of these wallets in their first window_days days"),
    ),
}
"""The columns of each of these tables, in their order."""

"""The heads of the columns in the page's tables, each with its unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from stx_pipelines.dashboard.facts import Table

_WHOLE = {
    "date": "day (UTC)", "cohort_date": "first day (UTC)", "week_ending": "week ending (UTC)",
    "first_date": "first day (UTC)", "last_date": "last day (UTC)", "first_cohort": "first cohort (UTC day)",
    "last_cohort": "last cohort (UTC day)", "window_days": "window, days", "cohort_days": "days with new wallets",
    "cohort_size": "new wallets", "retained": "wallets back", "rate": "wallets back, %", "wallets": "wallets",
    "tx_count": "transactions", "landed": "transactions of any status", "failed": "failed transactions",
    "failed_share": "failed, %", "payback": "payback, % of target",
    "payback_usd": "payback in US dollars, % of target", "known_wallets": "wallets with a known balance",
    "definition": "counted as",
    "is_left_censored": "may not be new", "is_mature": "window is over", "is_small": "too small for a payback",
    "active_7d": "active wallets, 7 days", "active_30d": "active wallets, 30 days",
    "rolling_mean_7d": "mean active wallets, 7 days", "rolling_mean_30d": "mean active wallets, 30 days",
    "active_and_value_30d": "active wallets with 1 STX of fees", "active_rate": "active, % of new wallets",
    "active_and_value_rate": "active with 1 STX of fees, % of new wallets", "tx_type": "type of transaction",
    "in_metrics": "used by the numbers", "in_table": "in the database", "block_share": "blocks, %",
    "active_to_first": "last / first days", "retention_rate": "wallets back, %", "observed_wallets": "wallets observed",
    "wallet_share": "wallets, %", "from_ustx": "fees from, microSTX", "to_ustx": "fees below, microSTX",
    "segment": "wallets that are", "is_covered": "all days complete", "amount_stx": "amount, STX",
    "zero_or_negative_share": "zero or negative, % of blocks", "shown": "state on this page",
}  # fmt: skip
"""Heads that do not follow from the name of the column."""

_UNITS = (
    ("_ustx", "microSTX"),
    ("_stx", "STX"),
    ("_usd", "US dollars"),
    ("_btc", "BTC"),
    ("_eth", "ETH"),
    ("_share", "%"),
    ("_rate", "%"),
)


def head(column: str) -> str:
    """Return the head of a column: its name in words, and its unit."""
    if column in _WHOLE:
        return _WHOLE[column]
    name, unit = next(
        ((column.removesuffix(end), f", {unit}") for end, unit in _UNITS if column.endswith(end)), (column, "")
    )
    days = re.fullmatch(r"(.+)_(\d+)d", name)
    words = f"{days[1]}, {days[2]} days" if days else name
    return words.replace("_", " ").replace("cpa", "CPA") + unit


def heads(tables: Iterable[Table]) -> Mapping[str, str]:
    """Return the head of every column of these tables, and of the column that only the calendar has."""
    return {column: head(column) for table in tables for column in (*table.columns, "shown")}

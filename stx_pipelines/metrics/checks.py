"""Checks of the wallet metrics. Each check is a query in `sql/checks` that selects the rows that contradict a claim.

The queries read result files and day files, never the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.parquet import parquet_rows

_EXAMPLES = 5


class Check(NamedTuple):
    """A claim about a result, and the tables that its query reads. If `reads_days`, the query reads day files too."""

    name: str
    result: str
    claim: str
    tables: tuple[str, ...]
    reads_days: bool = False


class Verdict(NamedTuple):
    """The outcome of a check. `broken` counts the rows that contradict the claim, `examples` describes some of them.

    If the claim could not be checked, `broken` is None and `reason` states why. `basis` holds the days and options that
    the result was computed from. It is None if the tables were computed from different ones, or one is missing.
    """

    broken: int | None
    reason: str
    examples: list[str]
    basis: Basis | None


CHECKS = (
    Check("addresses_unique", "first_seen_wallets", "Every address has one row.", ("first_seen_wallets",)),
    Check(
        "first_seen_is_earliest",
        "first_seen_wallets",
        "first_seen is the time of the wallet's earliest transaction in the covered days, its days, transactions and "
        "fees are those of the day files, and no wallet is missing.",
        ("first_seen_wallets",),
        reads_days=True,
    ),
    Check(
        "new_wallets_add_up",
        "wallets_daily",
        "The sum of new_wallets is the number of wallets that are not known to be older.",
        ("wallets_daily", "first_seen_wallets"),
    ),
    Check(
        "longer_spans_hold_more",
        "wallets_daily",
        "On every day active_30d >= active_7d >= active_wallets.",
        ("wallets_daily",),
    ),
    Check(
        "daily_is_mature",
        "wallets_daily",
        "A 7-day or 30-day number is null unless all of its 7 or 30 days are covered.",
        ("wallets_daily",),
    ),
    Check(
        "ages_add_up",
        "wallets_daily",
        "The younger, the older and the wallets of unknown age add up to the active wallets.",
        ("wallets_daily", "wallet_value_trailing"),
    ),
    Check(
        "rolling_fees_add_up",
        "network_daily",
        "The fees of 30 days are the sum of the days, and null unless all 30 days are covered.",
        ("network_daily",),
    ),
    Check(
        "retention_within_one",
        "wallet_retention",
        "Retention is between 0 and 1, and not null once the window is over.",
        ("wallet_retention", "wallet_retention_weekly"),
    ),
    Check(
        "cumulative_never_falls",
        "wallet_retention",
        "Cumulative retention is never lower for a longer window.",
        ("wallet_retention",),
    ),
    Check(
        "retention_is_mature",
        "wallet_retention",
        "Retention is null until its window is over.",
        ("wallet_retention", "wallet_retention_weekly"),
    ),
    Check(
        "value_segments_add_up",
        "wallet_retention",
        "Value wallets and the others are all wallets that are certainly new and whose days are over.",
        ("wallet_retention_by_value", "first_seen_wallets"),
    ),
    Check(
        "segments_add_up",
        "wallet_retention",
        "Value wallets and the others are all wallets of wallet_retention_by_value. Shares are of the wallets whose "
        "balance is known, and no segment has more of these than all have.",
        ("wallet_retention_by_segment", "wallet_retention_by_value"),
    ),
    Check(
        "value_is_mature",
        "wallet_value",
        "A value is null until its window is over, and the payback of a small cohort is always null.",
        ("wallet_value", "wallet_value_trailing", "wallet_value_breakeven", "wallet_windows"),
    ),
    Check(
        "weekly_value_adds_up",
        "wallet_value",
        "The wallets and fees of a week are sums over its cohorts, and a week has no row until its window is over.",
        ("wallet_value_weekly", "wallet_value"),
    ),
    Check(
        "window_summary_adds_up",
        "wallet_value",
        "The numbers of a window are those of its wallets, and null unless its days are covered.",
        (
            "wallet_window_summary",
            "wallet_windows",
            "first_seen_wallets",
            "wallet_value_trailing",
            "wallet_value_breakeven",
        ),
    ),
    Check(
        "histogram_adds_up",
        "wallet_value",
        "Every observed wallet is in one range of fees, and no other wallet is.",
        ("wallet_fee_histogram", "wallet_window_summary", "wallet_windows"),
    ),
    Check(
        "funnel_is_nested",
        "wallet_funnel",
        "No stage of the funnel has more wallets than the stage before.",
        ("wallet_funnel",),
    ),
    Check(
        "funnel_is_mature",
        "wallet_funnel",
        "The funnel counts only wallets whose first 30 days are over. It is null unless its whole window is covered.",
        ("wallet_funnel", "first_seen_wallets"),
    ),
    Check(
        "funded_funnel_is_nested",
        "wallet_funnel",
        "No stage of the funnel of funded wallets has more wallets than the stage before or than the same stage of the "
        "funnel. Its shares are of the wallets whose balance is known.",
        ("wallet_funnel_funded", "wallet_funnel"),
    ),
    Check(
        "contract_calls_add_up",
        "contracts_daily",
        "The calls, fees and failures of a day's contracts are those of all contract calls in the day files.",
        ("contracts_daily",),
        reads_days=True,
    ),
    Check(
        "contracts_within_calls",
        "contracts_daily",
        "A contract has one row per day, no more wallets than calls, and no negative number.",
        ("contracts_daily",),
    ),
    Check(
        "contract_window_adds_up",
        "contracts_daily",
        "A contract's calls, fees and failures of the last 30 days are the sums of these days. Its wallets are at "
        "least those of the busiest day and at most the sum of the days.",
        ("contracts_30d", "contracts_daily"),
    ),
    Check(
        "transfers_add_up",
        "transfers_daily",
        "The transfers, amounts, senders and recipients of a day are those of the day files.",
        ("transfers_daily",),
        reads_days=True,
    ),
    Check(
        "transfers_within_count",
        "transfers_daily",
        "Every covered day has one row, no more senders or recipients than transfers, and no negative amount.",
        ("transfers_daily",),
    ),
)
"""All checks, in the order of the results that they test."""


def judge(store: MetricStore, check: Check) -> Verdict:
    """Run the query of a check and return the verdict. Raises `StoreError` when a file cannot be read."""
    bases = [store.kept(table) for table in check.tables]
    basis = bases[0]
    if basis is None or any(other != basis for other in bases):
        reason = f"no results of {' and '.join(check.tables)} are from the same days and options; materialize them"
        return Verdict(None, reason, [], None)
    if check.reads_days and store.basis().fingerprint != basis.fingerprint:
        reason = f"the closed days have changed since {check.result} was computed; materialize {check.result}"
        return Verdict(None, reason, [], basis)
    with store.session(basis) as connection:
        for table in check.tables:
            connection.execute(f"CREATE VIEW {table} AS FROM {parquet_rows(store.path(table))}")
        broken = connection.execute(metric_sql(f"checks/{check.name}"))
        names = [column[0] for column in broken.description or []]
        rows = broken.fetchall()
    return Verdict(len(rows), "", [_named(names, row) for row in rows[:_EXAMPLES]], basis)


def _named(names: Sequence[str], row: Sequence[object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))

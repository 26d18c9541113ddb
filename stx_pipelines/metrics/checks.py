"""Checks of the wallet metrics. Each is a query for counterexamples, in `sql/checks`.

They read result files and day files, never the database.
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
    """A claim about a result, the tables it is judged by, and whether it reads the day files again."""

    name: str
    result: str
    claim: str
    tables: tuple[str, ...]
    reads_days: bool = False


class Verdict(NamedTuple):
    """`broken` counts the rows that contradict the claim. It is None when `reason` says why there is no verdict."""

    broken: int | None
    reason: str
    examples: list[str]
    basis: Basis | None


CHECKS = (
    Check("addresses_unique", "first_seen_wallets", "Every address has one row.", ("first_seen_wallets",)),
    Check(
        "first_seen_is_earliest",
        "first_seen_wallets",
        "first_seen is the wallet's earliest transaction in the covered day files, and no wallet is missing.",
        ("first_seen_wallets",),
        reads_days=True,
    ),
    Check(
        "new_wallets_add_up",
        "wallets_daily",
        "The sum of new_wallets is the number of wallets.",
        ("wallets_daily", "first_seen_wallets"),
    ),
    Check(
        "longer_spans_hold_more",
        "wallets_daily",
        "active_30d >= active_7d >= active_wallets, day by day.",
        ("wallets_daily",),
    ),
    Check(
        "daily_is_mature",
        "wallets_daily",
        "No 7-day or 30-day number where the days before are not covered.",
        ("wallets_daily",),
    ),
    Check(
        "retention_within_one",
        "wallet_retention",
        "Retention is never above 1, and never missing where the window is over.",
        ("wallet_retention", "wallet_retention_weekly"),
    ),
    Check(
        "cumulative_never_falls",
        "wallet_retention",
        "Cumulative retention never falls when the window grows.",
        ("wallet_retention",),
    ),
    Check(
        "retention_is_mature",
        "wallet_retention",
        "No retention is published before its window is over.",
        ("wallet_retention", "wallet_retention_weekly"),
    ),
    Check(
        "value_is_mature",
        "wallet_value",
        "No value is published before its window is over, and no payback of a small cohort.",
        ("wallet_value", "wallet_value_trailing", "wallet_value_breakeven", "wallet_windows"),
    ),
    Check(
        "weekly_value_adds_up",
        "wallet_value",
        "Each week's wallets and fees are the sums of its cohorts, and no week is published before its window is over.",
        ("wallet_value_weekly", "wallet_value"),
    ),
    Check("funnel_is_nested", "wallet_funnel", "Each stage of the funnel is within the last.", ("wallet_funnel",)),
    Check(
        "funnel_is_mature",
        "wallet_funnel",
        "The funnel counts only wallets whose first 30 days are over, over whole windows.",
        ("wallet_funnel",),
    ),
)
"""Every check, by result."""


def judge(store: MetricStore, check: Check) -> Verdict:
    """Count the counterexamples to a claim. Raises `StoreError` when a file cannot be read."""
    bases = [store.kept(table) for table in check.tables]
    basis = bases[0]
    if basis is None or any(other != basis for other in bases):
        return Verdict(None, f"{' and '.join(check.tables)} do not rest on the same days: materialize both", [], None)
    if check.reads_days and store.basis().fingerprint != basis.fingerprint:
        return Verdict(None, f"the closed days have changed since {check.result} was made: materialize it", [], basis)
    with store.session(basis) as connection:
        for table in check.tables:
            connection.execute(f"CREATE VIEW {table} AS FROM {parquet_rows(store.path(table))}")
        broken = connection.execute(metric_sql(f"checks/{check.name}"))
        names = [column[0] for column in broken.description or []]
        rows = broken.fetchall()
    return Verdict(len(rows), "", [_named(names, row) for row in rows[:_EXAMPLES]], basis)


def _named(names: Sequence[str], row: Sequence[object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))

"""The results of the wallet metrics: their tables, the steps that compute them, and the views and macros for all steps.

This module holds no formulas: they are in the folder `sql`. The module `store` writes the files and loads the tables.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.chains.datasets import DATASETS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.metrics.options import ACTIVE_TRANSACTIONS, FUNNEL_DAYS, OLD_DAYS, VALUE_USTX, Basis
from stx_pipelines.metrics.reuse import NOTHING, Reuse
from stx_pipelines.store.arrow import schema
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.statements import load_sql

if TYPE_CHECKING:
    import duckdb

RESULTS: dict[str, tuple[str, ...]] = {
    "first_seen_wallets": ("first_seen_wallets",),
    "wallets_daily": ("wallets_daily",),
    "network_daily": ("network_daily", "network_types"),
    "wallet_retention": (
        "wallet_retention",
        "wallet_retention_weekly",
        "wallet_retention_by_value",
        "wallet_retention_by_segment",
    ),
    "wallet_value": (
        "wallet_value",
        "wallet_value_weekly",
        "wallet_value_trailing",
        "wallet_value_breakeven",
        "wallet_windows",
        "wallet_window_summary",
        "wallet_fee_histogram",
    ),
    "wallet_funnel": ("wallet_funnel", "wallet_funnel_funded"),
    "contracts_daily": ("contracts_daily", "contracts_30d"),
    "transfers_daily": ("transfers_daily",),
}
"""The tables of each result. A result's first table has the result's name. Each table is one query in `sql`."""

_STEPS = {
    "first_seen_wallets": ("accounts", "wallets", "wallet_days"),
    "wallets_daily": ("accounts", "wallets", "wallet_days"),
    "network_daily": ("accounts", "wallets", "wallet_days", "network", "priced_fees"),
    "wallet_retention": (
        "accounts",
        "wallets",
        "wallet_days",
        "windows",
        "cohort_retention",
        "first_month",
        "known_balances",
        "segment_counts",
    ),
    "wallet_value": ("accounts", "wallets", "wallet_days", "windows", "trailing_windows"),
    "wallet_funnel": ("accounts", "wallets", "wallet_days", "first_month", "funnel_windows", "known_balances"),
    "contracts_daily": ("accounts", "wallets", "contract_days", "contract_window"),
    "transfers_daily": ("accounts", "wallets", "wallet_days", "transfer_days"),
}
"""The steps of each result, in the order they run. Each step is one statement in `sql/base`."""


def tables_of(results: Collection[str]) -> list[str]:
    """Return the names of these results' tables."""
    return [table for result in results for table in RESULTS[result]]


def steps_of(results: Collection[str]) -> list[str]:
    """Return the steps of these results in the order they run, each step once."""
    return list(dict.fromkeys(step for result in results for step in _STEPS[result]))


def metric_sql(name: str) -> str:
    """Read a statement from the folder `sql` of this package."""
    return load_sql(name, "stx_pipelines.metrics")


def define(
    connection: duckdb.DuckDBPyConnection,
    basis: Basis,
    paths: Sequence[Path],
    prices: Sequence[Path] = (),
    balances: Sequence[Path] = (),
    *,
    same_columns: bool = True,
    reuse: Reuse = NOTHING,
) -> None:
    """Create the tables, views and macros that all statements use.

    `paths` are the day files to read, `prices` day files of prices, and `balances` those of the closed days of
    `wallet_balances`. If not `same_columns`, some of `paths` lack columns of this version, which are NULL then.
    `reuse` says which days are known from earlier computations. The caller creates the views of what is known of them.
    """
    options, settled = basis.options, reuse.settled
    rows_from = reuse.rows_from(basis.coverage_start)
    if paths and same_columns:
        connection.execute(f"CREATE VIEW day_rows AS FROM {parquet_rows(*paths)}")
    elif paths:
        connection.register("no_rows", schema(DATASETS[TRANSACTIONS]).empty_table())
        rows = f"FROM {parquet_rows(*paths, same_columns=False)} UNION ALL BY NAME FROM no_rows"
        connection.execute(f"CREATE VIEW day_rows AS {rows}")
    else:
        connection.register("day_rows", schema(DATASETS[TRANSACTIONS]).empty_table())
    if balances:
        connection.execute(f"CREATE VIEW balance_rows AS FROM {parquet_rows(*balances)}")
    else:
        connection.register("balance_rows", schema(DATASETS[WALLET_BALANCES]).empty_table())
    connection.execute(
        metric_sql("base/scope"),
        {
            "coverage_start": basis.coverage_start,
            "coverage_end": basis.coverage_end,
            "uncensored_from": basis.uncensored_from,
            "cohorts_from": settled.before if settled else basis.coverage_start,
            "rows_from": rows_from,
            "settle_before": reuse.settles.before if reuse.settles else None,
            "sum_before": reuse.sums.before if reuse.sums else None,
            "horizon": options.horizon,
            "minimum_cohort": options.minimum_cohort,
            "target_cpa_ustx": options.target_cpa_ustx,
            "target_cpa_cents": options.target_cpa_cents,
            "excluded_types": sorted(options.excluded_types),
            "breakeven_days": options.breakeven_days,
            "funnel_days": FUNNEL_DAYS,
            "active_transactions": ACTIVE_TRANSACTIONS,
            "value_ustx": VALUE_USTX,
            "old_days": OLD_DAYS,
        },
    )
    longer_than, windows = zip(*options.bands, strict=True)
    connection.execute(metric_sql("base/bands"), {"longer_than": list(longer_than), "windows": list(windows)})
    connection.execute(metric_sql("base/trails"), {"trailing_windows": list(options.trailing_windows)})
    connection.execute(metric_sql("base/macros"))
    connection.execute(load_sql("shown"))
    days = {
        "rows_from": rows_from,
        "daily_from": settled.daily_from if settled else basis.coverage_start,
        "unsettled_from": settled.through if settled else basis.coverage_start,
        "coverage_start": basis.coverage_start,
        "coverage_end": basis.coverage_end,
    }
    for variable, day in days.items():
        connection.execute(f"SET VARIABLE {variable} = $day::DATE", {"day": day})
    connection.execute(metric_sql("base/views"))
    if prices:
        connection.execute(f"CREATE VIEW price_rows AS FROM {parquet_rows(*prices)}")
    else:
        connection.register("price_rows", schema(DATASETS[PRICES]).empty_table())
    connection.execute(metric_sql("base/prices"))

"""The assets of the wallet metrics. One step computes the selected metrics from the files of the closed days."""

import warnings
from collections.abc import Iterator

import dagster as dg

from stx_pipelines.defs.assets.tables import result_options
from stx_pipelines.defs.cleanup import mark_run
from stx_pipelines.defs.history_io import history_io
from stx_pipelines.defs.resources import Metrics
from stx_pipelines.metrics.computation import Refreshed
from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError

_IO = "metrics_io"

_COMMON = (
    "\n\nOnly the unbroken range of closed days that ends at the newest closed day counts. A number is null if its "
    "window is not over or not covered. The day of a transaction is the UTC date of its burn block. D0 is a wallet's "
    "first day, and k is the number of days since D0. docs/metrics.md has all definitions."
)

DEFINITIONS = {
    "first_seen_wallets": (
        "One row per wallet. `first_seen` is the wallet's earliest block time (UTC), `cohort_date` its first day D0. "
        "`first_tx_id`, `tx_count`, `active_days`, `last_date` and the fees include all transaction types. `is_new` "
        "is true if the account's first transaction (nonce 0, as sender or sponsor) is in the range, false if it is "
        "before, and null if nonces are not known. `is_left_censored` is true unless the wallet is known to be new; "
        "where nonces are not known, it is true if the wallet was first seen in the first 30 days of a range that "
        "does not start with the chain."
    ),
    "wallets_daily": (
        "One row per day d: `new_wallets` (wallets with D0 = d that are not known to be older), `active_wallets` "
        "(distinct senders on d), "
        "`active_7d` and `active_30d` (distinct senders in the 7 and 30 days that end with d), `rolling_mean_7d` and "
        "`rolling_mean_30d` (mean of `active_wallets` over the last 7 and 30 calendar days). `is_left_censored` is "
        "true on days whose new wallets may be older. `active_30d_younger`, `active_30d_older` and "
        "`active_30d_age_unknown` split `active_30d` by age: below 180 days since the first day, or more."
    ),
    "network_daily": (
        "One row per day, over all transaction types: the number of `transactions`, distinct `senders` and fees. "
        "`landed` is the number of canonical transactions of any status, `failed` the number of those that did not "
        "succeed, and `failed_share` is `failed` / `landed`. `fee_30d_ustx` is the sum of the fees of the 30 days that "
        "end with the day. The table `network_types` has one row per day and transaction type, without senders."
    ),
    "wallet_retention": (
        "One row per cohort (wallets with D0 = d), window H and definition: the number of wallets with a later "
        "transaction. `cumulative` requires one at 1 <= k <= H, `active_band` one at L < k <= H, where L is the next "
        "smaller window, and `survival` one at k >= H, up to the longest window. `wallet_retention_weekly` has the "
        "sums of these counts by week ending on Sunday. `wallet_retention_by_value` has them for value wallets (at "
        "least 1 STX of fees at 0 <= k < 30) and for the others. `wallet_retention_by_segment` has them for all, "
        "funded, value and other wallets whose balance is in `wallet_balances`."
    ),
    "wallet_value": (
        "One row per cohort and window w: the fees paid at 0 <= k < w, with the mean and the median per wallet, for "
        "all wallets and for survivors (wallets with a transaction at L < k <= w, where L is the next smaller "
        "window). `payback` is the mean fee divided by the target CPA, and null for cohorts that are too small. "
        "Further tables: `wallet_value_weekly` (sums by week ending on Sunday), `wallet_value_trailing` (wallets "
        "active in the last w days), `wallet_value_breakeven` (fees per wallet of the mature cohorts of the last 180 "
        "days), `wallet_windows` (one row per wallet and window), `wallet_window_summary` (one row per window: new and "
        "active wallets of the last days, retention and fees of the first days) and `wallet_fee_histogram` (the "
        "wallets by their fees in the first days). Amounts of money are exact. `..._usd` are US dollars, with the "
        "share of the fees that has a price (`priced_share`), if prices are on."
    ),
    "wallet_funnel": (
        "One row per window w. `cohort_size` is the number of wallets whose D0 is one of the last w days d with d + "
        "30 in the range. `active_30d` counts those with at least 3 transactions at 0 <= k < 30. "
        "`active_and_value_30d` counts the active ones with at least 1 STX of fees at 0 <= k < 30. The numbers are "
        "null unless all w days are covered and not left-censored. `wallet_funnel_funded` counts the wallets whose "
        "balance is in `wallet_balances`, those with at least 10 STX, and those of them that reached each stage."
    ),
    "contracts_daily": (
        "One row per day and called contract. `calls`, `wallets` (distinct senders) and fees are those of successful "
        "calls. `landed` is the number of canonical calls of any status, `failed` the number of those that did not "
        "succeed, and `failed_share` is `failed` / `landed`. Days that were stored before version 0.2.0 have no "
        "contracts: their calls are in one row whose `contract_id` is null. A second table, `contracts_30d`, has one "
        "row per contract for the last 30 covered days, in which a wallet counts once."
    ),
    "transfers_daily": (
        "One row per day: the number of successful transfers of STX, the sum of their amounts (exact, in microSTX and "
        "in STX), and the distinct `senders` and `recipients`. Amounts and recipients are null on days that were "
        "stored before version 0.2.0 and have transfers, because their files do not have them."
    ),
}
"""The description of each metric's asset, without the text that all of them share."""

_specs = [
    dg.AssetSpec(
        name,
        deps=["transactions"],
        group_name="wallets",
        kinds={"duckdb", "parquet"},
        skippable=True,
        description=DEFINITIONS[name] + _COMMON,
        **result_options(RESULTS[name]),
    ).with_io_manager_key(_IO)
    for name in RESULTS
]


def _compute(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the selected metrics in one step, so that the day files are read only once."""
    mark_run(context)
    chosen = [name for name in RESULTS if dg.AssetKey(name) in context.selected_asset_keys]
    try:
        metrics: Metrics = context.resources.metrics
        store = metrics.store()
        refreshed = store.refresh(chosen)
    except (SettingsError, StoreError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if refreshed.waiting_for:
        context.log.warning(
            f"the metrics' files are written, but their tables are not loaded yet, because {refreshed.waiting_for} "
            "has the database open"
        )
    for name in chosen:
        yield dg.MaterializeResult(asset_key=name, metadata=_describe(store, refreshed, name))


with warnings.catch_warnings():
    # This beta feature was tested with the pinned minor version of Dagster.
    warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*resource_defs.*")
    wallet_metrics = dg.multi_asset(
        specs=_specs,
        can_subset=True,
        name="wallet_metrics",
        required_resource_keys={"metrics"},
        resource_defs={_IO: history_io("metrics")},
    )(_compute)


def _describe(store: MetricStore, refreshed: Refreshed, name: str) -> dict[str, dg.MetadataValue]:
    basis = refreshed.basis
    return {
        "dagster/row_count": dg.MetadataValue.int(refreshed.rows[name]),
        **{f"rows_{table}": dg.MetadataValue.int(refreshed.rows[table]) for table in RESULTS[name][1:]},
        "coverage_start": dg.MetadataValue.text(str(basis.coverage_start)),
        "coverage_end": dg.MetadataValue.text(str(basis.coverage_end)),
        "covered_days": dg.MetadataValue.int(basis.days),
        "transactions": dg.MetadataValue.int(basis.transactions),
        "left_out": dg.MetadataValue.md(_left_out(basis)),
        "left_out_islands": dg.MetadataValue.int(basis.islands),
        "left_out_open_days": dg.MetadataValue.int(basis.open_days),
        "left_out_before_data_start": dg.MetadataValue.int(basis.before_start),
        "left_censored_before": dg.MetadataValue.text(str(basis.uncensored_from)),
        "excluded_types": dg.MetadataValue.text(", ".join(sorted(basis.options.excluded_types)) or "none"),
        "fingerprint": dg.MetadataValue.text(basis.fingerprint),
        "path": dg.MetadataValue.path(str(store.path(name))),
        "table": dg.MetadataValue.text(
            f"not loaded yet; waits for {refreshed.waiting_for}" if refreshed.waiting_for else "loaded"
        ),
        "seconds": dg.MetadataValue.float(round(refreshed.seconds, 2)),
    }


def _left_out(basis: Basis) -> str:
    if not basis.days:
        return f"no closed day yet ({basis.open_days} open days), so all tables are empty"
    return (
        f"{basis.islands} closed days before a missing day, {basis.open_days} open days, "
        f"{basis.before_start} closed days before the data start"
    )

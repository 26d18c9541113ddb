"""The wallet metrics: one step that computes any selection of them from the files of the closed days."""

from collections.abc import Iterator

import dagster as dg

from stx_pipelines.defs.assets.tables import result_options
from stx_pipelines.defs.resources import Metrics
from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore, Refreshed
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError

_COMMON = (
    "\n\nOnly closed days count: the unbroken range that ends at the newest closed day. A window that is not over, or "
    "not covered, is null. The day of a transaction is the UTC date of its burn block; D0 is a wallet's first day. "
    "All definitions: docs/metrics.md."
)

DEFINITIONS = {
    "first_seen_wallets": (
        "One row per wallet: `first_seen` is its earliest block time (UTC), `cohort_date` its first day D0; "
        "`first_tx_id` and `tx_count` are over all transaction types. `is_left_censored`: first seen within the first "
        "30 days of the coverage, so the wallet may be older; never when the coverage starts with the chain."
    ),
    "wallets_daily": (
        "Per day: `new_wallets` (D0 = d), `active_wallets` (distinct senders on d), `active_7d` and `active_30d` "
        "(distinct senders in the 7 and 30 days that end with d), `rolling_mean_7d` and `rolling_mean_30d` (mean of "
        "active_wallets over calendar days). Days whose new wallets may be older are marked `is_left_censored`."
    ),
    "network_daily": (
        "Per day, over all types: `transactions`, distinct `senders`, fees, and `failed` of all `landed` canonical "
        "transactions with their share. The table `network_types` has the same per transaction type."
    ),
    "wallet_retention": (
        "Per cohort (wallets with D0 = d) and window H: how many came back, k days after D0. `cumulative`: some "
        "1 <= k <= H. `active_band`: some L < k <= H, L the next smaller window. `survival`: some k >= H, observed "
        "up to the longest window. `wallet_retention_weekly` adds the counts up by week ending Sunday."
    ),
    "wallet_value": (
        "Per cohort and window w: fees of 0 <= k < w, mean and median per wallet, of all wallets and of survivors "
        "(active in the band L < k <= w); `payback` is the mean over the target, null for cohorts under the minimum. "
        "With `wallet_value_weekly` (the same by week ending Sunday), `wallet_value_trailing` (wallets active in the "
        "last w days), `wallet_value_breakeven` (fees over wallets of the mature cohorts of the last 180 days) and "
        "`wallet_windows` (per wallet). Money is exact."
    ),
    "wallet_funnel": (
        "Over wallets first seen in the last w days whose first 30 days are over: `cohort_size`, of them `active_30d` "
        "(at least 3 transactions with 0 <= k < 30), of those `active_and_value_30d` (and at least 1 STX of fees). "
        "Nested, so never above 100 %. Left-censored days are not counted."
    ),
}
"""The description of each asset, without the part that all share."""

_specs = [
    dg.AssetSpec(
        name,
        deps=["transactions"],
        group_name="wallets",
        kinds={"duckdb", "parquet"},
        skippable=True,
        description=DEFINITIONS[name] + _COMMON,
        **result_options(RESULTS[name]),
    )
    for name in RESULTS
]


@dg.multi_asset(specs=_specs, can_subset=True, name="wallet_metrics")
def wallet_metrics(context: dg.AssetExecutionContext, metrics: Metrics) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the selected metrics together, so that the day files are read once."""
    chosen = [name for name in RESULTS if dg.AssetKey(name) in context.selected_asset_keys]
    try:
        store = metrics.store()
        refreshed = store.refresh(chosen)
    except (SettingsError, StoreError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if refreshed.waiting_for:
        context.log.warning(
            f"the files are written; their tables are not loaded yet: {refreshed.waiting_for} holds the database"
        )
    for name in chosen:
        yield dg.MaterializeResult(asset_key=name, metadata=_describe(store, refreshed, name))


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
        "table": dg.MetadataValue.text(f"waits for {refreshed.waiting_for}" if refreshed.waiting_for else "loaded"),
        "seconds": dg.MetadataValue.float(round(refreshed.seconds, 2)),
    }


def _left_out(basis: Basis) -> str:
    if not basis.days:
        return f"no closed day yet ({basis.open_days} open days): all tables are empty"
    return (
        f"{basis.islands} closed days before a missing day, {basis.open_days} open days, "
        f"{basis.before_start} closed days before the data start"
    )

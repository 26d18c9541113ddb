"""What must be true of the tables, asked of the tables themselves. Unpartitioned: they look at everything."""

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.settings import load_settings
from stx_pipelines.store.inspect import count_repeated, rows_per_day

_PATIENCE = 60.0  # seconds; the next run may be loading a day right now


@dg.asset_check(asset=transactions, description="No tx_id stands in the table twice.")
def transactions_are_unique() -> dg.AssetCheckResult:
    """Whole days are replaced instead of rows kept unique by an index: this is the proof that it works."""
    repeated = count_repeated(open_landing(load_settings()).warehouse.path, wait=_PATIENCE)
    return dg.AssetCheckResult(passed=repeated == 0, metadata={"repeated_transactions": repeated})


def _certified(asset: dg.AssetsDefinition, dataset: str) -> dg.AssetChecksDefinition:
    """The table against the day files' certificates, day by day.

    A day that has landed anew and is not loaded yet still shows its rows of before: it waits, and is not judged.
    """

    @dg.asset_check(
        asset=asset,
        name=f"{dataset}_are_certified",
        description="Every loaded day has as many rows as its certificate publishes.",
    )
    def check() -> dg.AssetCheckResult:
        landing = open_landing(load_settings(), dataset)
        loaded = landing.warehouse.published(dataset).loaded
        rows = rows_per_day(landing.warehouse.path, dataset, wait=_PATIENCE)
        landed = landing.files.certificates()
        certified = {day: certificate for day, certificate in landed.items() if certificate.id == loaded.get(day)}
        wrong = sorted(day for day, certificate in certified.items() if rows.get(day, 0) != certificate.published)
        strangers = sorted(rows.keys() - landed.keys())
        waiting = sorted(landed.keys() - certified.keys())
        return dg.AssetCheckResult(
            passed=not wrong and not strangers,
            metadata={
                "days": len(certified),
                "wrong_days": ", ".join(map(str, wrong)) or "none",
                "days_waiting_to_load": ", ".join(map(str, waiting)) or "none",
                "days_without_certificate": ", ".join(map(str, strangers)) or "none",
            },
        )

    return check


transactions_are_certified = _certified(transactions, TRANSACTIONS)
stacks_checks = [transactions_are_unique, transactions_are_certified]
certified_ethereum = [_certified(blocks, BLOCKS), _certified(miners_balance, BALANCES)]

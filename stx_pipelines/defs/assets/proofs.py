"""The check `days_are_proved` of each daily asset. Every run of the asset reports it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime

import dagster as dg

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.coverage.chains import CHAINS
from stx_pipelines.coverage.current import dataset_coverage
from stx_pipelines.coverage.text import count_days, some_days
from stx_pipelines.defs.assets.coverage import named, observe
from stx_pipelines.project import Project

NAME = "days_are_proved"


def proof_check(dataset: str) -> dg.AssetCheckSpec:
    """Return the check of a daily asset that its own runs report."""
    return dg.AssetCheckSpec(
        NAME,
        asset=dataset,
        description="Every stored day was proved before it was stored. No wanted day fails its proof or is set aside.",
    )


def proof_key(dataset: str) -> dg.AssetCheckKey:
    """Return the key of the check of a daily asset."""
    return dg.AssetCheckKey(dg.AssetKey(dataset), NAME)


def judge_proofs(project: Project, dataset: str, failed: Collection[date], now: datetime) -> dg.AssetCheckResult:
    """Return whether no wanted day fails its proof or is set aside. `failed` are days that failed in this run."""
    coverage = dataset_coverage(project, DATASETS[dataset], now)
    set_aside = [day.day for day in coverage.set_aside]
    failing = sorted({*failed, *(day for day, _ in coverage.failing)} - {*set_aside}, reverse=True)
    stored = sum(day.stored for day in coverage.days)
    wrong = [
        *([f"failing: {some_days(failing)}"] if failing else []),
        *([f"set aside: {some_days(set_aside)}"] if set_aside else []),
    ]
    proved = f"proved and stored: {stored} of {count_days(len(coverage.days))}"
    return dg.AssetCheckResult(
        check_name=NAME,
        asset_key=dataset,
        passed=not wrong,
        description="; ".join([*wrong, proved]),
        metadata={
            "days_proved": stored,
            "days_wanted": len(coverage.days),
            "failing": named(failing),
            "set_aside": named(set_aside),
        },
    )


def report_proofs(context: dg.AssetExecutionContext, project: Project, failed: Collection[date]) -> dg.AssetCheckResult:
    """Observe the coverage of the asset's chain, and return the result of the asset's check."""
    dataset, now = context.asset_key.to_user_string(), datetime.now(UTC)
    if observed := observe(context.instance, project, CHAINS[DATASETS[dataset].chain], now):
        context.log_event(observed)
    return judge_proofs(project, dataset, failed, now)


def log_proofs(context: dg.AssetExecutionContext, project: Project, failed: Collection[date]) -> None:
    """Report as `report_proofs` does, for a run that fails and has no result."""
    result = report_proofs(context, project, failed)
    assert isinstance(result.asset_key, dg.AssetKey)
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=NAME,
            passed=result.passed,
            metadata=result.metadata,
            description=result.description,
        )
    )

"""What must be true of the wallet metrics, as asset checks. The claims themselves are in `store.metric_checks`."""

import dagster as dg

from stx_pipelines.defs.assets.markdown import code
from stx_pipelines.defs.metrics_resource import Metrics
from stx_pipelines.metrics.checks import CHECKS, Check, Verdict, judge
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError


def _asset_check(check: Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(name=check.name, asset=check.result, description=check.claim)
    def look(metrics: Metrics) -> dg.AssetCheckResult:
        try:
            return _result(judge(metrics.store(), check), check)
        except (SettingsError, StoreError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None

    return look


def _result(verdict: Verdict, check: Check) -> dg.AssetCheckResult:
    if verdict.broken is None:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=verdict.reason)
    counted = f"{verdict.broken} rows contradict: {'; '.join(map(code, verdict.examples))}"  # shown as Markdown
    return dg.AssetCheckResult(
        passed=verdict.broken == 0,
        description=counted if verdict.broken else check.claim,
        metadata={"broken": verdict.broken, "coverage": _coverage(verdict)},
    )


def _coverage(verdict: Verdict) -> str:
    basis = verdict.basis
    return f"{basis.coverage_start} to {basis.coverage_end}" if basis and basis.days else "no closed day yet"


wallet_checks = [_asset_check(check) for check in CHECKS]
"""Every check of the wallet metrics."""

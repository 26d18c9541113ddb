"""The asset checks. Each checks the whole table, not a partition.

A check uses the same resource as its asset, so it reads the data folder that the asset writes. The checks of the wallet
metrics are defined in `metrics.checks`. docs/ethereum.md explains the increase of a balance.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, PARTS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.defs.assets.markdown import code
from stx_pipelines.defs.resources import EthereumNode, Metrics, PriceSource, StacksApi
from stx_pipelines.metrics.checks import CHECKS, Check, Verdict, judge
from stx_pipelines.metrics.nonces import NAME, nonce_gaps
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.ethereum_checks import (
    BEFORE_MERGE,
    SINCE_MERGE,
    EthereumTables,
    ethereum_tables,
    increase_shares,
    is_odd,
    unlinked_blocks,
    wrong_balances,
)
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.inspect import count_repeated, rows_per_day

_PATIENCE = 60.0  # seconds to wait for the database, because a run may be loading a day
_NAMED = 10  # the most blocks or days that a sentence names

Look = Callable[..., dg.AssetCheckResult]


def _check(asset: str, name: str, description: str) -> Callable[[Look], dg.AssetChecksDefinition]:
    """Return a decorator that makes an asset check. A `SettingsError` or `StoreError` becomes a `dg.Failure`."""

    def make(look: Look) -> dg.AssetChecksDefinition:
        @wraps(look)
        def framed(**resources: Any) -> dg.AssetCheckResult:
            try:
                return look(**resources)
            except (SettingsError, StoreError) as error:
                raise dg.Failure(str(error), allow_retries=False) from None

        return dg.asset_check(asset=dg.AssetKey(asset), name=name, description=description)(framed)

    return make


@_check(TRANSACTIONS, "transactions_are_unique", "Every tx_id is in the table exactly once.")
def transactions_are_unique(stacks_api: StacksApi) -> dg.AssetCheckResult:
    """Check that no transaction is repeated. The table has no unique index, because whole days are replaced."""
    repeated = count_repeated(stacks_api.project().folder.database, wait=_PATIENCE)
    return dg.AssetCheckResult(passed=repeated == 0, metadata={"repeated_transactions": repeated})


@_check(
    TRANSACTIONS,
    NAME,
    "Every account numbers its transactions 0, 1, 2, ... as sender and sponsor, in the unbroken range of closed days.",
)
def nonces_have_no_gap(stacks_api: StacksApi) -> dg.AssetCheckResult:
    """Check the nonces in the day files, which have transactions of every status."""
    found = nonce_gaps(open_metrics(stacks_api.project()))
    return dg.AssetCheckResult(
        passed=not found.gaps,
        description="; ".join([found.sentence, *(code(str(gap)) for gap in found.gaps[:_NAMED])]),
        metadata={"gaps": len(found.gaps), "accounts": found.accounts, "accounts_left_out": found.left_out},
    )


def _of_dataset(
    dataset: str, name: str, description: str, look: Callable[[Project, str], dg.AssetCheckResult]
) -> dg.AssetChecksDefinition:
    """Make a check of a dataset that calls `look` with the project of the resource of its asset."""
    check = _check(dataset, name, description)
    if dataset in (TRANSACTIONS, WALLET_BALANCES):

        @check
        def of_stacks(stacks_api: StacksApi) -> dg.AssetCheckResult:
            return look(stacks_api.project(), dataset)

        return of_stacks

    if dataset == PRICES:

        @check
        def of_prices(price_source: PriceSource) -> dg.AssetCheckResult:
            return look(price_source.project(), dataset)

        return of_prices

    @check
    def of_ethereum(ethereum_node: EthereumNode) -> dg.AssetCheckResult:
        return look(ethereum_node.project(), dataset)

    return of_ethereum


def _certified(project: Project, dataset: str) -> dg.AssetCheckResult:
    """Check that each day in the table has a certificate and as many rows as the certificate says.

    A day that was stored again and is not loaded yet still has its old rows in the table. The result lists such days
    but does not check them.
    """
    store = project.store(dataset)
    loaded = store.warehouse.published(dataset).loaded
    rows = rows_per_day(store.warehouse.path, dataset, wait=_PATIENCE)
    stored = store.files.certificates()
    certified = {day: certificate for day, certificate in stored.items() if certificate.id == loaded.get(day)}
    wrong = sorted(day for day, certificate in certified.items() if rows.get(day, 0) != certificate.published)
    strangers = sorted(rows.keys() - stored.keys())
    return dg.AssetCheckResult(
        passed=not wrong and not strangers,
        metadata={
            "days": len(certified),
            "wrong_days": _listed(wrong),
            "days_waiting_to_load": _listed(sorted(stored.keys() - certified.keys())),
            "days_without_certificate": _listed(strangers),
        },
    )


def _sound(project: Project, dataset: str) -> dg.AssetCheckResult:
    """Read the pages of every day file, because other checks read only the table."""
    damaged = project.store(dataset).files.damaged(thoroughly=True)
    return dg.AssetCheckResult(
        passed=not damaged,
        description="; ".join(list(damaged.values())[:_NAMED]),
        metadata={"damaged_days": _listed(sorted(damaged))},
    )


def _are_certified(dataset: str) -> dg.AssetChecksDefinition:
    description = "Every day in the table has as many rows as its certificate says."
    return _of_dataset(dataset, f"{dataset}_are_certified", description, _certified)


def _files_are_sound(dataset: str) -> dg.AssetChecksDefinition:
    description = "The rows of every day file are those that were written."
    return _of_dataset(dataset, f"{dataset}_files_are_sound", description, _sound)


transactions_are_certified = _are_certified(TRANSACTIONS)


@_check(BLOCKS, "blocks_are_linked", "Every block contains the hash of the block before it, and no block is missing.")
def blocks_are_linked(ethereum_node: EthereumNode) -> dg.AssetCheckResult:
    """Check that each block in the table follows from the block before it, also at the start of a day."""
    tables = _tables(ethereum_node.project())
    wrong = unlinked_blocks(tables.database, unfinished=tables.unfinished(), wait=_PATIENCE)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=_sentence(wrong, "do not follow from the block before them in the table"),
        metadata={"unlinked_blocks": len(wrong), "days": len(tables.blocks.loaded)},
    )


@_check(
    BALANCES,
    "balances_add_up",
    "Every block has one row with the block's hash. The increase is the balance after the block minus the balance "
    "before it. The balances of consecutive blocks agree.",
)
def balances_add_up(ethereum_node: EthereumNode) -> dg.AssetCheckResult:
    """Check every row of balances. On days whose blocks are newer than their balances, check only the arithmetic."""
    tables = _tables(ethereum_node.project())
    waiting = tables.waiting()
    wrong = wrong_balances(tables.database, waiting=waiting, wait=_PATIENCE)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=_sentence(wrong, "have a wrong row or no row in miners_balance"),
        metadata={
            "wrong_balances": len(wrong),
            "days": len(tables.balances.loaded),
            "days_waiting_for_balances": _listed(waiting),
        },
    )


@_check(
    BALANCES,
    "increases_are_plausible",
    f"On each day, at most {SINCE_MERGE.negative:.0%} of the increases are negative and at most {SINCE_MERGE.zero:.0%} "
    f"are zero (before the merge, {BEFORE_MERGE.negative:.0%} and {BEFORE_MERGE.zero:.0%}). Warning only: "
    "inspect the listed days.",
)
def increases_are_plausible(ethereum_node: EthereumNode) -> dg.AssetCheckResult:
    """Warn about days with unusually many zero or negative increases. Wrong responses of a node could cause these."""
    days = increase_shares(ethereum_node.project().folder.database, wait=_PATIENCE)
    odd = [each.day for each in days if is_odd(each)]
    blocks = sum(each.blocks for each in days)
    shares = {
        "positive_share": sum(each.positive for each in days),
        "zero_share": sum(each.zero for each in days),
        "negative_share": sum(each.negative for each in days),
    }
    return dg.AssetCheckResult(
        passed=not odd,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "blocks": blocks,
            "odd_days": _listed(odd),
            **{name: round(count / (blocks or 1), 4) for name, count in shares.items()},
        },
    )


def _tables(project: Project) -> EthereumTables:
    return ethereum_tables(project.store(BLOCKS), project.store(BALANCES))


def _sentence(wrong: Sequence[int], what: str) -> str:
    if not wrong:
        return "no block is wrong"
    return f"these blocks {what}: {_listed(wrong)}; `stx-pipelines rebuild` loads the stored days again"


def _listed(found: Sequence[object]) -> str:
    named = ", ".join(map(str, found[:_NAMED])) or "none"
    return f"{named} and {len(found) - _NAMED:,} more" if len(found) > _NAMED else named


def _of_metrics(check: Check) -> dg.AssetChecksDefinition:
    @_check(check.result, check.name, check.claim)
    def look(metrics: Metrics) -> dg.AssetCheckResult:
        return metric_result(judge(metrics.store(), check), check)

    return look


def metric_result(verdict: Verdict, check: Check) -> dg.AssetCheckResult:
    """Return the result that the UI shows for a verdict on the metrics."""
    if verdict.broken is None:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=verdict.reason)
    # The UI shows descriptions as Markdown.
    counted = f"{verdict.broken} rows contradict this check: {'; '.join(map(code, verdict.examples))}"
    return dg.AssetCheckResult(
        passed=verdict.broken == 0,
        description=counted if verdict.broken else check.claim,
        metadata={"broken": verdict.broken, "coverage": _coverage(verdict)},
    )


def _coverage(verdict: Verdict) -> str:
    basis = verdict.basis
    return f"{basis.coverage_start} to {basis.coverage_end}" if basis and basis.days else "no closed day yet"


stacks_checks = [
    transactions_are_unique,
    transactions_are_certified,
    nonces_have_no_gap,
    _files_are_sound(TRANSACTIONS),
]
new_wallet_checks = [_are_certified(WALLET_BALANCES), _files_are_sound(WALLET_BALANCES)]
prices_checks = [_are_certified(PRICES), _files_are_sound(PRICES)]
certified_ethereum = [
    check(dataset) for dataset in (BLOCKS, BALANCES, PARTS) for check in (_are_certified, _files_are_sound)
]
ethereum_checks = [blocks_are_linked, balances_add_up, increases_are_plausible]
wallet_checks = [_of_metrics(check) for check in CHECKS]
ALL_CHECKS = [*stacks_checks, *new_wallet_checks, *wallet_checks, *certified_ethereum, *ethereum_checks, *prices_checks]
"""All checks of all assets."""

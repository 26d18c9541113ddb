"""Functions that all daily assets share.

They declare an asset, report an event for each stored day, and describe a failure in one sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.clients.errors import ApiError, Behind, Interrupted, RateLimited, Unreachable
from stx_pipelines.coverage.text import count_days, some_days
from stx_pipelines.defs.assets.proofs import log_proofs, proof_check, report_proofs
from stx_pipelines.defs.assets.tables import dataset_options
from stx_pipelines.defs.cleanup import mark_run
from stx_pipelines.defs.history_io import history_io
from stx_pipelines.defs.partitions import MACHINE_TAG
from stx_pipelines.defs.resources import OfProject
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy, this_machine
from stx_pipelines.store.shared import SharedError
from stx_pipelines.sync.outcome import FailedDay, Outcome, StoredDay

_NAMED = 10  # the most days that the sentence of a failure names; the log names all of them

_RESOURCES = {
    "stacks": "stacks_api",
    "stacks_balances": "stacks_api",
    "ethereum": "ethereum_node",
    "prices": "price_source",
}  # whose project has the data folder

PASSING = "passing"
"""Metadata key of a failure. Its value is true if a later retry may succeed without any change."""

BEHIND = "behind"
"""Metadata key of a failure. Its value is true if the days failed only because the server's newest block is old."""

RETRY_AT = "retry_at"
"""Metadata key of a failure. Its value is the time from which the API accepts requests again."""

if TYPE_CHECKING:
    Stored = dg.MaterializeResult[None]
else:
    Stored = dg.MaterializeResult
    """The result of a daily asset. Dagster accepts no type argument in the annotation of an asset with checks."""

Metadata = Mapping[str, dg.MetadataValue]
Describe = Callable[[Certificate], Metadata]


class SyncConfig(dg.Config):
    """Run config of a daily asset. `force_refresh` fetches the selected days again, even if they are closed."""

    force_refresh: bool = False


def daily_asset(dataset: str, **options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return a decorator that declares the asset of a dataset. Each partition is a day, and a run may have many days.

    The owner, tags, group, table and columns are those of the dataset. `options` are further options of `dg.asset`.
    """
    options = {
        **dataset_options(dataset),
        "name": dataset,
        "group_name": DATASETS[dataset].chain,
        "check_specs": [proof_check(dataset)],
        "io_manager_def": history_io(_RESOURCES[DATASETS[dataset].chain]),
        **options,
    }

    def declare(compute: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # These beta features were tested with the pinned minor version of Dagster.
            warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*(backfill_policy|io_manager_def).*")
            declared: dg.AssetsDefinition = dg.asset(backfill_policy=dg.BackfillPolicy.single_run(), **options)(compute)
        return declared

    return declare


def materialize(
    context: dg.AssetExecutionContext,
    outcomes: Iterator[Outcome],
    describe: Describe,
    source: OfProject | None = None,
) -> Stored:
    """Report each day to Dagster as soon as it is stored, with the metadata that `describe` gives.

    `source` is the resource whose project is synced. With it, report the check `days_are_proved` at the end, and the
    chain's coverage if it changed. If days failed, raise `dg.Failure` after the last outcome. The failure names them.
    The other days are stored.
    """
    context.instance.add_run_tags(context.run.run_id, {MACHINE_TAG: this_machine()})
    mark_run(context)
    failed: list[FailedDay] = []
    with _Events(context, describe) as events:
        try:
            for result in outcomes:
                if isinstance(result, FailedDay):
                    failed.append(result)
                    context.log.error(f"{result.day}: {result.error}")
                else:
                    events.add(result)
        except SettingsError as error:  # without settings there is no coverage to report
            raise _ended_by(error, events.count) from None
        except (ApiError, StoreError) as error:
            failure: dg.Failure | None = _ended_by(error, events.count)
        else:
            failure = _failure_of(failed, events.count) if failed else None
        if failure and source:
            log_proofs(context, source.project(), [each.day for each in failed])
        if failure:
            raise failure
    return dg.MaterializeResult(check_results=[report_proofs(context, source.project(), ())] if source else None)


class _Events:
    """The Dagster events of the days that a run stored.

    Dagster makes an event for each partition at the end of a successful run. In a run of several days, this class also
    makes an event as soon as a day is stored, so that the event exists even if the run crashes. In a run of one day, it
    makes the event only if the run fails. If the process is killed before that, the day file exists without an event,
    and the next run of the day makes the event.
    """

    def __init__(self, context: dg.AssetExecutionContext, describe: Describe) -> None:
        self._context = context
        self._describe = describe
        self._noun = DATASETS[context.asset_key.to_user_string()].noun
        self._held: tuple[StoredDay, Metadata] | None = None
        self._stored: set[str] = set()

    @cached_property
    def _partitions(self) -> set[str]:
        return set(self._context.partition_keys)

    @property
    def count(self) -> int:
        """The number of days that the run stored."""
        return len(self._stored)

    def __enter__(self) -> _Events:
        return self

    def add(self, stored: StoredDay) -> None:
        """Report a stored day to Dagster, either at once or at the end of the run.

        A day is reported again if a reorg during the run changed it.
        """
        day, metadata = stored.certificate.day.isoformat(), self._describe(stored.certificate)
        self._stored.add(day)
        if day in self._partitions:
            self._context.add_asset_metadata(metadata, partition_key=day)  # for the event at the end
        if self._partitions == {day}:
            self._held = stored, metadata
            self._context.log.info(self._sentence(stored))
        else:
            self._log(stored, metadata)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and self._held:
            self._log(*self._held)

    def _log(self, stored: StoredDay, metadata: Metadata) -> None:
        """Make the event of a day. Its description replaces a log line, because each entry costs a transaction."""
        event = dg.AssetMaterialization(
            asset_key=self._context.asset_key,
            partition=stored.certificate.day.isoformat(),
            description=self._sentence(stored),
            metadata=metadata,
        )
        self._context.log_event(event)

    def _sentence(self, stored: StoredDay) -> str:
        certificate = stored.certificate
        counts = f"{certificate.seen:,} of {certificate.expected:,} {self._noun}"
        return f"{certificate.day} {certificate.state}: {counts}{'' if stored.fetched else ', already stored'}"


def _ended_by(error: Exception, count: int) -> dg.Failure:
    """Return the failure of a run that an error ended after it stored this number of days."""
    stored = f"{count_days(count)} of this run {'is' if count == 1 else 'are'} stored"
    return dg.Failure(f"{error} ({stored})", metadata=_prospects(error), allow_retries=False)


def _failure_of(failed: Sequence[FailedDay], stored: int) -> dg.Failure:
    return dg.Failure(
        f"{len(failed)} of {len(failed) + stored} days failed and were not published; the other days are stored; "
        f"failed: {_named(failed)}",
        metadata={PASSING: True, BEHIND: all(isinstance(each.error, Behind) for each in failed)},
        allow_retries=False,
    )


def _named(failed: Sequence[FailedDay]) -> str:
    """Return the failed days with their errors. Days that the server does not have yet are listed with one error."""
    late = [each for each in failed if isinstance(each.error, Behind)]
    sentences = [f"{each.day}: {each.error}" for each in failed if each not in late]
    of_late = [f"{some_days([each.day for each in late])}: {late[0].error}"] if late else []
    return "; ".join([*sentences[:_NAMED], *of_late])


def _prospects(error: Exception) -> dict[str, bool | dg.TimestampMetadataValue]:
    """Return the metadata that says whether a later retry may succeed, and when the API accepts requests again."""
    if isinstance(error, RateLimited):
        return {PASSING: True, RETRY_AT: dg.MetadataValue.timestamp(error.until)}
    return {PASSING: isinstance(error, Unreachable | Interrupted | Busy | SharedError)}

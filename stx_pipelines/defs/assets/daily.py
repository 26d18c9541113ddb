"""What the assets of days share: how they are declared, an event per stored day, and one sentence for a failure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.clients.errors import ApiError, Behind, Interrupted, RateLimited, Unreachable
from stx_pipelines.coverage.text import some_days
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy
from stx_pipelines.sync.outcome import FailedDay, Outcome, StoredDay

_NAMED = 10  # days in the sentence of a failure; the log names all

PASSING = "passing"
"""Metadata of a failure: whether trying again later may help without anybody changing anything."""

BEHIND = "behind"
"""Metadata of a failure: whether the days failed only because the server's newest block is old."""

RETRY_AT = "retry_at"
"""Metadata of a failure: until when the API wants to be left alone."""

Metadata = Mapping[str, dg.MetadataValue]
Describe = Callable[[Certificate], Metadata]


class SyncConfig(dg.Config):
    """`force_refresh` reads the chosen days again from the network, even where they are closed."""

    force_refresh: bool = False


def daily_asset(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset whose partitions are days, many of which share one run; `options` are those of `dg.asset`."""

    def declare(compute: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Dagster is pinned to the minor version in which this preview was tried.
            warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
            declared: dg.AssetsDefinition = dg.asset(backfill_policy=dg.BackfillPolicy.single_run(), **options)(compute)
        return declared

    return declare


def materialize(
    context: dg.AssetExecutionContext, outcomes: Iterator[Outcome], describe: Describe, noun: str
) -> dg.MaterializeResult[None]:
    """Report each day to Dagster when it is stored; `noun` is what its rows are called.

    Raises `dg.Failure` at the end, naming the days that failed; the others are kept.
    """
    failed: list[FailedDay] = []
    with _Events(context, describe, noun) as events:
        try:
            for result in outcomes:
                if isinstance(result, FailedDay):
                    failed.append(result)
                    context.log.error(f"{result.day}: {result.error}")
                else:
                    events.add(result)
        except (SettingsError, ApiError, StoreError) as error:
            raise dg.Failure(
                f"{error} ({events.count} days of this run are kept)", metadata=_prospects(error), allow_retries=False
            ) from None
        if failed:
            raise _failure_of(failed, events.count)
    return dg.MaterializeResult()


class _Events:
    """The events of the days that a run stored.

    The end of a successful run makes an event for each partition of the run. In a run of many days each day gets an
    event of its own at once, so that a crash keeps those before it. In a run of one partition the event at the end is
    the only one, and where the run fails it is made here. A process killed between loses it until the day is asked
    for again: the day file is the record.
    """

    def __init__(self, context: dg.AssetExecutionContext, describe: Describe, noun: str) -> None:
        self._context = context
        self._describe = describe
        self._noun = noun
        self._held: tuple[str, Metadata] | None = None
        self.count = 0

    @cached_property
    def _partitions(self) -> set[str]:
        return set(self._context.partition_keys)

    def __enter__(self) -> _Events:
        return self

    def add(self, stored: StoredDay) -> None:
        """Report a stored day."""
        self.count += 1
        certificate = stored.certificate
        day, metadata = certificate.day.isoformat(), self._describe(certificate)
        self._context.log.info(
            f"{day} {certificate.state}: {certificate.seen:,} of {certificate.expected:,} {self._noun}"
            + ("" if stored.fetched else ", already here")
        )
        if day in self._partitions:
            self._context.add_asset_metadata(metadata, partition_key=day)  # for the event at the end
        if self._partitions == {day}:
            self._held = day, metadata
        else:
            self._log(day, metadata)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and self._held:
            self._log(*self._held)

    def _log(self, day: str, metadata: Metadata) -> None:
        event = dg.AssetMaterialization(asset_key=self._context.asset_key, partition=day, metadata=metadata)
        self._context.log_event(event)


def _failure_of(failed: Sequence[FailedDay], stored: int) -> dg.Failure:
    return dg.Failure(
        f"{len(failed)} of {len(failed) + stored} days failed, nothing of them was published; the others are kept: "
        f"{_named(failed)}",
        metadata={PASSING: True, BEHIND: all(isinstance(each.error, Behind) for each in failed)},
        allow_retries=False,
    )


def _named(failed: Sequence[FailedDay]) -> str:
    """List each day with its sentence; days that the server does not have yet share one."""
    late = [each for each in failed if isinstance(each.error, Behind)]
    sentences = [f"{each.day}: {each.error}" for each in failed if each not in late]
    of_late = [f"{some_days([each.day for each in late])}: {late[0].error}"] if late else []
    return "; ".join([*sentences[:_NAMED], *of_late])


def _prospects(error: Exception) -> dict[str, bool | dg.TimestampMetadataValue]:
    """Say whether trying again later may help, and when the API allows it."""
    if isinstance(error, RateLimited):
        return {PASSING: True, RETRY_AT: dg.MetadataValue.timestamp(error.until)}
    return {PASSING: isinstance(error, Unreachable | Interrupted | Busy)}

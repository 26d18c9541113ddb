"""What the assets of landed days share: days become materializations the moment they land, failures one sentence."""

from collections.abc import Callable, Iterator, Mapping, Sequence

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

Describe = Callable[[Certificate], Mapping[str, dg.MetadataValue]]


class SyncConfig(dg.Config):
    """`force_refresh` reads the chosen days again from the network, even where they are closed."""

    force_refresh: bool = False


def materialize(
    context: dg.AssetExecutionContext, outcomes: Iterator[Outcome], describe: Describe, noun: str
) -> dg.MaterializeResult[None]:
    """Log each day as materialized when it lands; `noun` is what its rows are called.

    Raises `dg.Failure` at the end, naming the days that failed; the others are kept.
    """
    landed = 0
    failed: list[FailedDay] = []
    try:
        for result in outcomes:
            if isinstance(result, FailedDay):
                failed.append(result)
                context.log.error(f"{result.day}: {result.error}")
                continue
            landed += 1
            _log_day(context, result, describe(result.certificate), noun)
    except (SettingsError, ApiError, StoreError) as error:
        raise dg.Failure(
            f"{error} ({landed} days of this run are kept)", metadata=_prospects(error), allow_retries=False
        ) from None
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {len(failed) + landed} days failed, nothing of them was published; the others are kept: "
            f"{_named(failed)}",
            metadata={PASSING: True, BEHIND: all(isinstance(each.error, Behind) for each in failed)},
            allow_retries=False,
        )
    return dg.MaterializeResult()


def _named(failed: Sequence[FailedDay]) -> str:
    """Each day with its sentence; days that the server does not have yet share one."""
    late = [each for each in failed if isinstance(each.error, Behind)]
    sentences = [f"{each.day}: {each.error}" for each in failed if each not in late]
    of_late = [f"{some_days([each.day for each in late])}: {late[0].error}"] if late else []
    return "; ".join([*sentences[:_NAMED], *of_late])


def _prospects(error: Exception) -> dict[str, bool | dg.TimestampMetadataValue]:
    if isinstance(error, RateLimited):
        return {PASSING: True, RETRY_AT: dg.MetadataValue.timestamp(error.until)}
    return {PASSING: isinstance(error, Unreachable | Interrupted | Busy)}


def _log_day(
    context: dg.AssetExecutionContext, landed: StoredDay, metadata: Mapping[str, dg.MetadataValue], noun: str
) -> None:
    certificate = landed.certificate
    day = certificate.day.isoformat()
    context.log.info(
        f"{day} {certificate.state}: {certificate.seen:,} of {certificate.expected:,} {noun}"
        + ("" if landed.fetched else ", already here")
    )
    context.log_event(dg.AssetMaterialization(asset_key=context.asset_key, partition=day, metadata=metadata))
    if day in context.partition_keys:
        # The end of a successful run repeats the event for each of its partitions: let it say the same.
        context.add_asset_metadata(metadata, partition_key=day)

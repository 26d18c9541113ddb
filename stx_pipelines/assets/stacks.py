"""The asset `transactions`: a day of Stacks transactions per partition, proved complete."""

from datetime import date

import dagster as dg

from stx_pipelines.assets.report import describe_day
from stx_pipelines.partitions import stacks_days
from stx_pipelines.resources import StacksApi
from stx_pipelines.settings import SettingsError
from stx_pipelines.sources.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.store.day_summary import DaySummary
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy
from stx_pipelines.sync.outcome import FailedDay, Landed

_NAMED = 10  # days in the sentence of a failure; the log names all

PASSING = "passing"
"""Metadata of a failure: whether trying again later may help without anybody changing anything."""

RETRY_AT = "retry_at"
"""Metadata of a failure: until when the API wants to be left alone."""


class SyncConfig(dg.Config):
    """`force_refresh` reads the chosen days again from the API, even where they are closed."""

    force_refresh: bool = False


@dg.asset(
    partitions_def=stacks_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="stacks",
    kinds={"duckdb", "parquet"},
    description=(
        "Canonical, successful Stacks transactions, one UTC day (of the burn block) per partition, in the DuckDB "
        "table `transactions`. A day is published only when its rows equal the API's own count for every burn block."
    ),
)
def transactions(
    context: dg.AssetExecutionContext, config: SyncConfig, stacks_api: StacksApi
) -> dg.MaterializeResult[None]:
    """Bring the partitions' days home; each is committed and logged as materialized the moment it is proved.

    Raises `dg.Failure` at the end, naming the days that failed; the others are kept.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    landed = failed = 0
    sentences: list[str] = []
    try:
        for result in stacks_api.bring_home(days, force=config.force_refresh):
            if isinstance(result, FailedDay):
                failed += 1
                sentences.append(f"{result.day}: {result.error}")
                context.log.error(sentences[-1])
                continue
            landed += 1
            _log_day(context, result, stacks_api.summary(result.certificate.day))
    except (SettingsError, ApiError, StoreError) as error:
        raise dg.Failure(
            f"{error} ({landed} days of this run are kept)", metadata=_prospects(error), allow_retries=False
        ) from None
    if failed:
        named = "; ".join(sentences[:_NAMED])
        raise dg.Failure(
            f"{failed} of {failed + landed} days failed, nothing of them was published; the others are kept: {named}",
            metadata={PASSING: True},
            allow_retries=False,
        )
    return dg.MaterializeResult()


def _prospects(error: Exception) -> dict[str, bool | dg.TimestampMetadataValue]:
    if isinstance(error, RateLimited):
        return {PASSING: True, RETRY_AT: dg.MetadataValue.timestamp(error.until)}
    return {PASSING: isinstance(error, Unreachable | Interrupted | Busy)}


def _log_day(context: dg.AssetExecutionContext, landed: Landed, summary: DaySummary) -> None:
    certificate = landed.certificate
    day = certificate.day.isoformat()
    context.log.info(
        f"{day} {certificate.state}: {certificate.seen:,} of {certificate.expected:,} transactions"
        + ("" if landed.fetched else ", already here")
    )
    metadata = describe_day(certificate, summary)
    context.log_event(dg.AssetMaterialization(asset_key=context.asset_key, partition=day, metadata=metadata))
    if day in context.partition_keys:
        # The end of a successful run repeats the event for each of its partitions: let it say the same.
        context.add_asset_metadata(metadata, partition_key=day)

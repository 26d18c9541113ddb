"""The partitions of the daily assets: UTC days up to and including today."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.coverage.chains import ETHEREUM, PRICES, STACKS
from stx_pipelines.coverage.model import Work
from stx_pipelines.coverage.text import count_days

stacks_days = dg.DailyPartitionsDefinition(start_date=str(STACKS.began), timezone="UTC", end_offset=1)
ethereum_days = dg.DailyPartitionsDefinition(start_date=str(ETHEREUM.began), timezone="UTC", end_offset=1)
prices_days = dg.DailyPartitionsDefinition(start_date=str(PRICES.began), timezone="UTC", end_offset=1)

DATASET_TAG = "stx_pipelines/dataset"
"""Key of the tag with the name of the chain. Runs that the sensor or the schedule launched have it."""

DAYS_TAG = "stx_pipelines/days"
"""Key of the tag with the days of a run, in a short form for the UI's list of runs."""

MACHINE_TAG = "stx_pipelines/machine"
"""Key of the tag with the name of the machine or container that a run of days works on."""

STARTED_BY_TAG = "stx_pipelines/started_by"
"""Key of the tag that says who started a run of our assets that has no `DATASET_TAG`."""

BY_SENSOR, BY_SYNC, BY_A_PERSON = "sensor", "sync", "person"


def range_tags(work: Work) -> dict[str, str]:
    """Return the tags with which Dagster runs a range of partitions in one run, and the tag `DAYS_TAG`."""
    newest, oldest = work.days[0], work.days[-1]
    count = count_days((newest - oldest).days + 1)
    return {
        "dagster/asset_partition_range_start": oldest.isoformat(),
        "dagster/asset_partition_range_end": newest.isoformat(),
        DAYS_TAG: f"{oldest}..{newest} ({count})" if oldest < newest else str(newest),
    }

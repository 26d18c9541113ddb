"""The partitions: UTC days, today included."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.coverage.chains import ETHEREUM, STACKS
from stx_pipelines.coverage.model import Work
from stx_pipelines.coverage.text import count_days

stacks_days = dg.DailyPartitionsDefinition(start_date=str(STACKS.began), timezone="UTC", end_offset=1)
ethereum_days = dg.DailyPartitionsDefinition(start_date=str(ETHEREUM.began), timezone="UTC", end_offset=1)

DATASET_TAG = "stx_pipelines/dataset"
"""Marks the runs that the sensor and the schedule launched."""

DAYS_TAG = "stx_pipelines/days"
"""Names the days of a run in the UI's list of runs, whose column is narrow."""


def range_tags(work: Work) -> dict[str, str]:
    """Give the tags that make one run of a range of partitions, and the one that says which days these are."""
    newest, oldest = work.days[0], work.days[-1]
    count = count_days((newest - oldest).days + 1)
    return {
        "dagster/asset_partition_range_start": oldest.isoformat(),
        "dagster/asset_partition_range_end": newest.isoformat(),
        DAYS_TAG: f"{oldest}..{newest} ({count})" if oldest < newest else str(newest),
    }

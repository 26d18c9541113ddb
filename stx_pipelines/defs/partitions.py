"""The partitions: UTC days, today included."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.coverage.chains import ETHEREUM, STACKS
from stx_pipelines.coverage.model import Work

stacks_days = dg.DailyPartitionsDefinition(start_date=str(STACKS.began), timezone="UTC", end_offset=1)
ethereum_days = dg.DailyPartitionsDefinition(start_date=str(ETHEREUM.began), timezone="UTC", end_offset=1)

DATASET_TAG = "stx_pipelines/dataset"
"""Marks the runs that the sensor and the schedule launched."""


def range_tags(work: Work) -> dict[str, str]:
    """What makes one run out of a range of partitions."""
    return {
        "dagster/asset_partition_range_start": work.days[-1].isoformat(),
        "dagster/asset_partition_range_end": work.days[0].isoformat(),
    }

"""The partitions: UTC days, today included."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.coverage.model import Work

STACKS_FIRST_DAY = "2021-01-14"
"""The day of the Stacks mainnet's first block, by its burn block."""

stacks_days = dg.DailyPartitionsDefinition(start_date=STACKS_FIRST_DAY, timezone="UTC", end_offset=1)


ETHEREUM_FIRST_DAY = "2015-07-30"
"""The day of Ethereum's block 1."""

ethereum_days = dg.DailyPartitionsDefinition(start_date=ETHEREUM_FIRST_DAY, timezone="UTC", end_offset=1)

DATASET_TAG = "stx_pipelines/dataset"
"""Marks the runs that the sensor and the schedule launched."""


def range_tags(work: Work) -> dict[str, str]:
    """What makes one run out of a range of partitions."""
    return {
        "dagster/asset_partition_range_start": work.days[-1].isoformat(),
        "dagster/asset_partition_range_end": work.days[0].isoformat(),
    }

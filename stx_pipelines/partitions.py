"""The partitions: UTC days, today included."""

from __future__ import annotations

import dagster as dg

STACKS_FIRST_DAY = "2021-01-14"
"""The day of the Stacks mainnet's first block, by its burn block."""

stacks_days = dg.DailyPartitionsDefinition(start_date=STACKS_FIRST_DAY, timezone="UTC", end_offset=1)

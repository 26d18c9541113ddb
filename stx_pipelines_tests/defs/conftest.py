"""Fixtures of the sensor tests."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from stx_pipelines_tests.defs.sensor_days import MINUTE, START, Days


@pytest.fixture
def days() -> Iterator[Days]:
    """A dataset of eight days. Today and yesterday are open and were checked just now, the others are missing."""
    with dg.DagsterInstance.ephemeral() as instance:
        days = Days(instance)
        for ago in range(8):
            days.states[days.day(ago)] = "missing" if ago > 1 else "open"
        days.looked = {days.day(0): START - 5 * MINUTE, days.day(1): START - 5 * MINUTE}
        yield days

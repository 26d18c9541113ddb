"""Days are loaded in parts: open days together, and no part too large for the memory that loading may use."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.days import DAY
from stx_pipelines.store.dataset_store import DAYS_AT_ONCE, ROWS_AT_ONCE, in_parts
from stx_pipelines.store.loading import DayFile
from stx_pipelines_tests.store.ethereum_days import certificate

NEWEST = date(2026, 9, 30)


@st.composite
def waiting_days(draw: st.DrawFn) -> list[DayFile]:
    """Days to load, newest first: mostly closed, with few rows or very many."""
    days = []
    for number in range(draw(st.integers(0, 25))):
        day = NEWEST - number * DAY
        empty = certificate("transactions", day, [], "open" if draw(st.integers(0, 5)) == 0 else "closed")
        rows = draw(st.sampled_from([0, 400, 15_000, 300_000, 1_000_000, 2_000_000]))
        days.append(DayFile(Path(f"{day}.parquet"), msgspec.structs.replace(empty, published=rows)))
    return days


@given(waiting_days())
def test_every_day_is_in_one_part_and_all_open_days_are_in_the_first(days: list[DayFile]) -> None:
    parts = list(in_parts(days))
    assert sorted(day for part in parts for day in part) == sorted(days)
    assert all(parts)
    assert not any(not day.certificate.is_closed for part in parts[1:] for day in part)
    closed = [day for part in parts for day in part if day.certificate.is_closed]
    assert closed == [day for day in days if day.certificate.is_closed]


@given(waiting_days())
def test_a_part_is_small_unless_its_open_days_or_a_single_day_are_large(days: list[DayFile]) -> None:
    for part in in_parts(days):
        added = part[-1].certificate.is_closed and len(part) > 1
        assert len(part) <= DAYS_AT_ONCE or not added
        assert sum(day.certificate.published for day in part) <= ROWS_AT_ONCE or not added


@given(waiting_days())
def test_no_two_parts_could_have_been_one(days: list[DayFile]) -> None:
    parts = list(in_parts(days))
    for part, following in zip(parts, parts[1:], strict=False):
        rows = sum(day.certificate.published for day in [*part, following[0]])
        assert len(part) >= DAYS_AT_ONCE or rows > ROWS_AT_ONCE

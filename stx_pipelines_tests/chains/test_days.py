"""UTC days are half-open windows that tile time."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.days import DAY, day_of, days_between, window

DAYS = st.dates(date(1971, 1, 1), date(2200, 1, 1))


@given(DAYS)
def test_a_window_is_a_day_long_and_ends_where_the_next_begins(day: date) -> None:
    start, end = window(day)
    assert end - start == 86_400
    assert window(day + DAY)[0] == end


@given(DAYS, st.integers(0, 86_399))
def test_an_instant_belongs_to_the_day_whose_window_holds_it(day: date, second: int) -> None:
    assert day_of(window(day)[0] + second) == day


def test_a_window_is_utc_whatever_the_machine_says() -> None:
    assert window(date(2026, 11, 20)) == (1_795_132_800, 1_795_219_200)


def test_days_between_includes_both_ends() -> None:
    first = date(2026, 2, 27)
    assert days_between(first, date(2026, 3, 1)) == [first, date(2026, 2, 28), date(2026, 3, 1)]
    assert days_between(first, first) == [first]
    assert days_between(first, date(2026, 2, 1)) == []

"""The calendar of the wanted days, as text."""

from __future__ import annotations

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.calendar import as_text, calendar, glyph
from stx_pipelines.coverage.model import judge_days, wanted_days
from stx_pipelines_tests.coverage.made_up import FRESHNESS, NOW, TODAY, ago, coverage_of, failed, stored


def test_each_day_stands_in_the_column_of_its_week_and_the_row_of_its_weekday() -> None:
    found = calendar(coverage_of(30, []))
    days = [day.day for row in found.rows for day in row if day]
    assert sorted(days) == [ago(number) for number in range(30, -1, -1)]
    for number, row in enumerate(found.rows):
        for monday, day in zip(found.mondays, row, strict=True):
            assert day is None or day.day == monday + number * DAY


def test_states_have_glyphs_that_need_no_colour() -> None:
    coverage = coverage_of(6, stored(0, 2, 3), {4: failed(1), 5: failed(9)}, unloaded=[ago(3)])
    signs = {day.day: glyph(day) for day in coverage.days}
    assert [signs[ago(number)] for number in range(7)] == ["○", "·", "■", "□", "!", "x", "·"]


def test_the_text_names_months_weekdays_and_meanings() -> None:
    lines = as_text(coverage_of(90, [])).splitlines()
    months = lines[0].split()
    assert months[-1] == f"{TODAY:%b}"
    assert len(months) == len(set(months)) >= 3
    assert [line[:3] for line in lines[1:8]] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert "■ closed" in lines[8]


def test_months_that_follow_at_once_do_not_overlap() -> None:
    for target in range(1, 60):
        line = as_text(coverage_of(target, [])).splitlines()[0]
        assert all(len(name) == 3 for name in line.split()), line


def test_no_wanted_day_is_said() -> None:
    assert as_text(judge_days(wanted_days(3, TODAY, ago(-1)), {}, {}, {}, {}, NOW, FRESHNESS)) == "no day is wanted yet"

"""The coverage sensor pauses during an outage, during a rate limit and while the server is behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from dagster import DagsterRunStatus

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import State
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines_tests.defs.sensor_days import MINUTE, SECOND, START, Days, launched, said


def test_after_a_run_without_fruit_the_sensor_rests(days: Days) -> None:
    days.fail()
    assert said(days.tick(SECOND)).endswith("; runs have failed since 12:00 UTC; next try at 12:00:31 UTC")
    assert days.probes == 0
    assert launched(days.tick(30 * SECOND)) == ("2026-06-08", "2026-06-05")
    assert days.probes == 1
    assert days.memory.outage is None


def test_the_pause_doubles_with_every_run_without_fruit_up_to_five_minutes(days: Days) -> None:
    days.looked = {}
    pauses = []
    for _ in range(6):
        days.fail()
        said(days.tick())
        assert days.memory.outage is not None
        pauses.append(days.memory.outage.pause_seconds)
        days.now = days.memory.outage.until
        assert launched(days.tick())
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_while_the_probe_fails_the_pause_grows_and_nothing_is_launched(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    pauses, probes = [], []
    for _ in range(6):
        assert "; runs have failed since 12:00 UTC" in said(days.tick(31 * SECOND))
        assert days.memory.outage is not None
        pauses.append(days.memory.outage.pause_seconds)
        probes.append(days.probes)
        days.now = max(days.now, days.memory.outage.until - 31 * SECOND)
    assert pauses == [60, 120, 240, 300, 300, 300]
    assert probes == [1, 2, 3, 4, 5, 6]


def test_the_reason_of_the_outage_is_named_and_a_tick_in_the_pause_asks_nothing(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    assert said(days.tick(40 * SECOND)).endswith(
        "runs have failed since 12:00 UTC: https://api answers nothing (connection refused)"
    )
    assert "next try at" in said(days.tick(30 * SECOND))
    assert days.probes == 1


def test_work_resumes_by_itself_when_the_probe_answers_after_hours(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    for _ in range(40):
        said(days.tick(6 * MINUTE))
    days.down = False
    assert launched(days.tick(6 * MINUTE)) == ("2026-06-10", "2026-06-09")
    assert days.memory.outage is None


@pytest.mark.parametrize("fruitful", [False, True])
def test_a_rate_limit_is_rested_out_whether_the_run_brought_something_or_not(days: Days, fruitful: bool) -> None:
    if fruitful:
        days.looked[days.day(0)] = START - MINUTE / 120  # half a second after the run began
    days.limit(START + 67 * MINUTE)
    days.looked = dict.fromkeys(days.looked, START - 5 * MINUTE) if not fruitful else days.looked
    for minutes in (0, 1, 60):
        days.now = START + minutes * MINUTE
        assert said(days.tick()).endswith("; rate limited until 2026-06-10 13:07:00 UTC")
    assert days.probes == 0
    days.now = START + 67 * MINUTE
    assert launched(days.tick())


def test_who_lands_a_day_meanwhile_ends_the_rest(days: Days) -> None:
    days.limit(START + 67 * MINUTE)
    days.now += MINUTE
    days.looked[days.day(0)] = days.looked[days.day(1)] = days.now
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")


def test_a_rate_limit_of_a_year_is_asked_about_after_a_day(days: Days) -> None:
    days.limit(START + 365 * DAY)
    assert said(days.tick(23 * 60 * MINUTE)).endswith("rate limited until 2026-06-11 12:00:00 UTC")
    days.now = START + DAY
    assert launched(days.tick())


def test_a_probe_that_is_rate_limited_says_until_when(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.limited_until = days.now + 67 * MINUTE
    assert "rate limited until" in said(days.tick(40 * SECOND))
    said(days.tick(60 * MINUTE))
    assert days.probes == 1
    days.now, days.limited_until = days.limited_until, None
    assert launched(days.tick())


def test_a_finished_run_ends_the_outage(days: Days) -> None:
    days.looked = {}
    days.fail()
    said(days.tick())
    days.run(DagsterRunStatus.SUCCESS, began=days.now, ended=days.now + SECOND)
    assert launched(days.tick(2 * SECOND))
    assert days.probes == 1  # the tip was compared with the open days


@pytest.fixture
def behind(days: Days) -> Days:
    """A dataset whose server has no blocks of yesterday and today, as of a check just now. Older days are stored."""
    states: list[State] = ["missing", "missing", "open", *(["closed"] * 5)]  # type: ignore[list-item]
    days.states = dict(zip(days.states, states, strict=True))
    days.looked = {days.day(2): START - 5 * MINUTE}
    days.newest = START - 2 * DAY
    days.tip = Sighting("https://api", days.newest, START - 9 * MINUTE, START, timedelta(hours=3))
    return days


def test_no_run_is_launched_until_a_server_that_is_behind_has_a_newer_block(behind: Days) -> None:
    pauses = []
    for _ in range(8):
        words = said(behind.tick())
        assert words.startswith("5 of 8 days complete") or words.startswith("6 of 8 days complete")
        assert "; the server's newest block is of 2026-06-08 12:00 UTC, 48 h " in words
        assert "nothing to do here" in words
        assert behind.memory.outage is not None
        assert words.endswith(f"; next check at {behind.memory.outage.until:%H:%M:%S} UTC")
        pauses.append(behind.memory.outage.pause_seconds)
        behind.now = behind.memory.outage.until
    assert pauses == [30, 60, 120, 240, 300, 300, 300, 300]
    assert behind.probes == 7
    behind.newest = behind.now - 5 * MINUTE
    assert launched(behind.tick()) == ("2026-06-10", "2026-06-10")
    assert behind.memory.outage is None


def test_a_tick_in_the_pause_asks_a_server_that_is_behind_nothing(behind: Days) -> None:
    said(behind.tick(29 * SECOND))
    assert behind.probes == 0
    said(behind.tick(SECOND))
    said(behind.tick(59 * SECOND))
    assert behind.probes == 1


def test_a_server_that_catches_up_day_by_day_is_followed(behind: Days) -> None:
    """The newest block is newer than before but still old. Only the days that the server has now are read."""
    behind.newest = START - DAY
    assert launched(behind.tick(MINUTE)) == ("2026-06-09", "2026-06-09")
    behind.states[behind.day(1)] = "open"
    behind.looked = dict.fromkeys([behind.day(1), behind.day(2)], behind.now)
    assert "nothing to do here" in said(behind.tick(MINUTE))


def test_older_days_are_fetched_while_the_server_is_behind(behind: Days) -> None:
    behind.states[behind.day(5)] = "missing"
    assert launched(behind.tick()) == ("2026-06-05", "2026-06-05")
    assert behind.probes == 0


def test_a_server_that_is_behind_and_goes_away_is_waited_for(behind: Days) -> None:
    behind.down = True
    assert said(behind.tick(MINUTE)).endswith(
        "the server's newest block could not be read: https://api answers nothing (connection refused)"
    )
    behind.down, behind.limited_until = False, START + 40 * MINUTE
    assert "rate limited until" in said(behind.tick(2 * MINUTE))
    assert behind.memory.outage is not None
    assert behind.memory.outage.until == behind.limited_until


def test_after_a_night_without_a_daemon_the_server_is_asked_before_a_run_is_launched(behind: Days) -> None:
    assert "nothing to do here" in said(behind.tick(timedelta(hours=9)))
    assert behind.probes == 1
    behind.newest = START + timedelta(hours=18)
    assert launched(behind.tick(timedelta(hours=9))) == ("2026-06-10", "2026-06-10")

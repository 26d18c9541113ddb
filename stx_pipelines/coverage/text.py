"""Functions that make sentences about coverage and times, for the sensor, the commands and the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.coverage.model import Coverage, Work
from stx_pipelines.coverage.sighting import Sighting


def coverage_sentence(coverage: Coverage, budget: int, now: Work | None = None, *, unit: str = "requests") -> str:
    """Return the coverage as a sentence.

    Example: `173 of 180 days complete (96 %), 12 runs to go, ~2 h at 50 requests/min; now 2026-11-20..2026-11-14`.
    """
    wanted = len(coverage.days)
    parts = [f"{coverage.complete_count} of {wanted} days complete ({_percent(coverage.complete_count, wanted)} %)"]
    if runs := coverage.runs_to_go(budget):
        parts.append(f"{runs} {'run' if runs == 1 else 'runs'} to go")
    if minutes := coverage.minutes_to_go(budget):
        parts.append(f"~{duration(timedelta(minutes=minutes))} at {budget} {unit}/min")
    if coverage.set_aside:
        parts.append("set aside: " + ", ".join(str(day.day) for day in coverage.set_aside))
    why = [nothing_wanted(coverage)] if not wanted else [behind_sentence(coverage.behind)] if coverage.behind else []
    return "; ".join([", ".join(parts), *why, *([f"now {now}"] if now else [])])


def behind_sentence(tip: Sighting) -> str:
    """Return a sentence with the time of the server's newest block and its age at the last check."""
    return (
        f"the server's newest block is of {tip.time:%Y-%m-%d %H:%M} UTC, {duration(tip.age)} old when last checked "
        f"({tip.server}); nothing to do here, because later blocks are fetched once the server has them"
    )


def failing_words(attempts: Attempts) -> str:
    """Return why a day failed, when it is tried again, and the option that tries it at once."""
    return (
        f"{attempts.sentence} (next try from {attempts.due_at:%Y-%m-%d %H:%M} UTC on; "
        "`stx-pipelines sync --retry` tries it at once)"
    )


def nothing_wanted(coverage: Coverage) -> str:
    """Return a sentence that says why no day is wanted and what the user should check."""
    if coverage.may_be_empty:
        return "no day is wanted yet: a day is wanted when its transactions are closed and the server has its state"
    return (
        f"no day is wanted: the first possible day, {coverage.first_day}, is after today "
        f"({coverage.now:%Y-%m-%d} UTC); check this machine's clock and the server's address"
    )


def duration(time: timedelta) -> str:
    """Return `2 h 10 min`, `7 min` or `40 s`."""
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def count_days(count: int) -> str:
    """Return `1 day` or `4 days`."""
    return f"{count} {'day' if count == 1 else 'days'}"


def days_are(count: int) -> str:
    """Return `1 day is` or `4 days are`."""
    return f"{count_days(count)} {'is' if count == 1 else 'are'}"


def some_days(days: Sequence[date]) -> str:
    """Return `2026-11-03, 2026-11-04, 2026-11-05 and 7 more days`."""
    return ", ".join(map(str, days[:3])) + (f" and {len(days) - 3} more days" if len(days) > 3 else "")


def size(count: int) -> str:
    """Return a number of bytes with a binary unit: `45.3 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}" if unit != "B" else f"{count} B"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _percent(part: int, whole: int) -> int:
    """Return the percentage, rounded down, so that 100 means that nothing is missing."""
    return 100 * part // whole if whole else 0

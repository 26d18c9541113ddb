"""The live screen of `status --watch`: a calendar of days above the lines of `status`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.text import Text

from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.current import dataset_coverage
from stx_pipelines.coverage.model import NEWER, Coverage, DayCoverage
from stx_pipelines.coverage.status import DatasetStatus, describe
from stx_pipelines.project import Project

_COLOURS = {
    "missing": "bright_black",
    "open": "cyan",
    "closed": "green",
    "failing": "yellow",
    "set aside": "red",
    NEWER: "magenta",
}
_REFRESH_SECONDS = 1.0
_DAYS_SHOWN = 400
_EVENTS_SHOWN = 5

Lines = Callable[[DatasetStatus, datetime], Iterable[str]]
"""A function that writes the status of a dataset as lines."""


def watch(project: Project, chains: Sequence[Chain], lines: Lines) -> None:
    """Show the status of every dataset of these chains, refreshed each second, until Ctrl-C."""
    with Live(console=Console(), screen=True, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(_screen(project, chains, lines, datetime.now(UTC)), refresh=True)
            time.sleep(_REFRESH_SECONDS)


def _screen(project: Project, chains: Sequence[Chain], lines: Lines, now: datetime) -> Panel:
    parts = [_dataset(project, chain, dataset, lines, now) for chain in chains for dataset in chain.datasets]
    return Panel(Group(*parts), title=f"stx_pipelines {now:%Y-%m-%d %H:%M:%S} UTC")


def _dataset(project: Project, chain: Chain, dataset: Dataset, lines: Lines, now: datetime) -> Group:
    coverage = dataset_coverage(project, dataset, now)
    status = describe(project, chain, dataset, coverage)
    bar = ProgressBar(total=max(1, status.days_wanted), completed=status.days_complete)
    legend = Text("  ").join(Text("■ ", style=colour) + Text(state) for state, colour in _COLOURS.items())
    events = Text("last stored\n" + "\n".join(_events(project, dataset)))
    return Group(bar, "", _calendar(coverage), legend, "", Text("\n".join(lines(status, now))), "", events)


def _events(project: Project, dataset: Dataset) -> list[str]:
    """Return one line per day for the days stored last, the last stored first. Each line has the counts of a proof."""
    certificates = project.store(dataset.name).files.certificates().values()
    stored = sorted(certificates, key=lambda known: known.proved_at)
    return [
        f"  {known.proved_at:%H:%M:%S}  {known.day} {known.state}, {known.seen:,} of {known.expected:,} {dataset.noun}"
        for known in stored[: -_EVENTS_SHOWN - 1 : -1]
    ]


def _calendar(coverage: Coverage) -> Text:
    """Return the calendar with a column per week (oldest left) and a row per weekday (Monday on top).

    Each day is a square. The square is dim if the day is stored but not complete.
    """
    days = {day.day: day for day in coverage.days[:_DAYS_SHOWN]}
    if not days:
        return Text("no day is wanted yet")
    mondays = _mondays(days)
    calendar = Text()
    for weekday in range(7):
        for monday in mondays:
            calendar += _square(days.get(monday + weekday * DAY))
        calendar += Text("\n")
    return calendar


def _mondays(days: Collection[date]) -> Sequence[date]:
    """Return the Mondays of all weeks from the oldest day to the newest."""
    first, last = min(days), max(days)
    return days_between(first - first.weekday() * DAY, last)[::7]


def _square(day: DayCoverage | None) -> Text:
    if day is None:
        return Text("  ")
    return Text("■ ", style=_COLOURS[day.state] + ("" if day.complete or not day.stored else " dim"))

"""`status --watch`: a live screen with a calendar of days, made of the same facts as `status`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.text import Text

from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.cli.screens import DONE, status_lines
from stx_pipelines.coverage.datasets import Chain, chains_of
from stx_pipelines.coverage.model import NEWER, Coverage, DayCoverage
from stx_pipelines.coverage.status import describe
from stx_pipelines.coverage.survey import survey_dataset
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


def watch(project: Project) -> int:
    """A live screen until Ctrl-C."""
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        try:
            while True:
                live.update(_screen(project, datetime.now(UTC)), refresh=True)
                time.sleep(_REFRESH_SECONDS)
        except KeyboardInterrupt:
            return DONE


def _screen(project: Project, now: datetime) -> Panel:
    parts = [_dataset(project, chain, dataset, now) for chain in chains_of(project) for dataset in chain.datasets]
    return Panel(Group(*parts), title=f"stx_pipelines {now:%Y-%m-%d %H:%M:%S} UTC")


def _dataset(project: Project, chain: Chain, dataset: Dataset, now: datetime) -> Group:
    coverage = survey_dataset(project, dataset, now)
    status = describe(project, chain, dataset, coverage)
    lines = Text("\n".join(status_lines(status, now)))
    bar = ProgressBar(total=max(1, status.days_wanted), completed=status.days_complete)
    legend = Text("  ").join(Text("■ ", style=colour) + Text(state) for state, colour in _COLOURS.items())
    events = Text("last landed\n" + "\n".join(_events(project, dataset)))
    return Group(bar, "", _calendar(coverage), legend, "", lines, "", events)


def _events(project: Project, dataset: Dataset) -> list[str]:
    """The days that landed last, newest first, with what they rest on."""
    certificates = project.store(dataset.name).files.certificates().values()
    landed = sorted(certificates, key=lambda known: known.proved_at)
    return [
        f"  {known.proved_at:%H:%M:%S}  {known.day} {known.state}, {known.seen:,} of {known.expected:,} {dataset.noun}"
        for known in landed[: -_EVENTS_SHOWN - 1 : -1]
    ]


def _calendar(coverage: Coverage) -> Text:
    """Weeks as columns, oldest left, Monday on top: one square a day, dim where the table lacks it."""
    days = sorted(coverage.days[:_DAYS_SHOWN], key=lambda day: day.day)
    if not days:
        return Text("no day is wanted yet")
    first_monday = days[0].day - timedelta(days=days[0].day.weekday())
    weeks = (days[-1].day - first_monday).days // 7 + 1
    by_date = {day.day: day for day in days}
    calendar = Text()
    for weekday in range(7):
        for week in range(weeks):
            calendar += _square(by_date.get(first_monday + timedelta(days=7 * week + weekday)))
        calendar += Text("\n")
    return calendar


def _square(day: DayCoverage | None) -> Text:
    if day is None:
        return Text("  ")
    return Text("■ ", style=_COLOURS[day.state] + ("" if day.complete or not day.landed else " dim"))

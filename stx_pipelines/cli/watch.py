"""The live screen of `status --watch`: a calendar of days above the lines of `status`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.text import Text

from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.coverage.calendar import MEANINGS, WEEKDAYS, calendar, glyph
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
    parts = [_dataset(project, chain, dataset, lines, now) for chain in chains for dataset in chain.wanted(project)]
    return Panel(Group(*parts), title=f"stx_pipelines {now:%Y-%m-%d %H:%M:%S} UTC")


def _dataset(project: Project, chain: Chain, dataset: Dataset, lines: Lines, now: datetime) -> Group:
    coverage = dataset_coverage(project, dataset, now)
    status = describe(project, chain, dataset, coverage)
    bar = ProgressBar(total=max(1, status.days_wanted), completed=status.days_complete)
    events = Text("last stored\n" + "\n".join(_events(project, dataset)))
    return Group(bar, "", _calendar(coverage), _legend(), "", Text("\n".join(lines(status, now))), "", events)


def _events(project: Project, dataset: Dataset) -> list[str]:
    """Return one line per day for the days stored last, the last stored first. Each line has the counts of a proof."""
    certificates = project.store(dataset.name).files.certificates().values()
    stored = sorted(certificates, key=lambda known: known.proved_at)
    return [
        f"  {known.proved_at:%H:%M:%S}  {known.day} {known.state}, {known.seen:,} of {known.expected:,} {dataset.noun}"
        for known in stored[: -_EVENTS_SHOWN - 1 : -1]
    ]


def _calendar(coverage: Coverage) -> Text:
    """Return the calendar in colours. A day is dim if it is stored but not complete."""
    found = calendar(coverage)
    if not found.mondays:
        return Text("no day is wanted yet")
    drawn = Text("    " + found.months + "\n")
    for name, row in zip(WEEKDAYS, found.rows, strict=True):
        drawn += Text(name + " ") + Text(" ").join(map(_square, row)) + Text("\n")
    return drawn


def _square(day: DayCoverage | None) -> Text:
    if day is None:
        return Text(glyph(None))
    return Text(glyph(day), style=_COLOURS[day.state] + ("" if day.complete or not day.stored else " dim"))


def _legend() -> Text:
    return Text("  ").join(
        Text(sign, style=_COLOURS.get(meaning, "dim")) + Text(f" {meaning}") for sign, meaning in MEANINGS.items()
    )

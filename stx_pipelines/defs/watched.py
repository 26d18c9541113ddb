"""The state of a chain for sensors, schedules and alerts. Each tick makes the project once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

from stx_pipelines.coverage.chains import NO_ETHEREUM, STACKS, Chain, chains_of
from stx_pipelines.coverage.health import Health, judge_chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import last_report, who_works
from stx_pipelines.coverage.status import DatasetStatus, chain_status
from stx_pipelines.project import Project
from stx_pipelines.sync.tip import check_tip


class Channel(Protocol):
    """A way to send an alert."""

    def send(self, sentence: str) -> None:
        """Send a sentence. Raises `AlertError`."""


@dataclass(frozen=True)
class Watched:
    """The state of a chain for its coverage sensor. `name` marks its runs, `budget` is in `unit`s a minute.

    `look` gives the coverage without a request. `holder` names the process that syncs now, and `last_active` gives the
    time at which one last did. `probe` sends one small request; `look_at_tip` reads the server's newest block and notes
    its time for the next coverage. Both raise `ApiError`.
    """

    name: str
    look: Callable[[datetime], Coverage]
    holder: Callable[[], str | None]
    last_active: Callable[[], datetime | None]
    probe: Callable[[], object]
    budget: int
    open_every: timedelta
    unit: str = "requests"
    check_tip: Callable[[], object] = lambda: None


def look_at(make: Callable[[], Project], chain: Chain, now: datetime) -> Coverage:
    """Return the coverage of a chain."""
    return chain.look(make(), now)


class Seen(NamedTuple):
    """The state of a chain for its alert sensor, and the channels to alert."""

    status: DatasetStatus
    health: Health
    channels: Callable[[], Sequence[Channel]]


def see(make: Callable[[], Project], chain: Chain, now: datetime) -> Seen | str:
    """Return the state of a chain for its alert sensor, or why the chain is not watched."""
    project = make()
    if chain not in chains_of(project):
        return NO_ETHEREUM
    stall_after = timedelta(seconds=project.settings.stx_stall_seconds)
    return Seen(
        status=chain_status(project, chain, now),
        health=judge_chain(project, chain, now, stall_after),
        channels=project.alert_channels,
    )


def watch(make: Callable[[], Project], chain: Chain) -> Watched | str:
    """Return the state of a chain for its coverage sensor, or why the chain is not watched."""
    project = make()
    if chain not in chains_of(project):
        return NO_ETHEREUM
    probing = project.probing()
    tables = chain.tables

    def last_active() -> datetime | None:
        report = last_report(project.folder, *tables)
        return report.updated_at if report else None

    def probe() -> object:
        return probing.stacks_api().tip() if chain is STACKS else probing.ethereum_rpc().block("latest")

    return Watched(
        name=chain.name,
        look=partial(chain.look, project),
        holder=lambda: who_works(project.folder, *tables),
        last_active=last_active,
        probe=probe,
        check_tip=lambda: check_tip(probing, chain),
        budget=chain.budget(project),
        open_every=project.settings.open_every,
        unit=chain.unit,
    )

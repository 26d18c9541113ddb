"""What sensors, schedules and alerts ask about a chain. Each tick makes the project once."""

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
from stx_pipelines.sync.tip import look_at_tip


class Channel(Protocol):
    """A way to tell people."""

    def send(self, sentence: str) -> None:
        """Deliver a sentence. Raises `AlertError`."""


@dataclass(frozen=True)
class Watched:
    """What a coverage sensor needs to know of a chain; `name` marks its runs.

    `look` surveys the days without a request, `holder` names the process that works on them now and `last_active`
    is when one last did, `probe` asks the server one small question and raises `ApiError` when it is down, as does
    `look_at_tip`, which notes for the next survey of when the server's newest block is; `budget` is in `unit`s a
    minute.
    """

    name: str
    look: Callable[[datetime], Coverage]
    holder: Callable[[], str | None]
    last_active: Callable[[], datetime | None]
    probe: Callable[[], object]
    budget: int
    open_every: timedelta
    unit: str = "requests"
    look_at_tip: Callable[[], object] = lambda: None


def look_at(make: Callable[[], Project], chain: Chain, now: datetime) -> Coverage:
    """Survey a chain."""
    return chain.look(make(), now)


class Seen(NamedTuple):
    """What an alert sensor needs to know of a chain, and whom to tell."""

    status: DatasetStatus
    health: Health
    channels: Callable[[], Sequence[Channel]]


def see(make: Callable[[], Project], chain: Chain, now: datetime) -> Seen | str:
    """What the alert sensor asks about a chain, or why there is nothing to ask."""
    project = make()
    if chain not in chains_of(project):
        return "this chain is not part of the coverage"
    stall_after = timedelta(seconds=project.settings.stx_stall_seconds)
    return Seen(
        status=chain_status(project, chain, now),
        health=judge_chain(project, chain, now, stall_after),
        channels=project.alert_channels,
    )


def watch(make: Callable[[], Project], chain: Chain) -> Watched | str:
    """What the coverage sensor asks about a chain, or why there is nothing to ask."""
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
        look_at_tip=lambda: look_at_tip(probing, chain),
        budget=chain.budget(project),
        open_every=project.settings.open_every,
        unit=chain.unit,
    )

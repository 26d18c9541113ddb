"""Functions that give sensors, schedules and alerts the state of a chain. Each tick makes the project once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import dagster as dg

from stx_pipelines.coverage.chains import Chain, why_not_covered
from stx_pipelines.coverage.health import Health, judge_chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import last_report, who_works
from stx_pipelines.coverage.status import DatasetStatus, chain_status
from stx_pipelines.defs.assets.coverage import observe
from stx_pipelines.defs.delivery import Post
from stx_pipelines.project import Project
from stx_pipelines.sync.tip import check_tip, probe


@dataclass(frozen=True)
class Watched:
    """The state of a chain for its coverage sensor.

    `name` is the tag value of the chain's runs. `look` gives the coverage at a time and sends no request. `holder`
    names the process that is syncing now, if any. `last_active` gives the time of the last report of a sync. `probe`
    sends one small request. `check_tip` reads the server's newest block, and stores for the next coverage its time and,
    if it has not moved, that open days were compared with it. Both raise `ApiError`. `observe` gives an observation of
    the coverage if the coverage changed. `budget` is the number of `unit` a minute. An open day is stale after
    `open_every`. `sees_all` is true if `holder` and `last_active` know the runs of all machines.
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
    observe: Callable[[dg.DagsterInstance, datetime], dg.AssetObservation | None] = lambda _, __: None
    sees_all: bool = False


def look_at(make: Callable[[], Project], chain: Chain, now: datetime) -> Coverage | str:
    """Return the coverage of a chain, or the reason why the chain is not watched. No request is sent."""
    project = make()
    return why_not_covered(project, chain) or chain.look(project, now)


class Seen(NamedTuple):
    """The state of a chain for its alert sensor, and the post that delivers its alerts."""

    status: DatasetStatus
    health: Health
    post: Post


def see(make: Callable[[], Project], chain: Chain, now: datetime) -> Seen | str:
    """Return the state of a chain for its alert sensor, or the reason why the chain is not watched."""
    project = make()
    if why_not := why_not_covered(project, chain):
        return why_not
    stall_after = timedelta(seconds=project.settings.stx_stall_seconds)
    return Seen(
        status=chain_status(project, chain, now),
        health=judge_chain(project, chain, now, stall_after),
        post=post_of(project),
    )


def post_of(project: Project) -> Post:
    """Return the post that delivers the alerts of the project."""
    return Post(project.folder, project.alert_channels)


def watch(make: Callable[[], Project], chain: Chain) -> Watched | str:
    """Return the state of a chain for its coverage sensor, or the reason why the chain is not watched."""
    project = make()
    if why_not := why_not_covered(project, chain):
        return why_not
    probing = project.probing()
    tables = chain.tables

    def last_active() -> datetime | None:
        report = last_report(project.shared, *tables)
        return report.updated_at if report else None

    return Watched(
        name=chain.name,
        look=partial(chain.look, project),
        holder=lambda: who_works(project.shared, *tables),
        last_active=last_active,
        probe=lambda: probe(probing, chain),
        check_tip=lambda: check_tip(probing, chain),
        budget=chain.budget(project),
        open_every=project.settings.open_every,
        unit=chain.unit,
        observe=lambda instance, now: observe(instance, project, chain, now),
        sees_all=project.shared.host is not None,
    )

"""The health of a chain while no run fetches its days, although days are missing: the exit codes and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from stx_pipelines.chains.clock import is_past
from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.failures import Failure, last_failure
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import BETWEEN_RUNS
from stx_pipelines.coverage.services import Services
from stx_pipelines.coverage.status import DatasetStatus
from stx_pipelines.coverage.text import days_are, duration, some_days
from stx_pipelines.coverage.versions import versions_sentence
from stx_pipelines.project import Project

HEALTHY, NOT_RUNNING, STALLED, DAMAGED, MISCONFIGURED = 0, 1, 2, 3, 4


class Health(msgspec.Struct, frozen=True):
    """An exit code and its sentence.

    `other_versions` maps each running process of another version to that version.
    """

    code: int
    sentence: str
    other_versions: Mapping[str, str] = {}

    def beside(self, others: Mapping[str, str]) -> Health:
        """Return a copy whose sentence also names the running processes of other versions.

        The exit code does not change.
        """
        sentence = f"{self.sentence}; {versions_sentence(others)}" if others else self.sentence
        return Health(self.code, sentence, others)


@dataclass(frozen=True)
class Idle:
    """A chain with missing or stale days, of which no run fetches any. `stall` limits the time between two runs."""

    project: Project
    chain: Chain
    coverage: Coverage
    status: DatasetStatus
    services: Services
    now: datetime
    stall: timedelta


def for_good(project: Project, chain: Chain, status: DatasetStatus, now: datetime) -> Health | None:
    """Return the health if the last run failed and a later run fails too unless something is changed; otherwise None.

    Examples are a full disk and a server with another chain. Such a failure counts even while all days are complete.
    """
    failure = last_failure(project.folder, *chain.tables)
    if failure is None or failure.is_passing:
        return None
    return Health(NOT_RUNNING, f"{_failed(failure, now)}; {status.sentence}")


def judge_idle(idle: Idle) -> Health:
    """Return the health of a chain that no run fetches now, and whose last run did not fail for good."""
    coverage, status = idle.coverage, idle.status
    failure = last_failure(idle.project.folder, *idle.chain.tables)
    if coverage.next(idle.chain.budget(idle.project), open_every=idle.project.settings.freshness) is None:
        named = some_days([*(each.day for each in status.set_aside), *status.failing])
        return Health(HEALTHY, f"healthy: the next attempt at {named} is not due yet; see `stx-pipelines status`")
    why = f"{_failed(failure, idle.now)}; " if failure else ""
    if status.last_active_at and (ago := idle.now - status.last_active_at) < BETWEEN_RUNS:
        return Health(HEALTHY, f"healthy: the last run ended {duration(ago)} ago; {why}{status.sentence}")
    if idle.services.has_daemon:
        return _with_daemon(idle, failure, why)
    return Health(NOT_RUNNING, f"{why}{_not_running(idle)}")


def _with_daemon(idle: Idle, failure: Failure | None, why: str) -> Health:
    """Return the health while the daemon runs. Its clock starts with the daemon or with the last run."""
    since, active = idle.services.since, idle.status.last_active_at
    assert since is not None
    if not is_past(since, idle.now):  # the clock was ahead when the services started
        since = active or idle.now
    quiet = idle.now - max(since, active or since)
    waits = (
        failure is not None and is_past(failure.at, idle.now) and failure.until is not None and failure.until > idle.now
    )
    if quiet <= idle.stall or waits:
        is_new = active is None or since > active
        began = f"started {duration(idle.now - since)} ago" if is_new else "runs"
        return Health(
            HEALTHY, f"healthy: `make up` {began}, and the next run starts by itself; {why}{idle.status.sentence}"
        )
    return Health(
        STALLED,
        f"stalled: `make up` runs, but no run has started for {duration(quiet)}; {why}the newest tick of the sensor "
        f"{idle.chain.name}_coverage in the UI names the reason, and a sensor that is switched off has no ticks; "
        f"{idle.status.sentence}",
    )


def _not_running(idle: Idle) -> str:
    missing = idle.status.days_wanted - idle.status.days_complete
    if idle.status.running:  # a command that fetches nothing
        return (
            f"not running, though {days_are(missing)} missing: start `make up` or `stx-pipelines sync` when "
            f"{idle.status.running} is done"
        )
    if idle.services.were_killed:
        return (
            f"not running, though {days_are(missing)} missing: the services ended without `make down`; run `make down` "
            "and `make up`"
        )
    return f"not running, though {days_are(missing)} missing: start `make up` or `stx-pipelines sync`"


def _failed(failure: Failure, now: datetime) -> str:
    return f"the last run failed {duration(now - failure.at)} ago: {failure.sentence}"

"""The option `--plan` of `sync`: the days that it would fetch, and their cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

from stx_pipelines.chains.days import days_between
from stx_pipelines.cli.answers import Answer, Show
from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.plan import ChainPlan, due_days, plan_of
from stx_pipelines.project import Project


class Planned(Answer, frozen=True, kw_only=True):
    """The result of `sync --plan`."""

    plan: list[ChainPlan]


def show_plan(
    project: Project,
    chains: Sequence[Chain],
    first: date | None,
    last: date | None,
    show: Show,
    *,
    max_days: int | None,
    retry: bool,
) -> int:
    """Print the plan for the days `first` to `last` of the first chain, or else for the days that are due."""
    now = datetime.now(UTC)
    plans = []
    for chain in chains[:1] if first else chains:
        coverage = chain.look(project, now)
        if first and last:
            days = days_between(first, last)[::-1]
        else:
            days = _at_most(coverage, due_days(coverage, project.settings.open_every, retry=retry), max_days)
        plans.append(plan_of(project, chain, coverage, days, force=first is not None))
        click.echo(plans[-1].sentence)
    click.echo("no request was sent and nothing was stored; without --plan, `sync` fetches these days", err=True)
    show(Planned(code=DONE, plan=plans))
    return DONE


def _at_most(coverage: Coverage, days: Sequence[date], most: int | None) -> list[date]:
    beyond = counted(coverage, days)[most:] if most else []
    return [day for day in days if day not in beyond]


def counted(coverage: Coverage, days: Sequence[date]) -> list[date]:
    """Return the days that count for `--max-days`.

    Today and stored days do not count, because otherwise they could use up the limit before an old day is fetched.
    """
    free = {day.day for day in coverage.days if day.stored} | {coverage.now.date()}
    return [day for day in days if day not in free]

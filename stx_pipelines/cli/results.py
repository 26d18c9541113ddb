"""Functions that compute the metrics and make the page for commands, and the command `metrics`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.runs import alone, say_failures
from stx_pipelines.coverage.chains import STACKS, Chain, chains_of
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError


@click.command()
def metrics() -> int:
    """Compute the metrics of all closed days and make the page again, even if nothing has changed.

    `sync` and the daemon do this by themselves after closed days have changed.

    Exit code 0: done; 1: an error; the old results are then kept.
    """
    project = Project.load()
    if not (days := project.store().files.days()):
        raise SettingsError("no day is stored yet, so there is nothing to compute: run `stx-pipelines sync` first")
    code = materialize(project)
    if code == DONE:
        click.echo(f"computed from {count_days(len(days))} stored; the page is {project.folder.page}")
    return code


def refresh_if_due(project: Project, chains: Sequence[Chain]) -> int:
    """Compute the metrics and the page again if closed days have changed; return the exit code.

    If only days of Ethereum were closed, make only the page again.
    """
    from stx_pipelines.dashboard.page import page_is_due
    from stx_pipelines.metrics.open import open_metrics

    store = open_metrics(project)
    due = bool(STACKS in (*chains, *chains_of(project)) and store.stale() and store.files.days())
    if not due and not page_is_due(project):
        return DONE
    return materialize(project, only_page=not due)


def materialize(project: Project, *, only_page: bool = False) -> int:
    """Materialize the metrics and the page, or only the page. Print failures and return the exit code."""
    with alone(project):
        from stx_pipelines.cli.materialize import materialize_metrics, open_instance

        with open_instance() as instance:
            failures = materialize_metrics(project, instance, only_page=only_page)
    say_failures(failures)
    return ERROR if failures else DONE

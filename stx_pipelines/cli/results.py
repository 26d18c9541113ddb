"""Functions that compute the metrics and make the page for commands, and the command `metrics`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from stx_pipelines.cli.answers import Answer, json_on_stdout, json_option
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.runs import alone, say_failures
from stx_pipelines.coverage.chains import STACKS, Chain, chains_of
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError


class Computed(Answer, frozen=True, kw_only=True):
    """The result of `metrics`: the number of stored days, the page's file, and a sentence for each failure."""

    days: int
    page: str
    failures: list[str]


@click.command()
@click.option("--from-scratch", is_flag=True, help="Read all days again, also those whose rows are settled.")
@json_option
def metrics(from_scratch: bool, as_json: bool) -> int:
    """Compute the metrics of all closed days and make the page again, even if nothing has changed.

    `sync` and the daemon do this by themselves after closed days have changed. Rows that later days do not change are
    kept from the computation before. With --from-scratch, they are computed again too; the results are the same.

    Exit code 0: done; 1: an error; the old results are then kept.

    \b
    stx-pipelines metrics
    stx-pipelines metrics --from-scratch
    """
    with json_on_stdout(as_json) as show:
        answer = _compute(Project.load(), from_scratch=from_scratch)
        show(answer)
    return answer.code


def _compute(project: Project, *, from_scratch: bool) -> Computed:
    from stx_pipelines.metrics.open import SOURCES

    project.refresh(SOURCES)
    if not (days := project.store().files.days()):
        raise SettingsError("no day is stored yet, so there is nothing to compute: run `stx-pipelines sync` first")
    failures = materialize(project, from_scratch=from_scratch)
    if not failures:
        click.echo(f"computed from {count_days(len(days))} stored; the page is {project.folder.page}")
    return Computed(code=code_of(failures), days=len(days), page=str(project.folder.page.absolute()), failures=failures)


def code_of(failures: Sequence[str]) -> int:
    """Return the exit code of a command with these failures."""
    return ERROR if failures else DONE


def refresh_if_due(project: Project, chains: Sequence[Chain]) -> list[str]:
    """Compute the metrics and the page again if closed days have changed; return a sentence for each failure.

    If only days of Ethereum were closed, make only the page again.
    """
    from stx_pipelines.dashboard.page import page_is_due
    from stx_pipelines.metrics.open import open_metrics, serve_results

    store = open_metrics(project)
    due = bool(STACKS in (*chains, *chains_of(project)) and store.stale() and store.files.days())
    if not due:
        serve_results(project)
    if not due and not page_is_due(project):
        return []
    return materialize(project, only_page=not due)


def materialize(project: Project, *, only_page: bool = False, from_scratch: bool = False) -> list[str]:
    """Materialize the metrics and the page, or only the page. Print each failure and return their sentences."""
    with alone(project):
        if from_scratch:
            from stx_pipelines.metrics.open import open_metrics

            open_metrics(project).forget_settled()
        from stx_pipelines.cli.materialize import materialize_metrics, open_instance

        with open_instance() as instance:
            failures = materialize_metrics(project, instance, only_page=only_page)
    say_failures(failures)
    return [failure.sentence for failure in failures]

"""The command `rebuild`, which makes a new database from the day files of every dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import click

from stx_pipelines.cli.answers import Answer, json_on_stdout, json_option
from stx_pipelines.cli.exit_codes import DONE, ERROR, NOT_YET
from stx_pipelines.coverage.chains import CHAINS
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.inspect import held_days
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.objects import ObjectsError
from stx_pipelines.store.replacement import LacksDays
from stx_pipelines.store.served import NotCopied

Stores = Sequence[DatasetStore[Any]]


class Rebuilt(Answer, frozen=True, kw_only=True):
    """The result of `rebuild`: the database, the days loaded, and a sentence for each file that was left out.

    `days` counts each day of each dataset. It is None if nothing was changed. `days_copied` are those copied to the
    server of STX_WAREHOUSE_URL, None if there is none or if they could not be copied. `not_copied` is the reason then.
    """

    database: str | None = None
    days: int | None = None
    left_out: list[str]
    days_copied: int | None = None
    not_copied: str | None = None


@click.command()
@click.option("--force", is_flag=True, help="Leave out days of the database that have no sound day file.")
@json_option
def rebuild(force: bool, as_json: bool) -> int:
    """Make the database again from the day files. This needs no network, except for the record of STX_RECORD_URL.

    With STX_RECORD_URL, first take the days that the record has in another version, and send those that it lacks.

    With STX_WAREHOUSE_URL, also replace every day and the metrics in the copy in PostgreSQL.

    If the database has days without a sound day file, nothing is changed unless --force is given.

    Exit code 0: every day file is loaded; 1: unreadable day files were left out, or nothing was changed because the new
    database would lack days (the files or days are named); 2: nothing was changed because a run is in progress, or the
    copy could not be changed.

    \b
    stx-pipelines rebuild
    """
    left_out: list[str] = []
    with json_on_stdout(as_json, partial(Rebuilt, left_out=left_out)) as show:
        project = Project.load()
        stores = [project.store(dataset) for chain in CHAINS.values() for dataset in chain.tables]
        with _all_locked(project, stores):
            _agree_with_record(project, stores, left_out)
            answer = _rebuild(project, stores, left_out, force=force)
        show(answer)
    return answer.code


@contextmanager
def _all_locked(project: Project, stores: Stores) -> Iterator[None]:
    """Hold the lock of every dataset, so that no run can start. Raises `Busy` if a run holds one of the locks."""
    with ExitStack() as locks:
        for store in stores:
            locks.enter_context(project.shared.locked(store.dataset, wait=0, command="rebuild"))
        yield


def _agree_with_record(project: Project, stores: Stores, left_out: list[str]) -> None:
    """Make the day files and the record equal, if there is one. If it is away, say so and add that to `left_out`."""
    copies = [store.copy for store in stores if store.copy]
    if not copies:
        return
    try:
        taken = sum(copy.pull() for copy in copies)
        sent = sum(copy.push_waiting() for copy in copies)
    except ObjectsError as error:
        _say_left_out(left_out, [error])
        return
    click.echo(f"{taken:,} files taken from {project.settings.stx_record_url}, {sent:,} sent to it")
    _say_left_out(left_out, [why for copy in copies for why in copy.damaged().values()])


def _rebuild(project: Project, stores: Stores, left_out: list[str], *, force: bool) -> Rebuilt:
    """Load every sound day file into a new database. Print the files that were left out and add them to `left_out`.

    Without `force`, raises `LacksDays` if the new database would lack days of the old one.
    """
    from stx_pipelines.metrics.open import open_metrics

    warehouse = project.warehouse
    files = _read(stores)
    needed = {} if force else {dataset: held_days(warehouse, dataset) for dataset in files.sound}
    try:
        wrong = warehouse.rebuild(files.sound, needed)
    except LacksDays as error:
        _say_left_out(left_out, [*files.unreadable, *error.left_out])
        raise
    open_metrics(project).load()
    loaded = files.days - len(wrong)
    click.echo(f"{count_days(loaded)} loaded into {warehouse.path}")
    _say_left_out(left_out, [*files.unreadable, *wrong])
    copied, why = _serve(project, stores, force=force)
    return Rebuilt(
        code=ERROR if left_out else NOT_YET if why else DONE,
        database=str(warehouse.path.absolute()),
        days=loaded,
        left_out=left_out,
        days_copied=copied,
        not_copied=why,
    )


def _serve(project: Project, stores: Stores, *, force: bool) -> tuple[int | None, str | None]:
    """Replace the copy in PostgreSQL, if there is one. Return the number of copied days, or the reason for none.

    With `force`, remove the days that have no day file from the copy.
    """
    from stx_pipelines.metrics.open import open_metrics

    served, count = project.served, 0
    if served is None:
        return None, None
    try:
        for store in stores:
            days = store.loaded()
            store.serve(days)
            count += len(days)
            if force and (gone := served.loaded(store.dataset).keys() - store.files.days()):
                served.remove(store.dataset, list(gone))
        open_metrics(project).serve(again=True)
    except NotCopied as error:
        click.echo(str(error), err=True)
        return None, str(error)
    click.echo(f"{count_days(count)} copied to {served.name}")
    return count, None


class _Files(NamedTuple):
    """The sound day files by dataset, and a sentence about each day file that cannot be read."""

    sound: dict[str, list[DayFile]]
    unreadable: list[str]

    @property
    def days(self) -> int:
        """The number of sound day files."""
        return sum(map(len, self.sound.values()))


def _read(stores: Stores) -> _Files:
    damaged = {store.dataset: store.files.damaged(thoroughly=True) for store in stores}
    sound = {store.dataset: _without(store.stored(), damaged[store.dataset]) for store in stores}
    newer = [why for store in stores for why in store.files.newer().values()]
    return _Files(sound, [*newer, *(why for days in damaged.values() for why in days.values())])


def _without(stored: Sequence[DayFile], damaged: dict[date, str]) -> list[DayFile]:
    return [day for day in stored if day.certificate.day not in damaged]


def _say_left_out(left_out: list[str], reasons: Sequence[object]) -> None:
    for why in reasons:
        left_out.append(str(why))
        click.echo(f"left out: {why}", err=True)

"""The command `rebuild`: the database anew from the day files of every dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from stx_pipelines.coverage.datasets import CHAINS
from stx_pipelines.coverage.text import count_days
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.store.inspect import held_days
from stx_pipelines.store.locks import locked
from stx_pipelines.store.replacement import LacksDays

DONE, ERROR = 0, 1


def rebuild_all(project: Project, *, force: bool = False) -> int:
    """Load every sound day file into a new database; exit code 1 if one had to be left out.

    Without `force`, the old database is kept when the new one would lack days that it holds: raises `LacksDays`.
    Raises `Busy` while a run works on one of the datasets: nothing was changed then.
    """
    stores = [project.store(dataset) for chain in CHAINS.values() for dataset in chain.tables]
    with ExitStack() as alone:
        for store in stores:
            lock = project.folder.lock(store.dataset)
            alone.enter_context(locked(lock, f"the dataset {store.dataset}", wait=0))
        damaged = {store.dataset: store.files.damaged(thoroughly=True) for store in stores}
        sound = {
            store.dataset: [day for day in store.landed() if day.certificate.day not in damaged[store.dataset]]
            for store in stores
        }
        warehouse = stores[0].warehouse
        needed = {} if force else {dataset: held_days(warehouse, dataset) for dataset in sound}
        newer = [why for store in stores for why in store.files.newer().values()]
        unreadable = [*newer, *(why for days in damaged.values() for why in days.values())]
        try:
            wrong = warehouse.rebuild(sound, needed)
        except LacksDays as error:
            _say_left_out([*unreadable, *error.left_out])
            raise
        open_metrics(project).load()
    loaded = sum(len(days) for days in sound.values()) - len(wrong)
    click.echo(f"{count_days(loaded)} loaded into {warehouse.path}")
    _say_left_out([*unreadable, *wrong])
    return ERROR if unreadable or wrong else DONE


def _say_left_out(reasons: Sequence[object]) -> None:
    for why in reasons:
        click.echo(f"left out: {why}", err=True)

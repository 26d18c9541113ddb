"""The command `rebuild`: the database anew from the day files of every dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from stx_pipelines.coverage.datasets import CHAINS
from stx_pipelines.coverage.progress import run_lock
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.coverage.text import count_days
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.settings import Settings
from stx_pipelines.store.inspect import held_days
from stx_pipelines.store.locks import locked
from stx_pipelines.store.replacement import LacksDays

DONE, ERROR = 0, 1


def rebuild_all(settings: Settings, *, force: bool = False) -> int:
    """Load every sound day file into a new database; exit code 1 if one had to be left out.

    Without `force`, the old database is kept when the new one would lack days that it holds: raises `LacksDays`.
    Raises `Busy` while a run works on one of the datasets: nothing was changed then.
    """
    landings = [open_landing(settings, dataset) for chain in CHAINS.values() for dataset in chain.tables]
    with ExitStack() as alone:
        for landing in landings:
            lock = run_lock(settings.stx_data_dir, landing.dataset)
            alone.enter_context(locked(lock, f"the dataset {landing.dataset}", wait=0))
        damaged = {landing.dataset: landing.files.damaged(thoroughly=True) for landing in landings}
        sound = {
            landing.dataset: [day for day in landing.landed() if day.certificate.day not in damaged[landing.dataset]]
            for landing in landings
        }
        warehouse = landings[0].warehouse
        needed = {} if force else {dataset: held_days(warehouse, dataset) for dataset in sound}
        newer = [why for landing in landings for why in landing.files.newer().values()]
        unreadable = [*newer, *(why for days in damaged.values() for why in days.values())]
        try:
            wrong = warehouse.rebuild(sound, needed)
        except LacksDays as error:
            _say_left_out([*unreadable, *error.left_out])
            raise
        open_metrics(settings).load()
    loaded = sum(len(days) for days in sound.values()) - len(wrong)
    click.echo(f"{count_days(loaded)} loaded into {warehouse.path}")
    _say_left_out([*unreadable, *wrong])
    return ERROR if unreadable or wrong else DONE


def _say_left_out(reasons: Sequence[object]) -> None:
    for why in reasons:
        click.echo(f"left out: {why}", err=True)

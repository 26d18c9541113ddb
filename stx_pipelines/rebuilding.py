"""The command `rebuild`: the database anew from the day files of every dataset."""

from __future__ import annotations

from contextlib import ExitStack

import click

from stx_pipelines.settings import Settings
from stx_pipelines.store.locks import locked
from stx_pipelines.sync.datasets import CHAINS
from stx_pipelines.sync.metrics import open_metrics
from stx_pipelines.sync.progress import run_lock
from stx_pipelines.sync.sentences import count_days
from stx_pipelines.sync.survey import open_landing

DONE, ERROR = 0, 1


def rebuild_all(settings: Settings) -> int:
    """Load every sound day file into a new database; exit code 1 if one had to be left out.

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
        wrong = warehouse.rebuild(sound)
        open_metrics(settings).load()
    loaded = sum(len(days) for days in sound.values()) - len(wrong)
    click.echo(f"{count_days(loaded)} loaded into {warehouse.path}")
    newer = [why for landing in landings for why in landing.files.newer().values()]
    left_out = [*newer, *(why for days in damaged.values() for why in days.values()), *wrong]
    for why in left_out:
        click.echo(f"left out: {why}", err=True)
    return ERROR if left_out else DONE

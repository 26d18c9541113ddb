"""The coverage of datasets and chains, computed from settings and files. No request is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS, WALLET_BALANCES, Dataset, datasets_of
from stx_pipelines.chains.days import DAY
from stx_pipelines.clients.redaction import public_name
from stx_pipelines.coverage.combined import less_far
from stx_pipelines.coverage.model import Coverage, judge_days, wanted_days
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.unserved import unserved
from stx_pipelines.project import Project
from stx_pipelines.store.identity import Identity, known_ethereum, known_identity
from stx_pipelines.store.neighbours import torn_days

PRICES_TIP_AGE = timedelta(hours=2)
"""A source of prices whose last full hour ended longer ago is behind."""


def first_day_note(project: Project) -> str | None:
    """Return a sentence about a setting that asks for days before the first possible day; None if there is none.

    The settings are STX_FIRST_DAY, and STX_TARGET_DAYS if it was given.
    """
    identity, first = known_identity(project.folder), project.settings.stx_first_day
    if identity is None:
        return None
    if first is None or first >= identity.first_day:
        return _long_target(project, identity) if first is None else None
    if identity.height == 1:
        return f"STX_FIRST_DAY={first} is before the chain's first day, so days are wanted from {identity.first_day} on"
    return (
        f"STX_FIRST_DAY={first} is before the first day of {project.settings.stx_data_dir}, so days are wanted from "
        f"{identity.first_day} on; for earlier days, set STX_DATA_DIR to a new folder"
    )


def _long_target(project: Project, identity: Identity) -> str | None:
    settings, today = project.settings, datetime.now(UTC).date()
    if "stx_target_days" not in settings.model_fields_set or identity.height != 1:
        return None
    most = (today - identity.first_day).days
    if settings.stx_target_days <= most:
        return None
    return (
        f"STX_TARGET_DAYS={settings.stx_target_days} reaches back to days before the chain's first day, so days are "
        f"wanted from {identity.first_day} on"
    )


def dataset_coverage(project: Project, dataset: Dataset, now: datetime) -> Coverage:
    """Return the coverage of a dataset. A day counts as open if the day that it is made from has changed."""
    return _coverage(project, dataset, _TARGETS[dataset.chain](project), now)


def _coverage(project: Project, dataset: Dataset, wanted: _Target, now: datetime) -> Coverage:
    store = project.store(dataset.name)
    store.refresh()
    published = store.warehouse.published(dataset.name)
    days, stored = wanted_days(wanted.target_days, now.date(), wanted.first_day), _stored(project, dataset)
    is_of_balances = dataset.name == WALLET_BALANCES
    return judge_days(
        wanted=_days_of_balances(project, days, stored, now) if is_of_balances else days,
        stored=stored,
        loaded=published.loaded,
        checked=_checked(project, dataset),
        attempts=store.attempts.all(),
        now=now,
        freshness=project.settings.freshness,
        price=dataset.price,
        newer=store.files.newer(),
        tip=_tip(project, dataset.chain, wanted),
        first_day=wanted.first_day,
        torn=torn_days(store.files, compare=False) if dataset.name == TRANSACTIONS else (),
        may_be_empty=is_of_balances,
        # Runs may be on other machines, each with a table of its own, which `sync` loads there.
        needs_table=store.copy is None,
    )


def _days_of_balances(
    project: Project, days: Sequence[date], stored: Mapping[date, Certificate], now: datetime
) -> list[date]:
    """Return the days whose balances of new wallets are wanted: closed days that the server gives or that are stored.

    A day is wanted when the days beside it are stored too, because some of their blocks may be between its blocks. The
    oldest day of all has no day before it. No day is wanted without STX_BALANCES.
    """
    if not project.settings.stx_balances:
        return []
    refused = unserved(project.folder, project.accounts_server[0], now)
    transactions = project.store(TRANSACTIONS).files.certificates()
    closed = [
        day
        for day in days
        if day in transactions
        and transactions[day].is_closed
        and day + DAY in transactions
        and (day - DAY in transactions or day == days[-1])
    ]
    kept = {day for day, known in stored.items() if known.is_closed}
    return [day for day in closed if day in kept or refused is None or day > refused.day]


def chain_coverage(project: Project, chain: str, now: datetime) -> Coverage:
    """Return the coverage of a chain. Each day has the coverage of its least complete dataset."""
    wanted = _TARGETS[chain](project)  # read once, because a running sync may save the chain's first day
    datasets = wanted_datasets(project, chain)
    return reduce(less_far, (_coverage(project, dataset, wanted, now) for dataset in datasets))


def wanted_datasets(project: Project, chain: str) -> tuple[Dataset, ...]:
    """Return the chain's datasets whose days are wanted, in the order in which they are synced."""
    return tuple(each for each in datasets_of(chain) if each.switch is None or getattr(project.settings, each.switch))


def transactions_coverage(project: Project, now: datetime) -> Coverage:
    """Return the coverage of the Stacks transactions."""
    return dataset_coverage(project, DATASETS[TRANSACTIONS], now)


class _Target(NamedTuple):
    """The settings of a chain's coverage.

    `target_days` is the number of wanted days before today. `first_day` is the earliest day that can be wanted; None if
    it is not known. The newest block of `server` is stale if it is older than `tip_age`.
    """

    target_days: int
    first_day: date | None
    server: str
    tip_age: timedelta


def _of_stacks(project: Project) -> _Target:
    settings, identity = project.settings, known_identity(project.folder)
    first_day = _latest(settings.stx_first_day, identity.first_day if identity else None)
    return _Target(settings.stx_target_days, first_day, settings.hiro_api_url, settings.stx_tip_age)


def _of_ethereum(project: Project) -> _Target:
    settings, identity = project.settings, known_ethereum(project.folder)
    first_day = _latest(settings.eth_first_day, identity.first_day if identity else None)
    url = settings.eth_rpc_url
    server = public_name(url.get_secret_value()) if url else "the node"
    return _Target(settings.eth_target_days, first_day, server, settings.eth_tip_age)


def _of_prices(project: Project) -> _Target:
    """Return the days of the Stacks chain and the day before them, whose last hours price the first moments."""
    settings, stacks = project.settings, _of_stacks(project)
    first_day = stacks.first_day - DAY if stacks.first_day else None
    server = str(settings.stx_prices_file or settings.stx_prices_url)
    return _Target(stacks.target_days + 1, first_day, server, PRICES_TIP_AGE)


_TARGETS = {"stacks": _of_stacks, "stacks_balances": _of_stacks, "ethereum": _of_ethereum, "prices": _of_prices}


def _latest(*days: date | None) -> date | None:
    return max((day for day in days if day), default=None)


def _stored(project: Project, dataset: Dataset) -> Mapping[date, Certificate]:
    """Return the stored days' certificates. A day counts as open if the day that it is made from has changed."""
    stored = project.store(dataset.name).files.certificates()
    if dataset.made_from is None:
        return stored
    source = project.store(dataset.made_from).files.certificates()
    return {
        day: known if known.is_of_same_blocks(source.get(day)) else msgspec.structs.replace(known, state="open")
        for day, known in stored.items()
    }


def _checked(project: Project, dataset: Dataset) -> Mapping[date, datetime]:
    """Return when open days were compared with the tip. A comparison counts for all days that are of the same blocks.

    The days that a dataset is made from are compared, and the dataset's own days if they are made again.
    """
    own = project.warehouse.published(dataset.name).checked
    if dataset.made_from is None:
        return own
    source = project.store(dataset.made_from).files.certificates()
    stored = project.store(dataset.name).files.certificates()
    of_source = _checked(project, DATASETS[dataset.made_from])
    same = {
        day: at for day, at in of_source.items() if day in stored and stored[day].is_of_same_blocks(source.get(day))
    }
    return {**own, **{day: max(at, own.get(day, at)) for day, at in same.items()}}


def _tip(project: Project, chain: str, target: _Target) -> Sighting | None:
    """Return the server's newest block at the last check, recorded by the chain's first dataset; None if not known."""
    first = datasets_of(chain)[0]
    known = project.warehouse.published(first.name)
    if known.tip_time is None or known.tip_since is None or known.tip_seen is None:
        return None
    return Sighting(target.server, known.tip_time, known.tip_since, known.tip_seen, target.tip_age, known.tip_caught_up)

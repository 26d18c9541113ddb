"""How far we are, from settings and files alone: no client is needed, no request is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.clients.redaction import public_name
from stx_pipelines.coverage.model import (
    BALANCES_PRICE,
    BLOCKS_PRICE,
    STACKS_PRICE,
    Coverage,
    Price,
    less_far,
    survey,
    wanted_days,
)
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.project import Project
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.identity import known_ethereum, known_identity

if TYPE_CHECKING:
    pass


def first_day_note(project: Project) -> str | None:
    """A sentence for people whose STX_FIRST_DAY is earlier than can be; None if it is not."""
    identity, wish = known_identity(project.folder), project.settings.stx_first_day
    if identity is None or wish is None or wish >= identity.first_day:
        return None
    if identity.height == 1:
        return f"STX_FIRST_DAY={wish} is before the chain's first day: days are wanted from {identity.first_day} on"
    return (
        f"STX_FIRST_DAY={wish} is before the day that {project.settings.stx_data_dir} began with: days are wanted from "
        f"{identity.first_day} on; for earlier ones set STX_DATA_DIR to a new folder"
    )


def survey_transactions(project: Project, now: datetime) -> Coverage:
    """How far the transactions are."""
    store = project.store()
    tip = _tip(store, project.settings.hiro_api_url, project.settings.stx_tip_age)
    return _survey(project, store, _wanted_of_stacks(project, now), now, STACKS_PRICE, tip)


def survey_blocks(project: Project, now: datetime) -> Coverage:
    """How far the Ethereum blocks are."""
    store = project.store(BLOCKS)
    return _survey(project, store, _wanted_of_ethereum(project, now), now, BLOCKS_PRICE, _ethereum_tip(project))


def survey_balances(project: Project, now: datetime) -> Coverage:
    """How far the fee recipients' balances are. Balances of blocks that have changed since are open again."""
    store = project.store(BALANCES)
    blocks = project.store(BLOCKS).files.certificates()
    landed = {
        day: known if known.is_of_same_blocks(blocks.get(day)) else msgspec.structs.replace(known, state="open")
        for day, known in store.files.certificates().items()
    }
    wanted = _wanted_of_ethereum(project, now)
    return _survey(project, store, wanted, now, BALANCES_PRICE, _ethereum_tip(project), landed)


def survey_ethereum(project: Project, now: datetime) -> Coverage:
    """How far Ethereum is: a day counts as far as whichever of its two datasets is less far."""
    return less_far(survey_blocks(project, now), survey_balances(project, now))


class _Wanted(NamedTuple):
    """The wanted days, newest first, and the earliest that can be wanted, if that is known."""

    days: list[date]
    first_day: date | None


def _wanted_of_stacks(project: Project, now: datetime) -> _Wanted:
    settings, identity = project.settings, known_identity(project.folder)
    return _wanted(settings.stx_target_days, now, settings.stx_first_day, identity.first_day if identity else None)


def _wanted_of_ethereum(project: Project, now: datetime) -> _Wanted:
    settings, identity = project.settings, known_ethereum(project.folder)
    return _wanted(settings.eth_target_days, now, settings.eth_first_day, identity.first_day if identity else None)


def _wanted(target_days: int, now: datetime, *first_days: date | None) -> _Wanted:
    first_day = max((day for day in first_days if day), default=None)
    return _Wanted(wanted_days(target_days, now.date(), first_day), first_day)


def _ethereum_tip(project: Project) -> Sighting | None:
    """Of both datasets: balances are read of landed blocks, and `finalized` is looked at for these."""
    url = project.settings.eth_rpc_url
    server = public_name(url.get_secret_value()) if url else "the node"
    return _tip(project.store(BLOCKS), server, project.settings.eth_tip_age)


def _tip(store: DatasetStore[Any], server: str, limit: timedelta) -> Sighting | None:
    known = store.warehouse.published(store.dataset)
    if known.tip_time is None or known.tip_since is None or known.tip_seen is None:
        return None
    return Sighting(server, known.tip_time, known.tip_since, known.tip_seen, limit, known.tip_caught_up)


def _survey(
    project: Project,
    store: DatasetStore[Any],
    wanted: _Wanted,
    now: datetime,
    price: Price,
    tip: Sighting | None,
    landed: Mapping[date, Certificate] | None = None,
) -> Coverage:
    published = store.warehouse.published(store.dataset)
    return survey(
        wanted=wanted.days,
        landed=store.files.certificates() if landed is None else landed,
        loaded=published.loaded,
        checked=published.checked,
        attempts=store.attempts.all(),
        now=now,
        freshness=project.settings.freshness,
        price=price,
        newer=store.files.newer(),
        tip=tip,
        first_day=wanted.first_day,
    )

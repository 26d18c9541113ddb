"""How far we are, from settings and files alone: no client is needed, no request is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
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
from stx_pipelines.settings import Settings
from stx_pipelines.store import ethereum_rows, stacks_rows
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.dataset_store import Landing
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.identity import known_ethereum, known_identity
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


_TO_ARROW: Mapping[str, Callable[[Sequence[Any]], pa.Table]] = {
    TRANSACTIONS: stacks_rows.to_arrow,
    BLOCKS: ethereum_rows.blocks_to_arrow,
    BALANCES: ethereum_rows.balances_to_arrow,
}


def open_landing(settings: Settings, dataset: str = TRANSACTIONS) -> Landing[Any]:
    """Day files and table of a dataset."""
    folder = days_folder(settings.stx_data_dir, dataset)
    return Landing(
        dataset,
        DayFiles(folder),
        AttemptFiles(folder),
        Warehouse(settings.stx_data_dir, patience=settings.stx_lock_wait_seconds),
        _TO_ARROW[dataset],
        patience=settings.stx_lock_wait_seconds,
    )


def days_folder(data_folder: Path, dataset: str) -> Path:
    """Where the day files of a dataset are."""
    return data_folder / "days" / dataset


def first_day_note(settings: Settings) -> str | None:
    """A sentence for people whose STX_FIRST_DAY is earlier than can be; None if it is not."""
    identity, wish = known_identity(settings.stx_data_dir), settings.stx_first_day
    if identity is None or wish is None or wish >= identity.first_day:
        return None
    if identity.height == 1:
        return f"STX_FIRST_DAY={wish} is before the chain's first day: days are wanted from {identity.first_day} on"
    return (
        f"STX_FIRST_DAY={wish} is before the day that {settings.stx_data_dir} began with: days are wanted from "
        f"{identity.first_day} on; for earlier ones set STX_DATA_DIR to a new folder"
    )


def survey_transactions(settings: Settings, now: datetime) -> Coverage:
    """How far the transactions are."""
    landing = open_landing(settings)
    tip = _tip(landing, settings.hiro_api_url, settings.stx_tip_age)
    return _survey(settings, landing, _wanted_of_stacks(settings, now), now, STACKS_PRICE, tip)


def survey_blocks(settings: Settings, now: datetime) -> Coverage:
    """How far the Ethereum blocks are."""
    landing = open_landing(settings, BLOCKS)
    return _survey(settings, landing, _wanted_of_ethereum(settings, now), now, BLOCKS_PRICE, _ethereum_tip(settings))


def survey_balances(settings: Settings, now: datetime) -> Coverage:
    """How far the fee recipients' balances are. Balances of blocks that have changed since are open again."""
    landing = open_landing(settings, BALANCES)
    blocks = open_landing(settings, BLOCKS).files.certificates()
    landed = {
        day: known if known.is_of_same_blocks(blocks.get(day)) else msgspec.structs.replace(known, state="open")
        for day, known in landing.files.certificates().items()
    }
    wanted = _wanted_of_ethereum(settings, now)
    return _survey(settings, landing, wanted, now, BALANCES_PRICE, _ethereum_tip(settings), landed)


def survey_ethereum(settings: Settings, now: datetime) -> Coverage:
    """How far Ethereum is: a day counts as far as whichever of its two datasets is less far."""
    return less_far(survey_blocks(settings, now), survey_balances(settings, now))


class _Wanted(NamedTuple):
    """The wanted days, newest first, and the earliest that can be wanted, if that is known."""

    days: list[date]
    first_day: date | None


def _wanted_of_stacks(settings: Settings, now: datetime) -> _Wanted:
    identity = known_identity(settings.stx_data_dir)
    return _wanted(settings.stx_target_days, now, settings.stx_first_day, identity.first_day if identity else None)


def _wanted_of_ethereum(settings: Settings, now: datetime) -> _Wanted:
    identity = known_ethereum(settings.stx_data_dir)
    return _wanted(settings.eth_target_days, now, settings.eth_first_day, identity.first_day if identity else None)


def _wanted(target_days: int, now: datetime, *first_days: date | None) -> _Wanted:
    first_day = max((day for day in first_days if day), default=None)
    return _Wanted(wanted_days(target_days, now.date(), first_day), first_day)


def _ethereum_tip(settings: Settings) -> Sighting | None:
    """Of both datasets: balances are read of landed blocks, and `finalized` is looked at for these."""
    url = settings.eth_rpc_url
    server = public_name(url.get_secret_value()) if url else "the node"
    return _tip(open_landing(settings, BLOCKS), server, settings.eth_tip_age)


def _tip(landing: Landing[Any], server: str, limit: timedelta) -> Sighting | None:
    known = landing.warehouse.published(landing.dataset)
    if known.tip_time is None or known.tip_since is None or known.tip_seen is None:
        return None
    return Sighting(server, known.tip_time, known.tip_since, known.tip_seen, limit, known.tip_caught_up)


def _survey(
    settings: Settings,
    landing: Landing[Any],
    wanted: _Wanted,
    now: datetime,
    price: Price,
    tip: Sighting | None,
    landed: Mapping[date, Certificate] | None = None,
) -> Coverage:
    published = landing.warehouse.published(landing.dataset)
    return survey(
        wanted=wanted.days,
        landed=landing.files.certificates() if landed is None else landed,
        loaded=published.loaded,
        checked=published.checked,
        attempts=landing.attempts.all(),
        now=now,
        freshness=settings.freshness,
        price=price,
        newer=landing.files.newer(),
        tip=tip,
        first_day=wanted.first_day,
    )

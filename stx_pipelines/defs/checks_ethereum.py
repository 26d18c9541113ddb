"""What must be true of the tables `blocks` and `miners_balance`, asked of the tables themselves.

Unpartitioned: they look at everything. What the numbers of an increase mean is in docs/ethereum.md.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeVar

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.chains.ethereum_proof import ENOUGH
from stx_pipelines.coverage.survey import days_folder
from stx_pipelines.settings import SettingsError, load_settings
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.ethereum_checks import IncreaseShares, increase_shares, unlinked_blocks, wrong_balances
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.warehouse import Warehouse

MERGE = date(2022, 9, 15)
"""The first day with proof of stake: until then a block paid its miner 2 ETH and more."""

_PATIENCE = 60.0  # seconds; the next run may be loading a day right now
_NAMED = 10  # blocks and days in a sentence
_T = TypeVar("_T")


class Bounds(NamedTuple):
    """The largest shares of a day's blocks that are plausible, from 0 to 1."""

    zero: float
    negative: float


BEFORE_MERGE = Bounds(zero=0.05, negative=0.25)
"""Only a pool that pays its members out of the same account, in its own block, gets poorer by a block."""

SINCE_MERGE = Bounds(zero=0.30, negative=0.60)
"""A builder may pay the proposer all the fees, or more than them; most blocks leave it a little."""


class _Table(NamedTuple):
    """The certificates of the days that have landed, and which of them the table was loaded from."""

    landed: Mapping[date, Certificate]
    loaded: Mapping[date, str]

    def shown(self, day: date) -> Certificate | None:
        """What the table's rows of this day rest on; None if the day has landed anew and is not loaded yet."""
        known = self.landed.get(day)
        return known if known is not None and known.id == self.loaded.get(day) else None


class _Tables(NamedTuple):
    """The database, and what is known of both tables without opening it."""

    database: Path
    blocks: _Table
    balances: _Table

    def unfinished(self) -> list[date]:
        """Days with blocks that the table does not have yet: still open, or landed anew and not loaded."""
        shown = {day: self.blocks.shown(day) for day in self.blocks.landed}
        return [day for day, known in shown.items() if known is None or not known.is_closed]

    def waiting(self) -> list[date]:
        """Days whose balances are not those of the blocks in the table: a run, or the loading, has to catch up."""
        return [day for day in sorted(self.balances.loaded) if not self._is_settled(day)]

    def _is_settled(self, day: date) -> bool:
        known = self.balances.shown(day)
        return known is not None and known.is_of_same_blocks(self.blocks.shown(day))


@dg.asset_check(asset=dg.AssetKey(BLOCKS), description="Every block names the hash of the one before; none is missing.")
def blocks_are_linked() -> dg.AssetCheckResult:
    """Also where two days meet that landed at different times."""
    tables = _tables()
    wrong = _asked(lambda: unlinked_blocks(tables.database, unfinished=tables.unfinished(), wait=_PATIENCE))
    return dg.AssetCheckResult(
        passed=not wrong,
        description=_sentence(wrong, "do not follow from the one below them in the table"),
        metadata={"unlinked_blocks": len(wrong), "days": len(tables.blocks.loaded)},
    )


@dg.asset_check(
    asset=dg.AssetKey(BALANCES),
    description="Every block has one row, of that very block; after - before = increase; neighbouring balances agree.",
)
def balances_add_up() -> dg.AssetCheckResult:
    """A day whose blocks are ahead of its balances waits: only its arithmetic is judged."""
    tables = _tables()
    waiting = tables.waiting()
    wrong = _asked(lambda: wrong_balances(tables.database, waiting=waiting, wait=_PATIENCE))
    return dg.AssetCheckResult(
        passed=not wrong,
        description=_sentence(wrong, "have a row in miners_balance that is wrong, or none"),
        metadata={
            "wrong_balances": len(wrong),
            "days": len(tables.balances.loaded),
            "days_waiting_for_balances": _listed(waiting),
        },
    )


@dg.asset_check(
    asset=dg.AssetKey(BALANCES),
    description=(
        f"On no day more than {SINCE_MERGE.negative:.0%} of the increases are negative or {SINCE_MERGE.zero:.0%} zero "
        f"(before the merge {BEFORE_MERGE.negative:.0%} and {BEFORE_MERGE.zero:.0%}). A warning: look, then believe."
    ),
)
def increases_are_plausible() -> dg.AssetCheckResult:
    """Zero and negative increases are normal, a day full of them is not: calls that failed may look like that."""
    days = _asked(lambda: increase_shares(_tables().database, wait=_PATIENCE))
    odd = [each.day for each in days if is_odd(each)]
    blocks = sum(each.blocks for each in days)
    shares = {
        "positive_share": sum(each.positive for each in days),
        "zero_share": sum(each.zero for each in days),
        "negative_share": sum(each.negative for each in days),
    }
    return dg.AssetCheckResult(
        passed=not odd,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "blocks": blocks,
            "odd_days": _listed(odd),
            **{name: round(count / (blocks or 1), 4) for name, count in shares.items()},
        },
    )


def is_odd(shares: IncreaseShares) -> bool:
    """Whether a day has more zero or negative increases than is plausible. Too few blocks say nothing."""
    bounds = BEFORE_MERGE if shares.day < MERGE else SINCE_MERGE
    return shares.blocks >= ENOUGH and (
        shares.zero > bounds.zero * shares.blocks or shares.negative > bounds.negative * shares.blocks
    )


def _tables() -> _Tables:
    try:
        folder = load_settings().stx_data_dir
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    warehouse = Warehouse(folder)
    return _Tables(warehouse.path, _table(folder, warehouse, BLOCKS), _table(folder, warehouse, BALANCES))


def _table(folder: Path, warehouse: Warehouse, dataset: str) -> _Table:
    return _Table(DayFiles(days_folder(folder, dataset)).certificates(), warehouse.published(dataset).loaded)


def _asked(question: Callable[[], _T]) -> _T:
    try:
        return question()
    except StoreError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _sentence(wrong: Sequence[int], what: str) -> str:
    if not wrong:
        return "no block is wrong"
    return f"these blocks {what}: {_listed(wrong)}; `stx-pipelines rebuild` loads the proved day files anew"


def _listed(found: Sequence[object]) -> str:
    named = ", ".join(map(str, found[:_NAMED])) or "none"
    return f"{named} and {len(found) - _NAMED:,} more" if len(found) > _NAMED else named


ethereum_checks = [blocks_are_linked, balances_add_up, increases_are_plausible]
"""Every check of the Ethereum tables."""

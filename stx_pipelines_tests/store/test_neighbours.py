"""Two stored days of different forks are found, and interleaved days of one chain are not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.store.neighbours import torn_days
from stx_pipelines_tests.faults.wild import wild_chain
from stx_pipelines_tests.world import FIRST_DAY, World, make_chain

MakeWorld = Callable[..., World]


def test_days_of_two_forks_are_never_complete_and_are_read_again(make_world: MakeWorld) -> None:
    chain = make_chain(4, 20, burn_blocks_per_day=24)
    world = make_world(chain, stx_tip_age_minutes=0, stx_target_days=4)
    world.now = datetime.fromtimestamp(chain.tip.time, UTC) + timedelta(minutes=1)
    world.stored()
    files = world.store(TRANSACTIONS).files
    assert torn_days(files, compare=True) == frozenset()
    old = files.path(world.days[3])
    kept = shutil.copy(old, world.data / "old")
    chain.reorg(burn_blocks=60)
    chain.grow(burn_blocks=1)
    world.stored()
    shutil.copy(kept, old)
    torn = torn_days(world.store(TRANSACTIONS).files, compare=True)
    assert world.days[3] in torn
    coverage = transactions_coverage(world.project(), world.now)
    assert not {day.day for day in coverage.days if day.covered} & torn
    assert set(coverage.next(0, open_every=timedelta(hours=1)).days) & torn  # type: ignore[union-attr]
    world.stored()
    world.assert_true()
    assert torn_days(world.store(TRANSACTIONS).files, compare=True) == frozenset()


def test_interleaved_days_of_one_chain_fit(make_world: MakeWorld) -> None:
    chain = wild_chain(make_chain(3, 12).spec)
    world = make_world(chain)
    world.stored()
    known = world.certificates()
    lasts = [(known[day].last_height, known[day + timedelta(days=1)].first_height) for day in world.days[:-1]]
    assert any(last and first and last >= first for last, first in lasts), FIRST_DAY
    assert torn_days(world.store(TRANSACTIONS).files, compare=True) == frozenset()

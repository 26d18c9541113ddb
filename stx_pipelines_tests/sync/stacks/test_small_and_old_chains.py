"""Chains with one burn block, days before Nakamoto, and looks that find nothing new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, soon

MakeWorld = Callable[..., World]
OLD = date(2024, 9, 1)


def test_a_chain_with_one_burn_block_is_a_chain(make_world: MakeWorld) -> None:
    minutes = 2
    while not (chain := make_chain(0, tip=soon(FIRST_DAY, minutes))).burn_blocks:
        minutes += 1
    assert len(chain.burn_blocks) == 1
    world = make_world(chain)
    certificate = world.stored([FIRST_DAY])[FIRST_DAY].certificate
    assert (certificate.state, certificate.seen) == ("open", 0)
    chain.grow(burn_blocks=3)
    world.stored([FIRST_DAY])
    world.assert_true([FIRST_DAY])


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_the_microblocks_of_an_old_day_are_all_exact_or_all_null(make_world: MakeWorld, v3_missing: bool) -> None:
    world = make_world(make_chain(1, 12, first_day=OLD), Knobs(v3_missing=v3_missing), stx_tip_age_minutes=0)
    certificate = world.stored([OLD])[OLD].certificate
    table = pq.read_table(world.data / "days" / "transactions" / f"{OLD}.parquet", partitioning=None)
    assert set(table["microblock_sequence"].to_pylist()) == ({2_147_483_647} if v3_missing else {None})
    assert ("microblock_sequence is NULL" in certificate.proof) is not v3_missing
    assert file_rows(world.data, OLD)


def test_a_look_at_the_tip_that_finds_nothing_new_is_written_down(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    today = world.days[-1]
    world.now = at(today, 12)
    world.stored()
    world.now += timedelta(minutes=20)
    assert world.open_sync().check_tip() is False
    assert world.open_sync().store.warehouse.published("transactions").checked[today] == world.now
    world.chain.grow(burn_blocks=1)
    assert world.open_sync().check_tip() is True
    assert today - DAY == FIRST_DAY

"""Stored days equal the chain, row for row, for all chain shapes, network faults and routes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.devnet.stacks.knobs import FAULT_KINDS, FaultKind, Knobs
from stx_pipelines_tests.world import World, at, make_chain

MakeWorld = Callable[..., World]

LISTED = "every burn block's count, its Stacks blocks and numbering inside blocks"
SAMPLED = "a sample of burn blocks, heights and numbering inside blocks"


@pytest.mark.parametrize("shape", ["even", "heavy", "giant"])
@pytest.mark.parametrize("knobs", [{}, {"v3_missing": True}, {"burn_list_broken": True}], ids=["v3", "v1", "sample"])
def test_files_and_table_equal_the_chain(make_world: MakeWorld, shape: str, knobs: dict[str, bool]) -> None:
    chain = make_chain(3, 9, shape=shape, transactions_per_day=500)
    world = make_world(chain, Knobs(**knobs))
    stored = world.stored()
    world.assert_true()
    proof = SAMPLED if "burn_list_broken" in knobs else LISTED
    assert {one.certificate.proof for one in stored.values()} == {proof}
    assert {one.certificate.route for one in stored.values()} == {"v1" if "v3_missing" in knobs else "v3"}
    assert [stored[day].certificate.state for day in world.days] == ["closed", "closed", "closed", "open"]


def test_days_of_many_pieces_equal_the_chain(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 3, shape="giant", transactions_per_day=5000, stacks_blocks_per_burn_block=20))
    world.stored()
    world.assert_true()


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_network_fault_costs_retries_but_no_row(make_world: MakeWorld, kind: FaultKind) -> None:
    knobs = Knobs(fault_rate=0.15, fault_kinds=(kind,), retry_after_seconds=0, seed=7)
    world = make_world(make_chain(2, 9), knobs, hiro_attempts=12)
    world.stored()
    world.assert_true()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_all_faults_at_once_cost_no_row(make_world: MakeWorld, seed: int, v3_missing: bool) -> None:
    knobs = Knobs(fault_rate=0.2, retry_after_seconds=0, seed=seed, v3_missing=v3_missing)
    world = make_world(make_chain(2, 9, seed=seed), knobs, hiro_attempts=12)
    world.stored()
    world.assert_true()


def test_the_growing_burn_block_is_not_published(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    certificate = world.stored()[world.days[-1]].certificate
    assert certificate.proved_to == world.chain.burn_blocks[-2].height
    assert certificate.tip_height == world.chain.tip.burn_height
    assert certificate.seen < len(world.chain.transactions(world.days[-1]))


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_rows_are_right_while_the_tip_grows_during_the_read(make_world: MakeWorld, v3_missing: bool) -> None:
    world = make_world(make_chain(2, 9), Knobs(v3_missing=v3_missing))
    asked = 0

    def grow(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked % 3 == 0 and asked < 60:
            world.chain.grow(burn_blocks=1)

    world.knobs.on_request = grow
    world.stored()
    world.knobs.on_request = None
    world.stored()
    world.assert_true()


@pytest.mark.parametrize("knobs", [{}, {"v3_missing": True}, {"burn_list_broken": True}], ids=["v3", "v1", "sample"])
def test_a_day_is_not_closed_by_burn_blocks_that_come_after_the_tip_was_read(
    make_world: MakeWorld, knobs: dict[str, bool]
) -> None:
    """After the tip is read, as in a long rate limit, midnight and six burn blocks pass."""
    world = make_world(make_chain(1, 22), Knobs(**knobs))
    days = world.days

    def pass_midnight(path: str) -> None:
        if "by-block-time" in path:  # requested after the tip, before the list
            world.knobs.on_request = None
            world.chain.grow_to(at(days[-1] + DAY, 3))

    world.knobs.on_request = pass_midnight
    world.stored(days)
    world.stored(days)
    world.assert_true(days)


@pytest.mark.parametrize("reorg", [{"stacks_blocks": 12}, {"burn_blocks": 4}], ids=["stacks", "burn"])
@pytest.mark.parametrize("after", [3, 6, 9, 14])
@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_no_stale_row_is_stored_when_a_reorg_happens_during_the_read(
    make_world: MakeWorld, reorg: dict[str, int], after: int, v3_missing: bool
) -> None:
    """Days may fail; after the next sync, all stored rows are the chain's."""
    world = make_world(make_chain(1, 5), Knobs(v3_missing=v3_missing))
    asked = 0

    def disturb(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked == after:
            world.chain.reorg(**reorg)
            world.chain.grow(burn_blocks=1)

    world.knobs.on_request = disturb
    world.sync()
    world.knobs.on_request = None
    world.stored()
    world.assert_true()


def test_a_server_without_v3_is_logged_once(make_world: MakeWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "stx_pipelines"):
        make_world(make_chain(2, 9), Knobs(v3_missing=True)).stored()
    assert len([line for line in caplog.messages if "v3" in line]) == 1


def test_a_slow_burn_list_is_logged_once(make_world: MakeWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "stx_pipelines"):
        make_world(make_chain(2, 9), Knobs(burn_list_broken=True)).stored()
    assert len([line for line in caplog.messages if "sample" in line]) == 1


def test_requests_stay_near_the_minimum(make_world: MakeWorld) -> None:
    """The average is at most 1.05 x ceil(tx / 50) + 9 a day, with the proof and the first block's parent."""
    world = make_world(make_chain(10, 12, transactions_per_day=500))
    stored = world.stored()
    allowed = sum(1.05 * -(-one.certificate.seen // 50) + 9 for one in stored.values())
    spent = world.requests()
    assert spent <= allowed
    certified = sum(one.certificate.requests for one in stored.values())
    assert certified <= spent <= certified + 6  # the tip, the chain's identity, the comparison with stored days


def test_requests_stay_near_the_minimum_on_large_days(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12, transactions_per_day=8000, shape="heavy"))
    stored = world.stored()
    for one in stored.values():
        assert one.certificate.requests <= 1.05 * -(-one.certificate.seen // 50) + 9, one.certificate.day

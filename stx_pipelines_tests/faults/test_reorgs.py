"""Reorgs of every depth at every moment: orphaned rows are removed, and moved rows are stored once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.stacks.bitcoin import Bitcoin
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.faults.undisturbed import sync_until_complete
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, query, soon, truth

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]
LAST = FIRST_DAY + timedelta(days=2)

DEPTHS = [{"stacks_blocks": n} for n in (1, 30, 240)] + [{"burn_blocks": n} for n in (1, 2, 3, 4, 5)]


def chain_at_midnight(dice: Random) -> StacksChain:
    """Make a chain with its newest burn blocks on both sides of midnight, each of about 60 Stacks blocks."""
    return make_chain(
        2,
        tip=soon(LAST, dice.randint(5, 150)),
        seed=dice.randrange(10**6),
        burn_blocks_per_day=36,
        stacks_blocks_per_burn_block=60,
        transactions_per_day=2_200,
    )


@pytest.mark.parametrize("moment", ["between two runs", "while reading"])
def test_reorgs_at_midnight_change_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool, moment: str
) -> None:
    """One or two reorgs, with either route. Days stored before or during them are corrected by the next sync."""
    for depth in DEPTHS if whole else [dice.choice(DEPTHS)]:
        chain = chain_at_midnight(dice)
        world = make_world(chain, stx_tip_age_minutes=0)
        world.knobs.v3_missing = dice.random() < 0.25
        if moment == "between two runs":
            sync_until_complete(world)
            for _ in range(dice.randint(1, 2)):
                chain.reorg(**depth)
        else:
            world.knobs.on_request = at_random_requests(dice, 2, 60, lambda c=chain, d=depth: c.reorg(**d))
            with suppress(ApiError):
                world.sync()
            world.knobs.on_request = None
        chain.grow(burn_blocks=dice.randint(1, 2))
        sync_until_complete(world)
        ends_undisturbed(world, without=["index_block_hash"] if world.knobs.v3_missing else [])


def at_random_requests(dice: Random, times: int, most: int, disturb: Callable[[], object]) -> Callable[[str], None]:
    """Call `disturb` before `times` random responses among the first `most`."""
    moments = dice.sample(range(1, most), times)
    asked = 0

    def count(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked in moments:
            disturb()

    return count


def test_a_chain_that_always_grows_and_reorganises_loses_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool
) -> None:
    """A quarter of the steps are reorgs. Half of the steps happen during a sync."""
    world = make_world(make_chain(1, 18, seed=dice.randrange(10**6)), stx_tip_age_minutes=0)

    def step() -> None:
        if dice.random() < 0.25:
            world.chain.reorg(**dice.choice(DEPTHS[:2] + DEPTHS[3:]))
        world.chain.grow(burn_blocks=dice.randint(1, 9))

    for _ in range(60 if whole else 5):
        step()
        world.knobs.on_request = at_random_requests(dice, 1, 40, step)
        with suppress(ApiError):
            world.sync()
        world.knobs.on_request = None
        assert is_unique(world)
    sync_until_complete(world)
    ends_undisturbed(world)


def is_unique(world: World) -> bool:
    """Say whether every transaction is in the table once."""
    return query(world.data, "SELECT count(*) - count(DISTINCT tx_id) FROM transactions") == [(0,)]


def test_a_reorg_of_final_blocks_is_reported_and_corrected(
    make_world: MakeWorld,
    ends_undisturbed: EndsUndisturbed,
    caplog: pytest.LogCaptureFixture,
    dice: Random,
    whole: bool,
) -> None:
    """The reorg replaces one to three closed days."""
    for days in (1, 2, 3) if whole else (2,):
        chain = make_chain(8, 3, seed=dice.randrange(10**6), burn_blocks_per_day=24)
        world = make_world(chain, stx_tip_age_minutes=0)
        sync_until_complete(world)
        closed = {day for day, known in world.certificates().items() if known.is_closed}
        caplog.clear()
        chain.reorg(burn_blocks=24 * days + dice.randint(12, 24))
        chain.grow(burn_blocks=1)
        stale = {day for day in closed if file_rows(world.data, day) != truth(chain, day)}
        assert stale
        sync_until_complete(world)
        noticed = [line for line in caplog.messages if "replaced the blocks that closed" in line]
        assert {day for day in stale if any(str(day) in line for line in noticed)} == stale
        ends_undisturbed(world)


@pytest.mark.parametrize("route", [{}, {"v3_missing": True}, {"burn_list_broken": True}], ids=["v3", "v1", "sample"])
def test_burn_blocks_that_a_reorg_adds_to_a_closed_day_are_found(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, route: dict[str, bool]
) -> None:
    """Five new headers may have times before midnight, since a time need only exceed the median of eleven."""
    chain = make_chain(1, tip=soon(FIRST_DAY + timedelta(days=1), 10))
    day, midnight = FIRST_DAY, at(FIRST_DAY + timedelta(days=1)).timestamp()
    while [burn.time >= midnight for burn in chain.burn_blocks[-6:]] != [True] * 6:
        chain.grow(burn_blocks=1)
    world = make_world(chain, Knobs(**route), stx_tip_age_minutes=0)
    assert world.stored()[day].certificate.is_closed
    before = truth(chain, day)

    def earliest(self: Bitcoin, position: int, _: list[int], __: Random) -> int:
        return self._median_time_past(position) + 1

    monkeypatch.setattr(Bitcoin, "_header_time", earliest)
    chain.reorg(burn_blocks=5)
    monkeypatch.undo()
    for _ in range(14):
        chain.grow(burn_blocks=1)
    assert truth(chain, day)[: len(before)] == before
    assert len(truth(chain, day)) > len(before)
    world.stored()
    assert file_rows(world.data, day) == truth(chain, day)


@pytest.mark.parametrize("seed", [1, 3, 7])
def test_transactions_that_vanish_move_a_day_or_return_are_stored_as_on_the_chain(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, whole: bool, seed: int
) -> None:
    """The chain is changed until all three have happened, which on these chains takes few reorgs."""
    if seed > 1 and not whole:
        pytest.skip("only with --faults-whole: another chain of the same kind")
    chain = make_chain(2, tip=soon(LAST, 25), seed=seed, transactions_per_day=1_500)
    world = make_world(chain, stx_tip_age_minutes=0)
    states = [{tx.tx_id: day for day in world.days for tx in chain.transactions(day)}]
    vanished = moved = returned = False
    while not (vanished and moved and returned) and len(states) < 25:
        sync_until_complete(world)
        chain.reorg(burn_blocks=5)
        chain.grow(burn_blocks=1)
        before, now = states[-1], {tx.tx_id: day for day in world.days for tx in chain.transactions(day)}
        vanished |= bool(before.keys() - now.keys())
        moved |= any(now.get(tx_id, day) != day for tx_id, day in before.items())
        returned |= any(tx_id in now and tx_id not in before for past in states[:-1] for tx_id in past)
        states.append(now)
    assert (vanished, moved, returned) == (True, True, True)
    sync_until_complete(world)
    ends_undisturbed(world)


def test_transactions_missing_on_the_server_for_a_while_fail_their_days_only_then(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random
) -> None:
    """The lists omit them, but the counts include them. Their days fail, and no row of these days is stored."""
    world = make_world(make_chain(3, 12, seed=dice.randrange(10**6)), stx_tip_age_minutes=0)
    gone = {day: dice.choice(world.chain.transactions(day)).tx_id for day in dice.sample(world.days[:-1], 2)}
    world.knobs.hidden_transactions = set(gone.values())
    assert set(world.failed()) == set(gone)
    assert not set(world.certificates()) & set(gone)
    world.knobs.hidden_transactions = set()
    sync_until_complete(world)
    ends_undisturbed(world)

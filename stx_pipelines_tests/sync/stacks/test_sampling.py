"""Servers that cannot list burn blocks: days are complete, and closed only by six burn blocks that were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from stx_pipelines.devnet.stacks.bitcoin import Bitcoin, BitcoinBlock
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.world import DAY, FIRST_DAY, World, at, make_chain, truth

MakeWorld = Callable[..., World]
MIDNIGHT = int(at(FIRST_DAY + 2 * DAY).timestamp())


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[BitcoinBlock]], BitcoinBlock]], None]:
    """Give a function that replaces each new Bitcoin block, given all blocks so far."""
    extend = Bitcoin._extend

    def use(claim: Callable[[list[BitcoinBlock]], BitcoinBlock]) -> None:
        def extended(self: Bitcoin) -> None:
            extend(self)
            self.blocks[-1] = claim(self.blocks)

        monkeypatch.setattr(Bitcoin, "_extend", extended)

    return use


def assert_as_listed(make_world: MakeWorld, world: World) -> None:
    """Assert that stored days equal the chain, and are closed where a sync with the list closes them."""
    by_list = make_world(world.chain)
    by_list.sync()
    listed = by_list.certificates()
    for day, known in world.certificates().items():
        assert (known.seen, known.state) == (len(truth(world.chain, day)), listed[day].state), day
        assert bool(known.closed_by) is known.is_closed


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
@pytest.mark.parametrize("burn_blocks_per_day", [1, 2, 4, 8, 24])
def test_a_day_with_few_burn_blocks_is_read_to_its_end(
    make_world: MakeWorld, burn_blocks_per_day: int, v3_missing: bool
) -> None:
    chain = make_chain(
        4,
        12,
        transactions_per_day=300,
        burn_blocks_per_day=burn_blocks_per_day,
        stacks_blocks_per_burn_block=max(2, 150 // burn_blocks_per_day),
    )
    world = make_world(chain, Knobs(burn_list_broken=True, v3_missing=v3_missing))
    world.stored()
    assert_as_listed(make_world, world)


@pytest.mark.parametrize("inverted", [False, True], ids=["plain", "inverted"])
def test_a_burn_block_that_goes_on_for_hours_after_midnight_is_read_whole(
    make_world: MakeWorld, headers: Callable[..., None], inverted: bool
) -> None:
    """No tenure begins for three hours and forty minutes, so the last burn block of the day is extended."""

    def without_tenures(blocks: list[BitcoinBlock]) -> BitcoinBlock:
        newest = blocks[-1]
        if not MIDNIGHT <= newest.arrival < MIDNIGHT + 13_200:
            return newest
        number = sum(MIDNIGHT <= block.arrival < MIDNIGHT + 13_200 for block in blocks)
        if inverted and number <= 2:
            return replace(newest, has_tenure=True, time=newest.arrival if number == 1 else MIDNIGHT - 120)
        return replace(newest, has_tenure=False, time=newest.arrival)

    headers(without_tenures)
    chain = make_chain(4, 12, transactions_per_day=2_000, stacks_blocks_per_burn_block=20)
    world = make_world(chain, Knobs(burn_list_broken=True))
    world.stored()
    assert world.certificates()[FIRST_DAY + DAY].is_closed
    assert_as_listed(make_world, world)


def test_six_heights_that_are_not_six_listed_burn_blocks_close_nothing(
    make_world: MakeWorld, headers: Callable[..., None]
) -> None:
    """The third of them is not listed and claims a time before midnight, and so does the seventh."""
    after: list[int] = []

    def claim(blocks: list[BitcoinBlock]) -> BitcoinBlock:
        newest = blocks[-1]
        if newest.arrival < MIDNIGHT:
            return replace(newest, time=min(newest.time, MIDNIGHT - 100), has_tenure=True)
        if newest.height not in after:
            after.append(newest.height)
        number = after.index(newest.height) + 1
        return replace(
            newest, has_tenure=number != 3, time={3: MIDNIGHT - 50, 7: MIDNIGHT - 30}.get(number, newest.arrival)
        )

    headers(claim)
    chain = make_chain(1, 23, transactions_per_day=2_000)
    while chain.tip.burn_height not in after or after.index(chain.tip.burn_height) != 5:
        chain.grow(burn_blocks=1)
    world = make_world(chain, Knobs(burn_list_broken=True))
    world.stored()
    chain.grow(burn_blocks=3)
    world.stored()
    assert_as_listed(make_world, world)


@pytest.mark.parametrize(("attempts", "sampled"), [(3, 0), (2, 1)], ids=["short", "long"])
def test_after_errors_of_the_list_few_days_are_proved_by_sample(
    make_world: MakeWorld, attempts: int, sampled: int
) -> None:
    """After a short error none; after a long one, the days whose burn blocks were listed at that time."""
    world = make_world(make_chain(5, 12), hiro_attempts=attempts)

    def trouble(path: str) -> None:
        if "burn-blocks" in path:
            world.knobs.on_request = None
            world.knobs.fault_kinds, world.knobs.fail_next = ("503",), 2

    world.knobs.on_request = trouble
    world.stored()
    by_sample = [day for day, known in world.certificates().items() if "sample" in known.proof]
    assert by_sample == world.days[::-1][:sampled]
    assert_as_listed(make_world, world)

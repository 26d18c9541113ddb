"""What the suite found and is not mended yet: this must begin to fail on the day it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from stx_pipelines.devnet.bitcoin import Bitcoin
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, soon, truth

MakeWorld = Callable[..., World]


@pytest.mark.xfail(raises=AssertionError, reason="`is_final` counts on six burn blocks that a reorg may still replace")
def test_a_closed_day_stays_true_when_five_burn_blocks_above_it_are_replaced_by_earlier_ones(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header needs only to exceed the median of eleven: a fork above midnight may claim times before it."""
    chain = make_chain(1, tip=soon(FIRST_DAY + timedelta(days=1), 10))
    day, midnight = FIRST_DAY, at(FIRST_DAY + timedelta(days=1)).timestamp()
    while [burn.time >= midnight for burn in chain.burn_blocks[-6:]] != [True] * 6:
        chain.grow(burn_blocks=1)
    world = make_world(chain)
    assert world.landed()[day].certificate.is_closed

    def earliest(self: Bitcoin, position: int, _: list[int], __: Random) -> int:
        return self._median_time_past(position) + 1

    monkeypatch.setattr(Bitcoin, "_header_time", earliest)
    chain.reorg(burn_blocks=5)
    monkeypatch.undo()
    for _ in range(14):
        chain.grow(burn_blocks=1)
    world.landed()
    assert file_rows(world.data, day) == truth(chain, day)

"""A load balancer sends each request to another backend, and the backends are some blocks apart. There is no fork."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from stx_pipelines.clients.errors import Lagging
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import FIRST_DAY, World, at, make_chain, soon

MakeWorld = Callable[..., World]
LAST = FIRST_DAY + timedelta(days=2)


def chain_whose_second_day_has_just_closed(seed: int) -> StacksChain:
    """Return a chain whose newest burn block is the one that closes the second day."""
    chain = make_chain(2, tip=soon(LAST, 25), seed=seed)
    while sum(burn.time >= at(LAST).timestamp() for burn in chain.burn_blocks) < 7:
        chain.grow(burn_blocks=1)
    return chain


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lags", [{0, 3}, {0, 7, 40}], ids=str)
def test_backends_that_are_behind_take_no_closed_day_back(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture, seed: int, lags: set[int]
) -> None:
    world = make_world(chain_whose_second_day_has_just_closed(seed))
    world.stored()
    world.chain.grow(burn_blocks=1)
    closed = {day for day, known in world.certificates().items() if known.is_closed}
    world.knobs.backend_lags, world.knobs.seed = lags, seed
    for _ in range(3):
        with suppress(Lagging):
            assert not {one.day for one in world.sync() if isinstance(one, FailedDay)} & closed
        assert closed <= {day for day, known in world.certificates().items() if known.is_closed}
    assert not [line for line in caplog.messages if "a reorg replaced" in line]
    world.knobs.backend_lags = set()
    world.stored()
    world.assert_true()


def test_a_height_that_stays_missing_below_the_tip_is_said_and_changes_nothing(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(chain_whose_second_day_has_just_closed(1))
    world.stored()
    before = world.certificates()
    looks = 0

    def missing(*_: object) -> None:
        nonlocal looks
        looks += 1

    with monkeypatch.context() as patched:
        patched.setattr(StacksApi, "index_hash_at", missing)
        with pytest.raises(Lagging, match="nothing was changed, try again later") as behind:
            world.sync()
    assert_shown("`the backends of ... disagree: ...`", str(behind.value))
    assert looks == 5
    assert world.certificates() == before
    world.stored()
    world.assert_true()

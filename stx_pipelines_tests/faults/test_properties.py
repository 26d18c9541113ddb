"""Proved days are correct for any chain within Bitcoin's time rule, any page size, any moments of growth and reorgs."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines_tests.faults.wild import pages_of, wild_chain
from stx_pipelines_tests.world import FIRST_DAY, at, file_rows, truth, world

specs = st.builds(
    ChainSpec,
    seed=st.integers(0, 10**6),
    first_day=st.just(FIRST_DAY),
    tip=st.integers(12 * 60, 3 * 24 * 60).map(lambda minutes: at(FIRST_DAY) + timedelta(minutes=minutes)),
    transactions_per_day=st.integers(1, 400),
    shape=st.sampled_from(["even", "heavy", "giant"]),
    burn_blocks_per_day=st.integers(12, 160),
    stacks_blocks_per_burn_block=st.integers(1, 12),
)
growth = st.builds(lambda n: ("grow", {"burn_blocks": n}), st.integers(1, 12))
stacks_reorgs = st.builds(lambda n: ("reorg", {"stacks_blocks": n}), st.integers(1, 40))
burn_reorgs = st.builds(lambda n: ("reorg", {"burn_blocks": n}), st.integers(1, 12))
Event = tuple[int, tuple[str, dict[str, int]]]
events = st.lists(st.tuples(st.integers(0, 15), growth | stacks_reorgs | burn_reorgs), max_size=8)
"""Each event: the number of requests before it, and the change of the chain."""

SHORT_DAYS = ChainSpec(
    seed=408,
    first_day=FIRST_DAY,
    tip=at(FIRST_DAY) + timedelta(minutes=3749),
    transactions_per_day=41,
    burn_blocks_per_day=13,
    stacks_blocks_per_burn_block=3,
)
DEEP_TURNS: list[Event] = [
    (12, ("reorg", {"stacks_blocks": 31})),
    (7, ("reorg", {"burn_blocks": 5})),
    (4, ("grow", {"burn_blocks": 12})),
    (13, ("reorg", {"burn_blocks": 2})),
    (5, ("reorg", {"stacks_blocks": 29})),
]

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Without shrinking: an example takes half a second, so that shrinking would take minutes."""


class Interleaved:
    """A counter of requests that makes the planned events happen before the responses."""

    def __init__(self, chain: StacksChain, plan: list[Event]) -> None:
        self._chain = chain
        self._ahead = list(plan)
        self._wait = plan[0][0] if plan else 0

    def __call__(self, _: str) -> None:
        self._wait -= 1
        while self._ahead and self._wait <= 0:
            _, (what, how) = self._ahead.pop(0)
            if what == "grow" or self._depth(how) < len(self._chain.burn_blocks):
                getattr(self._chain, what)(**how)
            self._wait = self._ahead[0][0] if self._ahead else 0

    def _depth(self, how: dict[str, int]) -> int:
        stacks_blocks = self._chain.blocks[-how.get("stacks_blocks", 0) :]
        return how.get("burn_blocks") or len({block.burn_height for block in stacks_blocks})


def check(spec: ChainSpec, page_size: int, plan: list[Event], route: dict[str, bool]) -> None:
    """Assert that all days are correct after a sync during the events and another one after them.

    After the first sync, a closed day is correct unless a reorg replaced the block that closed it. The age of the
    tip is not checked, because the chain lies in the past.
    """
    chain = wild_chain(spec)
    assume(len(chain.burn_blocks) > 2)  # with fewer a sync refuses, because no blocks enclose the first day
    with (
        tempfile.TemporaryDirectory() as folder,
        world(chain, Path(folder) / "data", Knobs(**route), hiro_attempts=2, stx_tip_age_minutes=0) as here,
        pages_of(page_size),
    ):
        here.knobs.on_request = Interleaved(chain, plan)
        with suppress(ApiError):
            here.sync()
        here.knobs.on_request = None
        for day, certificate in here.certificates().items():
            assert not still_closed(certificate, chain) or file_rows(here.data, day) == truth(chain, day), day
        assert not [result for result in here.sync() if isinstance(result, FailedDay)]
        here.assert_true()


def still_closed(certificate: Certificate, chain: StacksChain) -> bool:
    """Say whether the block that closed the day is canonical."""
    if not certificate.is_closed:
        return False
    assert certificate.closed_by
    return chain.block_by_hash(certificate.closed_by.block_hash) is not None


@pytest.mark.parametrize("route", [{}, {"v3_missing": True}], ids=["v3", "v1"])
def test_proved_days_are_correct(whole: bool, route: dict[str, bool]) -> None:
    @settings(max_examples=400 if whole else 5, phases=PHASES)
    @given(specs, st.integers(1, 50), events)
    @example(SHORT_DAYS, 14, DEEP_TURNS)  # a newer day closes on the new fork before an older day is stored on the old
    def holds(spec: ChainSpec, page_size: int, plan: list[Event]) -> None:
        check(spec, page_size, plan, route)

    holds()

"""Block 1 carries the transactions of block 0, which no count includes. The first day is stored all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.world import FIRST_DAY, World, at, make_chain

MakeWorld = Callable[..., World]
ROUTES = pytest.mark.parametrize(
    "knobs", [{}, {"v3_missing": True}, {"burn_list_broken": True}], ids=["v3", "v1", "sample"]
)


@ROUTES
@pytest.mark.parametrize("boot", [8, 50])
def test_the_first_day_has_every_row_of_block_0_and_says_so(
    make_world: MakeWorld, knobs: dict[str, bool], boot: int
) -> None:
    world = make_world(make_chain(1, 12, boot_transactions=boot), Knobs(**knobs))
    certificate = world.stored()[FIRST_DAY].certificate
    assert certificate.proof.endswith(f", and {boot} transactions of block 0 that no count includes")
    assert certificate.seen == certificate.expected == len(world.chain.transactions(FIRST_DAY))
    world.assert_true()


def test_an_open_first_day_grows_and_keeps_them(make_world: MakeWorld) -> None:
    world = make_world(make_chain(0, 12, boot_transactions=8))
    world.stored()
    world.chain.grow_to(at(FIRST_DAY, 20))
    world.stored()
    world.assert_true()


@pytest.mark.parametrize("which", ["own", "later"])
def test_a_transaction_that_a_count_includes_is_missed_in_the_burn_block_of_block_1(
    make_world: MakeWorld, which: str
) -> None:
    world = make_world(make_chain(1, 12, boot_transactions=8))
    burn = world.chain.burn_blocks[0]
    block = burn.blocks[0 if which == "own" else -1]
    hidden = next(tx for tx in reversed(block.transactions) if tx.block_time == block.time)
    world.knobs.hidden_transactions = {hidden.tx_id}
    assert f"burn block {burn.height} has {burn.tx_count} transactions" in world.failed([FIRST_DAY])[FIRST_DAY]


def test_rows_of_another_time_in_another_block_are_no_exception(make_world: MakeWorld) -> None:
    """A chain whose first block is not block 1 has no transactions of block 0."""
    world = make_world(make_chain(1, 12, boot_transactions=8))
    second = FIRST_DAY + timedelta(days=1)
    world.knobs.hidden_transactions = {world.chain.transactions(second)[3].tx_id}
    assert second in world.failed([second])

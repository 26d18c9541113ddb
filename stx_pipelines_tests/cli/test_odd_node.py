"""Commands beside a node whose values no table can hold."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, query, recent_chain

Run = Callable[..., Result]


def test_a_balance_of_more_than_38_digits_is_one_sentence_and_exit_code_1(
    make_ethereum: Callable[..., DevnetWorld], run: Run
) -> None:
    """Development chains give such balances to their first accounts. The blocks of the run are stored."""
    world = make_ethereum(recent_chain(1), EthereumKnobs(wei_too_much=2**255))
    done = run(world, "sync", "--chain", "ethereum")
    assert done.exit_code == 1
    sentences = [line for line in done.output.splitlines() if "which has more than the 38 digits that a table" in line]
    assert sentences
    assert "Traceback" not in done.output
    assert world.days[-1] in world.certificates()
    assert query(world.data, "SELECT count(*) FROM miners_balance") == [(0,)]

"""Balances are proved by account proofs against hashed headers; a node that gives none is believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from random import Random

import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.sync.ethereum.balances import BALANCES, BalancesSync, open_balances
from stx_pipelines.sync.outcome import Outcome
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    balances_truth,
    failed,
    make_chain,
    make_sparse_chain,
    stored,
)
from stx_pipelines_tests.world import FIRST_DAY

MakeEthereum = Callable[..., DevnetWorld]
SECOND = FIRST_DAY + DAY


def with_proofs(world: DevnetWorld, pairs: int | None = 5, seed: int = 1) -> BalancesSync:
    """Open a sync that proves so many random pairs of each day."""
    made = world.balances_sync()
    made.proofs.pairs, made.proofs.random = pairs, Random(seed)
    return made


def balances(world: DevnetWorld, pairs: int | None = 5, days: Sequence[date] | None = None) -> list[Outcome]:
    return list(with_proofs(world, pairs).sync(world.days if days is None else days))


def said(world: DevnetWorld, day: date) -> str:
    """Return the certificate's remarks about the proof of the balances."""
    return world.certificates(BALANCES)[day].proof.split("; ", 1)[1]


def test_a_sample_is_proved_of_every_day(make_ethereum: MakeEthereum) -> None:
    """The first block, the last, and five others; the state below the day's first block is read as well."""
    world = make_ethereum(make_chain())
    world.blocks()
    asked: list[Call] = []
    world.knobs.on_request = lambda calls: asked.extend(call for call in calls if call.method == "eth_getProof")
    stored(balances(world))
    world.assert_true()
    for day in world.days:
        rows = balances_truth(world.chain, day)
        assert said(world, day) == f"balances of 7 of {len(rows)} blocks proved by account proofs"
        keys = {(call.params[0], int(call.params[2], 16)) for call in asked}
        for row in (rows[0], rows[-1]):
            assert {(row.miner, row.block_number - 1), (row.miner, row.block_number)} <= keys
    assert len(asked) <= 3 * 14


def test_all_are_proved(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, london_number=60))
    world.blocks()
    stored(balances(world, None))
    rows = balances_truth(world.chain, FIRST_DAY)
    assert said(world, FIRST_DAY) == f"balances of {len(rows)} of {len(rows)} blocks proved by account proofs"
    world.assert_true()


def test_days_without_blocks_and_short_days_are_proved_too(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_sparse_chain())
    world.blocks()
    stored(balances(world))
    assert "no balance to prove" in {said(world, day) for day in world.certificates(BALANCES)}
    world.assert_true()


def test_one_wei_more_in_every_balance_stores_nothing(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(), EthereumKnobs(wei_too_much=1))
    world.blocks()
    refused = failed(balances(world))
    assert set(refused) == set(world.days)
    row = balances_truth(world.chain, FIRST_DAY)[0]
    assert f"block {row.block_number}: {row.miner} has {row.balance_before + 1} Wei" in refused[FIRST_DAY]
    assert f"but {row.balance_before} Wei by its account proof" in refused[FIRST_DAY]
    assert world.certificates(BALANCES) == {}
    world.knobs.wei_too_much = 0
    stored(balances(world))
    world.assert_true()


def test_one_wei_more_in_one_balance_is_found_where_it_is_drawn_and_by_all(make_ethereum: MakeEthereum) -> None:
    """The seed decides; a block whose neighbours have other recipients is contradicted by nothing else."""
    world = make_ethereum(make_chain(1))
    world.blocks()
    rows = balances_truth(world.chain, FIRST_DAY)
    drawn = {rows[at].block_number for at in Random(1).sample(range(len(rows)), 5)}
    lonely = [
        row.block_number
        for before, row, after in zip(rows, rows[1:], rows[2:], strict=False)
        if row.miner not in {before.miner, after.miner} and rows[0].block_number < row.block_number
    ]
    inside = next(number for number in lonely if number in drawn)
    outside = next(number for number in lonely if not {number, number + 1} & drawn)
    world.knobs.wei_too_much = 1
    world.knobs.wei_too_much_at = inside
    assert f"block {inside}: " in failed(balances(world, 5, [FIRST_DAY]))[FIRST_DAY]
    world.knobs.wei_too_much_at = outside
    assert f"block {outside}: " in failed(balances(world, None, [FIRST_DAY]))[FIRST_DAY]
    stored(balances(world, 5, [FIRST_DAY]))


def test_another_blocks_state_stores_nothing(make_ethereum: MakeEthereum) -> None:
    """Balances and proofs of every block are those of the newest one."""
    world = make_ethereum(make_chain(), EthereumKnobs(old_balances="newest"))
    world.blocks()
    refused = failed(balances(world))
    assert set(refused) == set(world.days)
    assert "does not fit the block's state root" in refused[FIRST_DAY]
    assert "ETH_PROOF_PAIRS=0" in refused[FIRST_DAY]


@pytest.mark.parametrize(
    ("limit", "words"), [(-1, "the method eth_getProof does not exist"), (20, "exceeds maximum proof window")]
)
def test_a_node_that_refuses_proofs_is_believed_and_asked_no_more(
    make_ethereum: MakeEthereum, limit: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_ethereum(make_chain(), EthereumKnobs(proof_blocks=limit))
    world.blocks()
    stored(balances(world))
    for day in world.days:
        assert said(world, day).startswith("balances believed: the node gives no account proofs (")
        assert words in said(world, day)
    assert world.devnet.ethereum_stats.by_method["eth_getProof"] <= 2 * 14  # twice on the newest day
    assert sum("gives no account proofs" in message for message in caplog.messages) == 1
    world.assert_true()


def test_one_stray_refusal_is_not_believed(make_ethereum: MakeEthereum) -> None:
    """One of several nodes behind an address lacks the state once."""
    world = make_ethereum(make_chain(1))
    world.blocks()

    def spoil(calls: list[Call]) -> None:
        world.knobs.proof_blocks = -1 if calls[0].method == "eth_getProof" and not strays else 0
        strays.extend(calls if world.knobs.proof_blocks else [])

    strays: list[Call] = []
    world.knobs.on_request = spoil
    stored(balances(world, 5, [FIRST_DAY]))
    assert strays
    assert "proved by account proofs" in said(world, FIRST_DAY)


def test_pairs_0_asks_for_no_proof_and_says_so(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1))
    world.blocks()
    stored(balances(world, 0))
    assert said(world, FIRST_DAY) == "balances believed: ETH_PROOF_PAIRS=0"
    assert world.devnet.ethereum_stats.by_method["eth_getProof"] == 0


def test_a_proved_day_without_a_changed_balance_is_believed(
    make_ethereum: MakeEthereum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain whose fees go elsewhere: the account proofs lift the rule."""
    monkeypatch.setattr("stx_pipelines.devnet.ethereum.accounts._increase", lambda _: 0)
    monkeypatch.setattr("stx_pipelines.devnet.ethereum.accounts._SHARE_OF_UNRELATED", 0.0)
    world = make_ethereum(make_chain(1))
    world.blocks()
    assert "ETH_ZERO_INCREASES" in failed(balances(world, 0, [FIRST_DAY]))[FIRST_DAY]
    stored(balances(world))
    world.assert_true()


def test_without_proofs_balances_that_are_those_of_the_newest_block_are_refused(make_ethereum: MakeEthereum) -> None:
    """Every recipient's first balance of the day is the newest one, though the blocks seem to change them."""
    world = make_ethereum(make_chain(), EthereumKnobs(proof_blocks=-1))
    world.blocks()
    chain = world.chain
    accounts, newest = chain.accounts, chain.latest.number
    first: dict[str, int] = {}
    for row in balances_truth(chain, SECOND):
        first.setdefault(row.miner, row.block_number - 1)
    true_balance = accounts.balance

    def told(address: str, number: int) -> int:
        """The newest balance before the day's first block of this recipient; its changes on top."""
        if address not in first or number >= newest:
            return true_balance(address, number)
        return true_balance(address, newest) + true_balance(address, number) - true_balance(address, first[address])

    accounts.balance = told  # type: ignore[method-assign]
    refused = failed(balances(world, 5, [SECOND]))
    assert "exactly the balance of the newest block" in refused[SECOND]
    assert world.certificates(BALANCES) == {}
    accounts.balance = true_balance  # type: ignore[method-assign]
    stored(balances(world))
    world.assert_true()


def test_a_reorg_while_proofs_are_read_fails_no_day(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(2, 6))
    stored(world.blocks())
    done = False

    def reorg(calls: list[Call]) -> None:
        nonlocal done
        if calls[0].method == "eth_getProof" and not done:
            done = True
            world.chain.reorg(30)

    world.knobs.on_request = reorg
    stored(balances(world))
    assert done
    stored(world.blocks())
    stored(balances(world))
    world.assert_true()


def test_the_setting_reaches_the_sync(make_ethereum: MakeEthereum, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_ethereum(make_chain(1))
    assert open_balances(world.project()).proofs.pairs == 5
    monkeypatch.setenv("ETH_PROOF_PAIRS", "all")
    assert open_balances(world.project()).proofs.pairs is None

"""Syncs of balances: exact to the Wei, for the stored blocks, and only with values that the node gave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from stx_pipelines.chains.attempts import MOST_TRIES
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.ethereum_proof import ENOUGH, NOBODY
from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs, OldBalances
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.sync.ethereum.balances import BALANCES, open_balances
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    balances_truth,
    failed,
    fetched,
    file_rows,
    make_chain,
    make_sparse_chain,
    stored,
)
from stx_pipelines_tests.world import FIRST_DAY, query

MakeEthereum = Callable[..., DevnetWorld]
SECOND = FIRST_DAY + DAY


def test_every_day_is_stored_newest_first_and_equals_the_chain(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    stored(world.blocks())
    outcomes = world.balances()
    assert fetched(outcomes) == world.days[::-1]
    assert [stored(outcomes)[day].certificate.state for day in world.days] == ["closed", "closed", "open"]
    world.assert_true()


def test_the_compared_rows_have_amounts_beyond_64_bits_zeros_and_losses(make_stored: MakeEthereum) -> None:
    world = make_stored()
    [counts] = query(
        world.data,
        "SELECT max(balance_after) > 2::HUGEINT ** 64, count(*) FILTER (balance_increase = 0) > 9, "
        "count(*) FILTER (balance_increase < 0) > 9, count(*) FILTER (balance_before = 0) > 0 FROM miners_balance",
    )
    assert counts == (True,) * 4
    assert query(world.data, "SELECT DISTINCT typeof(balance_increase) FROM miners_balance") == [("DECIMAL(38,0)",)]


@pytest.mark.parametrize("at_zero", [True, False])
def test_block_0_is_skipped(make_ethereum: MakeEthereum, at_zero: bool) -> None:
    world = make_ethereum(make_chain(1, genesis_timestamp_zero=at_zero))
    world.sync()
    assert file_rows(world.data, BALANCES, FIRST_DAY)[0][0] == 1
    world.assert_true()


def test_consecutive_blocks_of_one_fee_recipient_share_a_call(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1))
    world.blocks()
    world.calls()
    wanted = [(row.miner, number) for day in world.days for row in balances_truth(world.chain, day)
              for number in (row.block_number - 1, row.block_number)]  # fmt: skip
    stored(world.balances())
    assert world.calls() <= len(set(wanted)) + 10 < len(wanted)


def test_nothing_new_costs_at_most_6_calls(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.calls()
    assert fetched(world.balances()) == []
    assert world.calls() <= 6


def test_closed_days_cost_no_call(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.calls()
    assert set(stored(world.balances(world.days[:-1]))) == set(world.days[:-1])
    assert world.calls() == 0


def test_only_the_balances_of_new_blocks_are_read(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.chain.grow(20)
    world.blocks()
    world.calls()
    assert fetched(world.balances()) == [world.days[-1]]
    assert world.calls() <= 2 * 20 + 7
    world.assert_true()


def test_a_day_whose_blocks_close_without_a_new_block_closes_too(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, 1, 30, missed_share=0))  # its newest final block is the last of the first day
    assert stored(world.sync().balances)[FIRST_DAY].certificate.state == "open"
    world.chain.grow(1)
    world.blocks()
    world.calls()
    assert stored(world.balances([FIRST_DAY]))[FIRST_DAY].certificate.state == "closed"
    assert world.calls() <= 6 + 3  # three account proofs: the day has two blocks
    world.balances()
    world.assert_true()


def test_days_without_a_block_have_no_balances(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_sparse_chain())
    world.sync()
    world.assert_true()


def test_today_before_its_first_final_block_is_open_and_empty(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(2, 0, 50))
    certificate = stored(world.sync().balances)[world.days[-1]].certificate
    assert (certificate.state, certificate.seen) == ("open", 0)
    world.assert_true()


def test_a_day_without_stored_blocks_waits_and_does_not_count_as_an_attempt(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    world.blocks([day for day in world.days if day != SECOND])
    waiting = failed(world.balances([FIRST_DAY - DAY, *world.days]))
    assert waiting == {
        day: f"the blocks of {day} are not stored yet; the day's balances are read after its blocks"
        for day in (SECOND, FIRST_DAY - DAY)
    }
    symptom = "`the blocks of ... are not stored yet; the day's balances are read after its blocks`"
    assert_shown(symptom, waiting[SECOND])
    assert world.balances_sync().store.attempts.all() == {}
    world.assert_balances([day for day in world.days if day != SECOND])
    world.blocks()
    stored(world.balances())
    world.assert_true()


def test_force_reads_the_chosen_days_again_and_touches_no_other(make_stored: MakeEthereum) -> None:
    world = make_stored()
    before = {day: file_rows(world.data, BALANCES, day) for day in world.days}
    marks = {day: _written(world, day) for day in world.days}
    world.calls()
    assert fetched(world.balances([SECOND], force=True)) == [SECOND]
    assert 200 <= world.calls() <= 2 * 144 + 8
    assert [day for day in world.days if _written(world, day) != marks[day]] == [SECOND]
    assert file_rows(world.data, BALANCES, SECOND) == before[SECOND]
    world.assert_true()


def _written(world: DevnetWorld, day: date) -> int:
    return (world.data / "days" / BALANCES / f"{day}.parquet").stat().st_mtime_ns


def spoil_rows(world: DevnetWorld, dataset: str, day: date) -> None:
    """Flip a bit in the rows. The certificate at the end of the file stays readable."""
    path = world.data / "days" / dataset / f"{day}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def test_a_damaged_day_file_is_read_again(make_stored: MakeEthereum) -> None:
    """A closed day's file is replaced, and an open day's rows are changed."""
    world = make_stored()
    (world.data / "days" / BALANCES / f"{SECOND}.parquet").write_bytes(b"not a day file")
    spoil_rows(world, BALANCES, world.days[-1])
    world.chain.grow(1)
    assert fetched(world.sync().balances) == [world.days[-1], SECOND]
    world.assert_true()


@pytest.mark.parametrize("dataset", ["blocks", BALANCES])
def test_a_closed_day_with_damaged_rows_that_the_table_lacks_is_read_again(
    make_stored: MakeEthereum, dataset: str
) -> None:
    world = make_stored()
    (world.data / "warehouse.duckdb").unlink()
    spoil_rows(world, dataset, SECOND)
    again = world.sync()
    assert SECOND in fetched(again.blocks if dataset == "blocks" else again.balances)
    world.assert_true()


def test_a_day_with_a_damaged_blocks_file_fails_and_the_other_days_are_stored(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    world.blocks()
    spoil_rows(world, "blocks", SECOND)
    assert list(failed(world.balances())) == [SECOND]
    world.assert_balances([day for day in world.days if day != SECOND])
    world.sync()
    world.assert_true()


def test_a_node_without_the_stored_blocks_is_refused(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    world.blocks()
    behind = make_ethereum(make_chain(1), data=world.data)
    with pytest.raises(Unreachable, match=r"is behind: it does not have block \d+, which is stored here"):
        behind.balances(world.days)
    assert not world.certificates(BALANCES)
    stored(world.balances())
    world.assert_true()


@pytest.mark.parametrize("wording", ["missing_trie_node", "historical_state", "state_not_available", "pruned"])
def test_a_pruned_node_is_reported_at_once_and_newer_days_are_stored(make_ethereum: MakeEthereum, wording: str) -> None:
    """It has the states of 200 blocks: today's and a part of yesterday's. Older days need no calls."""
    world = make_ethereum(make_chain(), EthereumKnobs(state_blocks=200, pruned_wording=wording))
    world.blocks()
    world.calls()
    refused = failed(world.balances())
    sentence = f"this node keeps no state before block {world.chain.latest.number - 200}: use an archive node"
    assert refused == dict.fromkeys(world.days[:-1], sentence)
    assert_shown("`this node keeps no state before block N: use an archive node`", sentence)
    own = 2 * len(balances_truth(world.chain, world.days[-1]))
    assert world.calls() <= own + 3 + 2 + 12 + 1  # the identity, the comparison, the bisection, the last hash
    world.assert_balances(world.days[-1:])
    world.knobs.state_blocks = 0
    stored(world.balances())
    world.assert_true()


def test_a_pruned_node_is_enough_for_new_blocks(make_stored: MakeEthereum) -> None:
    """After one sync from an archive node, a node that keeps the states of some hours is enough."""
    world = make_stored()
    world.knobs.state_blocks = 40
    world.chain.grow(20)
    world.blocks()
    stored(world.balances())
    world.assert_true()


def test_days_without_a_block_need_no_state(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_sparse_chain())
    world.blocks()
    world.knobs.state_blocks = 1
    empty = [day for day, known in world.certificates().items() if known.first_height is None]
    assert empty
    assert set(empty).isdisjoint(failed(world.balances()))


def test_state_that_is_pruned_while_days_are_read_is_reported_too(make_ethereum: MakeEthereum) -> None:
    """The day that is being read is not stored, and no older day is requested."""
    world = make_ethereum(make_chain(), batch_size=20)
    world.blocks()

    def prune(calls: list[Call]) -> None:
        number = int(calls[0].params[1], 16) if calls[0].method == "eth_getBalance" else 0
        if 160 < number < 250:
            world.knobs.state_blocks = world.chain.latest.number - 250

    world.knobs.on_request = prune
    refused = failed(world.balances())
    assert set(refused) == set(world.days[:2])
    assert set(refused.values()) == {"this node keeps no state before block 250: use an archive node"}
    world.assert_balances(world.days[2:])


def test_a_failed_day_is_noted_until_it_is_stored(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(), EthereumKnobs(state_blocks=200))
    world.sync()
    attempts = world.balances_sync().store.attempts
    assert {day: tried.count for day, tried in attempts.all().items()} == dict.fromkeys(world.days[:-1], 1)
    world.knobs.state_blocks = 0
    stored(world.balances())
    assert attempts.all() == {}


@pytest.mark.parametrize("given", ["newest", "zero"])
def test_wrong_balances_of_a_node_without_old_states_are_not_stored(
    make_ethereum: MakeEthereum, given: OldBalances
) -> None:
    """An open day with 100 blocks is refused too. After four attempts a day is set aside."""
    world = make_ethereum(make_chain(2, 20), EthereumKnobs(old_balances=given))
    world.blocks()
    assert len(balances_truth(world.chain, world.days[-1])) >= ENOUGH
    for _ in range(MOST_TRIES):
        refused = failed(world.balances())
        assert set(refused) == set(world.days)
        assert all("set ETH_ZERO_INCREASES=allow" in sentence for sentence in refused.values())
        symptom = "`none of the ... blocks changed the balance of its fee recipient`"
        assert_shown(symptom, refused[world.days[0]])
    assert world.certificates(BALANCES) == {}
    assert all(tried.is_set_aside for tried in world.balances_sync().store.attempts.all().values())
    world.knobs.old_balances = "right"
    stored(world.balances())
    world.assert_true()


def test_rows_of_a_node_without_old_states_are_replaced_when_the_day_grows(make_ethereum: MakeEthereum) -> None:
    """A day with too few rows to judge is stored. Its rows are read again once it has more."""
    world = make_ethereum(make_chain(1, 12), EthereumKnobs(old_balances="newest"))
    world.blocks()
    today = world.days[-1]
    assert 0 < stored(world.balances([today]))[today].certificate.seen < ENOUGH
    world.knobs.old_balances = "right"
    world.chain.grow(60)
    world.blocks()
    stored(world.balances())
    world.assert_true()


def test_a_node_that_responds_with_its_newest_state_is_found_by_a_second_request(
    make_ethereum: MakeEthereum,
) -> None:
    """The state moves while the day is read, so that balances before and after differ, though none is the block's."""
    world = make_ethereum(make_chain(1), EthereumKnobs(old_balances="newest"), batch_size=9, parallel=1)
    world.blocks()
    moved = 0

    def move(calls: list[Call]) -> None:
        nonlocal moved
        if len(calls) > 1 and calls[0].method == "eth_getBalance" and moved < 10:
            moved += 1
            world.chain.grow(5)

    world.knobs.on_request = move
    refused = failed(world.balances([FIRST_DAY]))
    assert "when requested again, so the node answers old blocks with its newest state" in refused[FIRST_DAY]
    assert world.certificates(BALANCES) == {}


@pytest.mark.parametrize(
    ("miner", "setting", "remark"),
    [
        (None, "allow", "every increase is zero, which ETH_ZERO_INCREASES=allow accepts"),
        (NOBODY, "refuse", "every increase is zero, and the fee recipient of every block is the zero address"),
    ],
)
def test_the_certificate_says_why_a_day_without_increases_is_accepted(
    make_ethereum: MakeEthereum,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    miner: str | None,
    setting: str,
    remark: str,
) -> None:
    """The reason is a setting, or that no block has a fee recipient. It is logged too."""
    world = make_ethereum(make_chain(1), EthereumKnobs(old_balances="zero", proof_blocks=-1))
    if miner:
        for number, block in enumerate(world.chain.blocks):
            world.chain.blocks[number] = block._replace(miner=miner)
    monkeypatch.setenv("ETH_ZERO_INCREASES", setting)
    world.blocks()
    sync = open_balances(world.project())
    certificate = stored(sync.sync([FIRST_DAY]))[FIRST_DAY].certificate
    assert certificate.proof.endswith(f"; {remark}")
    assert f"the balances of {FIRST_DAY}: {remark}" in caplog.messages

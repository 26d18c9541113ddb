"""Tests of the made-up chain itself. Not here: its server."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median_low

import pytest

from stx_pipelines.devnet.days import DAY
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec, Transaction

MakeSpec = Callable[..., ChainSpec]
SHAPES = ("even", "heavy", "giant")


def state(chain: StacksChain) -> tuple[object, ...]:
    """Return everything that a reader can see."""
    return chain.blocks, chain.burn_blocks, len(chain.rows)


def test_equal_specs_make_equal_chains_and_another_seed_another(make_spec: MakeSpec) -> None:
    assert state(StacksChain(make_spec())) == state(StacksChain(make_spec()))
    assert not {block.hash for block in StacksChain(make_spec()).blocks} & {
        block.hash for block in StacksChain(make_spec(seed=2)).blocks
    }


def test_the_chain_of_a_seed_is_that_of_earlier_versions(make_spec: MakeSpec) -> None:
    """Data folders that hold a made-up chain would otherwise not fit to it any more."""
    chain = StacksChain(make_spec(tip=datetime(2026, 10, 2, 6, tzinfo=UTC)))
    assert chain.tip.index_hash == "0x75ad41a26c219bad50a499e8a2e7036a087540009b5b5d1c2eac5c8d970f4846"


@pytest.mark.parametrize(("shape", "life"), [*((shape, False) for shape in SHAPES), ("even", True)])
def test_growing_in_steps_and_at_once_make_the_same_chain(make_spec: MakeSpec, shape: str, life: bool) -> None:
    whole = StacksChain(make_spec(shape=shape, life=life))
    tip = whole.spec.tip
    stepped = StacksChain(make_spec(shape=shape, life=life, tip=tip - timedelta(hours=30)))
    for minutes in range(29 * 60, -1, -47):
        stepped.grow_to(tip - timedelta(minutes=minutes))
    stepped.grow_to(tip)
    assert state(stepped) == state(whole)


def test_growing_to_the_past_changes_nothing(chain: StacksChain) -> None:
    before = chain.tip
    chain.grow_to(datetime(2026, 10, 1, 12, tzinfo=UTC))
    assert chain.tip == before


def test_the_tip_is_the_newest_block_the_instant_allows(chain: StacksChain) -> None:
    until = int(chain.spec.tip.timestamp())
    assert chain.tip.time <= until
    following = StacksChain(chain.spec)
    following.grow(burn_blocks=1)
    assert following.blocks[len(chain.blocks)].time > until


def test_growing_by_burn_blocks_adds_that_many(chain: StacksChain) -> None:
    before = len(chain.burn_blocks)
    chain.grow(burn_blocks=3)
    assert len(chain.burn_blocks) == before + 3


@pytest.mark.parametrize("first_height", [1, 2_000_000])
def test_heights_have_no_gap_times_rise_and_parents_are_the_blocks_below(
    make_spec: MakeSpec, first_height: int
) -> None:
    chain = StacksChain(make_spec(first_height=first_height))
    assert [block.height for block in chain.blocks] == list(range(first_height, chain.tip.height + 1))
    for below, block in pairwise(chain.blocks):
        assert block.time > below.time
        assert (block.parent_hash, block.parent_index_hash) == (below.hash, below.index_hash)


@pytest.mark.parametrize("seed", range(3))
def test_header_times_obey_bitcoin(make_spec: MakeSpec, seed: int) -> None:
    assert_bitcoins_rules(StacksChain(make_spec(seed=seed, tip=datetime(2026, 10, 20, tzinfo=UTC))))


def assert_bitcoins_rules(chain: StacksChain) -> None:
    blocks = chain.bitcoin.blocks
    for position in range(11, len(blocks)):
        earlier = [block.time for block in blocks[position - 11 : position]]
        assert blocks[position].time > median_low(earlier)
    assert all(block.time <= block.arrival + 7_200 for block in blocks)
    assert all(below.arrival < block.arrival for below, block in pairwise(blocks))


def test_some_header_times_run_backwards_and_in_most_chains_over_midnight(make_spec: MakeSpec) -> None:
    crossing = 0
    for seed in range(8):
        chain = StacksChain(make_spec(seed=seed, transactions_per_day=300, tip=datetime(2026, 10, 8, tzinfo=UTC)))
        steps = list(pairwise(burn.time for burn in chain.burn_blocks))
        share = sum(after < before for before, after in steps) / len(steps)
        assert 0.01 < share < 0.06
        crossing += any(after // DAY < before // DAY for before, after in steps)
    assert crossing >= 6


def test_about_one_bitcoin_height_in_25_has_no_tenure(make_spec: MakeSpec) -> None:
    chain = StacksChain(make_spec(tip=datetime(2026, 10, 15, tzinfo=UTC)))
    spanned = chain.burn_blocks[-1].height - chain.burn_blocks[0].height + 1
    assert 0.02 < 1 - len(chain.burn_blocks) / spanned < 0.06
    assert chain.burn_blocks[0].height == chain.spec.first_burn_height


@pytest.mark.parametrize("shape", SHAPES)
def test_every_chain_has_burn_blocks_of_no_one_page_and_one_more_transaction(make_spec: MakeSpec, shape: str) -> None:
    chain = StacksChain(make_spec(shape=shape))
    sizes = Counter(burn.tx_count for burn in chain.burn_blocks)
    assert all(sizes[size] for size in (0, 50, 51))
    empty = next(burn for burn in chain.burn_blocks if burn.tx_count == 0)
    assert len(empty.blocks) == 1


def test_a_heavy_chain_has_tiny_and_huge_burn_blocks_and_one_huge_block(make_spec: MakeSpec) -> None:
    chain = StacksChain(make_spec(shape="heavy", transactions_per_day=1_000))
    sizes = sorted(burn.tx_count for burn in chain.burn_blocks)
    assert sizes[len(sizes) // 2] < 5
    assert {500, 1_500} <= set(sizes)
    assert 800 in {len(block.transactions) for block in chain.blocks}


def test_a_giant_burn_block_holds_a_large_share_of_its_day(make_spec: MakeSpec) -> None:
    chain = StacksChain(make_spec(shape="giant", transactions_per_day=1_000))
    biggest = max(chain.burn_blocks, key=lambda burn: burn.tx_count)
    day = datetime.fromtimestamp(biggest.time, UTC).date()
    assert biggest.tx_count > 0.3 * len(chain.transactions(day))


def test_an_even_chain_keeps_its_transactions_per_day(make_spec: MakeSpec) -> None:
    chain = StacksChain(make_spec(transactions_per_day=1_000, tip=datetime(2026, 10, 11, tzinfo=UTC)))
    for offset in range(10):
        assert 700 < len(chain.transactions(date(2026, 10, 1) + timedelta(days=offset))) < 1_300


def test_the_days_hold_every_transaction_once_by_the_time_of_their_burn_block(chain: StacksChain) -> None:
    days = [date(2026, 10, 1) + timedelta(days=offset) for offset in range(4)]
    by_day = {day: chain.transactions(day) for day in days}
    assert sorted(tx.tx_id for txs in by_day.values() for tx in txs) == sorted(tx.tx_id for tx in chain.transactions())
    for day, txs in by_day.items():
        assert {datetime.fromtimestamp(tx.burn_block_time, UTC).date() for tx in txs} <= {day}
        assert txs == sorted(txs, key=lambda tx: (tx.block_height, tx.tx_index))
    assert all(tx.burn_block_time // DAY == tx.block_time // DAY for tx in by_day[days[0]]) is False


def test_a_transaction_has_its_blocks_values_and_indexes_have_no_gap(chain: StacksChain) -> None:
    for block in chain.blocks:
        assert [tx.tx_index for tx in block.transactions] == list(range(len(block.transactions)))
        for tx in block.transactions:
            assert (tx.block_height, tx.block_hash, tx.index_block_hash) == (
                block.height,
                block.hash,
                block.index_hash,
            )
            assert (tx.burn_block_height, tx.burn_block_time) == (block.burn_height, block.burn_time)


def test_tenures_start_with_their_miners_two_free_transactions(chain: StacksChain) -> None:
    for burn in chain.burn_blocks:
        first = burn.blocks[0].transactions[:2]
        assert [tx.tx_type for tx in first] in (["tenure_change", "coinbase"], [])
        assert all(tx.fee_ustx == 0 for tx in first)
        assert len({tx.sender_address for tx in first}) <= 1
    assert all(block.transactions for burn in chain.burn_blocks for block in burn.blocks[1:])


def assert_nonces_rise(txs: list[Transaction]) -> None:
    nonces: dict[str, list[int]] = defaultdict(list)
    for tx in txs:
        nonces[tx.sender_address].append(tx.nonce)
    assert all(seen == list(range(len(seen))) for seen in nonces.values())


def test_nonces_of_a_wallet_count_from_zero(chain: StacksChain) -> None:
    assert_nonces_rise(chain.transactions())


def test_the_population_has_newcomers_every_day_regulars_and_wallets_seen_once(make_spec: MakeSpec) -> None:
    chain = StacksChain(make_spec(transactions_per_day=1_000, tip=datetime(2026, 10, 15, tzinfo=UTC)))
    active: dict[str, set[int]] = defaultdict(set)
    for tx in chain.transactions():
        active[tx.sender_address].add(tx.burn_block_time // DAY)
    first_days = Counter(min(days) for days in active.values())
    assert len(first_days) >= 14
    assert min(first_days[day] for day in sorted(first_days)[:14]) > 10
    assert sum(len(days) == 1 for days in active.values()) > len(active) / 4
    assert sum(len(days) >= 7 for days in active.values()) > 20


def test_statuses_types_sponsors_and_formats_are_those_of_the_main_net(make_spec: MakeSpec) -> None:
    txs = StacksChain(make_spec(transactions_per_day=4_000)).transactions()
    status = Counter(tx.tx_status for tx in txs)
    assert 0.93 < status["success"] / len(txs) < 0.98
    assert set(status) == {"success", "abort_by_response", "abort_by_post_condition", "problematic_skipped"}
    kinds = {"token_transfer", "contract_call", "smart_contract", "coinbase", "tenure_change"}
    assert {tx.tx_type for tx in txs} == kinds
    assert 0.03 < sum(tx.sponsor_address is not None for tx in txs) / len(txs) < 0.07
    assert {40, 41} <= {len(tx.sender_address) for tx in txs} <= set(range(30, 42))
    assert len({tx.tx_id for tx in txs}) == len(txs)
    assert all(len(tx.tx_id) == 66 for tx in txs)


def test_values_cannot_be_changed(chain: StacksChain) -> None:
    tx = chain.transactions()[0]
    with pytest.raises(FrozenInstanceError):
        tx.fee_ustx = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "tip",
    [datetime(2026, 10, 2), datetime(2026, 10, 1, 0, 1, tzinfo=UTC)],  # noqa: DTZ001 - the tested case
)
def test_a_tip_without_zone_or_before_the_chain_is_refused(make_spec: MakeSpec, tip: datetime) -> None:
    with pytest.raises(ValueError, match="tip must"):
        make_spec(tip=tip)

"""Tests of a chain with life: growth, weekdays, launches, returning wallets, whales, contracts and amounts."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.encoding import amount_of, contract_of
from stx_pipelines.devnet.stacks.lively_mempool import LivelyMempool
from stx_pipelines.devnet.stacks.mempool import MINERS_OWN
from stx_pipelines.devnet.stacks.values import ChainSpec, Transaction

FIRST_DAY = date(2026, 7, 6)  # a Monday
DAYS = 98
LAUNCHES = (22, 82)  # the days of the launches
Rows = list[tuple[int, Transaction]]


SPEC = ChainSpec(
    first_day=FIRST_DAY,
    tip=datetime.combine(FIRST_DAY + timedelta(days=DAYS), datetime.min.time(), UTC),
    transactions_per_day=180,
    burn_blocks_per_day=12,
    life=True,
)
START = unix_midnight(FIRST_DAY)


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The transactions of users, each with its day's number in the chain."""
    return [((tx.burn_block_time - START) // DAY, tx) for tx in StacksChain(SPEC).transactions() if tx.fee_ustx]


@pytest.fixture(scope="module")
def first_days(rows: Rows) -> dict[str, int]:
    """The first day of each wallet."""
    found: dict[str, int] = {}
    for day, tx in rows:
        found[tx.sender_address] = min(day, found.get(tx.sender_address, day))
    return found


def test_the_chain_grows(rows: Rows) -> None:
    weeks = Counter(day // 7 for day, _ in rows)
    assert sum(weeks[week] for week in range(10, 14)) > 3 * sum(weeks[week] for week in range(4))


def test_weekends_are_quiet() -> None:
    """Days with few burn blocks vary too much, so the expected numbers are compared."""
    mempool, expected = LivelyMempool(SPEC), list[float]()
    for day in range(START // DAY, START // DAY + 70):
        expected.append(mempool.transactions_of(day) - MINERS_OWN * SPEC.burn_blocks_per_day)
        mempool.drafts(round(expected[-1]), day)
    weekend = sum(expected[5::7] + expected[6::7]) / 2
    assert weekend < 0.85 * (sum(expected) - weekend * 2) / 5


def test_a_launch_brings_new_wallets_and_calls_of_a_new_contract(rows: Rows, first_days: dict[str, int]) -> None:
    new = Counter(first_days.values())
    for launch in LAUNCHES:
        assert sum(new[launch + day] for day in range(3)) > 1.5 * sum(new[launch - day] for day in range(1, 4))
    calls: dict[str, Counter[int]] = defaultdict(Counter)
    for day, tx in rows:
        if tx.tx_type == "contract_call":
            calls[contract_of(tx)[1]][day] += 1
    for name, launch in zip(("launch-01", "launch-02"), LAUNCHES, strict=True):
        assert min(calls[name]) in {launch - 1, launch}  # its burn block may be of the day before
    assert calls["launch-02"].most_common(1)[0][0] in range(LAUNCHES[1], LAUNCHES[1] + 3)
    sizes = sorted(each.total() for each in calls.values())
    assert sizes[-1] > 10 * sizes[0]


def test_wallets_return_less_and_less(rows: Rows, first_days: dict[str, int]) -> None:
    ages: dict[str, set[int]] = defaultdict(set)
    for day, tx in rows:
        ages[tx.sender_address].add(day - first_days[tx.sender_address])
    old = [wallet for wallet, day in first_days.items() if day + 60 < DAYS]
    shares = [sum(any(age >= least for age in ages[wallet]) for wallet in old) / len(old) for least in (1, 15, 30, 60)]
    assert shares == sorted(shares, reverse=True)
    assert 0.35 < shares[0] < 0.75
    assert 0.05 < shares[-1] < 0.35


def test_a_few_wallets_pay_most_fees_and_amounts_have_many_sizes(rows: Rows) -> None:
    fees: Counter[str] = Counter()
    for _, tx in rows:
        fees[tx.sender_address] += tx.fee_ustx
    largest = [fee for _, fee in fees.most_common(len(fees) // 20)]
    assert sum(largest) > 0.5 * fees.total()
    amounts = [amount_of(tx) for _, tx in rows if tx.tx_type == "token_transfer"]
    assert max(amounts) > 1_000_000 * min(amounts)


def test_nonces_have_no_gap(rows: Rows) -> None:
    nonces: dict[str, list[int]] = defaultdict(list)
    for _, tx in rows:
        nonces[tx.sender_address].append(tx.nonce)
    assert all(sorted(seen) == list(range(len(seen))) for seen in nonces.values())

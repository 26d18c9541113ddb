"""Nonces show which wallets are new, and a row or a burn block that is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.devnet.stacks.chain import StacksChain, Transaction
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines.metrics.nonces import Gap, Nonces, nonce_gaps
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import START, read, store_day, store_in

DAYS = days_between(START + 20 * DAY, START + 29 * DAY)
Change = Callable[[list[Tx]], list[Tx]]


@pytest.fixture(scope="module")
def chain() -> StacksChain:
    """A chain of 30 days with reorgs. Only its last days are stored."""
    tip = datetime.combine(START + 30 * DAY, datetime.min.time(), UTC)
    chain = StacksChain(ChainSpec(first_day=START, tip=tip, transactions_per_day=150, burn_blocks_per_day=24))
    chain.reorg(burn_blocks=40)
    chain.reorg(stacks_blocks=5)
    return chain


def rows_of(transactions: list[Transaction]) -> list[Tx]:
    names = [field.name for field in fields(Transaction) if field.name in Tx.__struct_fields__]
    made_up = {"canonical": True}
    return [Tx(**{name: getattr(tx, name) for name in names}, **made_up) for tx in transactions]


def history(folder: Path, chain: StacksChain, change: Change = list, days: list[date] | None = None) -> MetricStore:
    store = store_in(folder, MetricOptions(windows=(1, 3)), None)
    for day in days or DAYS:
        store_day(store, day, change(rows_of(chain.transactions(day))))
    return store


def test_a_wallet_is_new_if_its_first_transaction_is_covered(chain: StacksChain, tmp_path: Path) -> None:
    """The history before the coverage tells which wallets are old."""
    store = history(tmp_path, chain)
    store.refresh()
    before = {
        account
        for tx in chain.transactions()
        if datetime.fromtimestamp(tx.burn_block_time, UTC).date() < DAYS[0]
        for account in (tx.sender_address, tx.sponsor_address)
    }
    wallets = read(store, "first_seen_wallets")
    assert {row["is_new"] for row in wallets} == {True, False}
    for row in wallets:
        assert row["is_new"] == (row["address"] not in before), row
        assert row["is_left_censored"] == (not row["is_new"])
    daily = read(store, "wallets_daily")
    assert sum(row["new_wallets"] for row in daily) == sum(row["is_new"] for row in wallets)
    assert not any(row["is_left_censored"] for row in daily)


def without_sponsor_nonces(rows: list[Tx]) -> list[Tx]:
    return [msgspec.structs.replace(row, sponsor_nonce=None) for row in rows]


def without_nonces(rows: list[Tx]) -> list[Tx]:
    return [msgspec.structs.replace(row, nonce=None, sponsor_nonce=None) for row in rows]


def test_it_is_not_known_whether_an_account_with_unknown_nonces_is_new(chain: StacksChain, tmp_path: Path) -> None:
    none = history(tmp_path / "none", chain, without_nonces)
    none.refresh()
    wallets = read(none, "first_seen_wallets")
    assert {row["is_new"] for row in wallets} == {None}
    assert {row["is_left_censored"] for row in wallets} == {True}  # all days are in the first 30 of the coverage
    some = history(tmp_path / "some", chain, without_sponsor_nonces)
    some.refresh()
    sponsors = {tx.sponsor_address for day in DAYS for tx in chain.transactions(day)}
    known = {row["address"]: row["is_new"] for row in read(some, "first_seen_wallets")}
    whole = history(tmp_path / "whole", chain)
    whole.refresh()
    truth = {row["address"]: row["is_new"] for row in read(whole, "first_seen_wallets")}
    assert {who: new for who, new in known.items() if who not in sponsors} == {
        who: new for who, new in truth.items() if who not in sponsors
    }


def test_a_bitcoin_operation_moves_no_nonce(chain: StacksChain, tmp_path: Path) -> None:
    """The API shows such an operation with nonce 0 and fee 0."""
    old = next(tx for tx in chain.transactions(DAYS[4]) if tx.nonce > 3 and tx.tx_type == "token_transfer")

    def with_operation(rows: list[Tx]) -> list[Tx]:
        found = [row for row in rows if row.tx_id == old.tx_id]
        return rows + [
            msgspec.structs.replace(row, tx_id="0x" + "e" * 64, nonce=0, fee_ustx=0, sponsor_address=None, tx_index=999)
            for row in found
        ]

    store = history(tmp_path, chain, with_operation)
    store.refresh()
    [wallet] = [row for row in read(store, "first_seen_wallets") if row["address"] == old.sender_address]
    assert wallet["is_new"] is not True
    assert nonce_gaps(store).gaps == []


def checked(store: MetricStore) -> Nonces:
    return nonce_gaps(store)


def test_a_chain_with_reorgs_has_no_gap(chain: StacksChain, tmp_path: Path) -> None:
    found = checked(history(tmp_path, chain))
    assert found.gaps == []
    assert found.left_out == 0
    accounts = {tx.sender_address for day in DAYS for tx in chain.transactions(day)}
    assert found.accounts >= len(accounts)
    assert "have no gap" in found.sentence


def test_a_missing_row_is_named_with_its_account_days_and_nonce(chain: StacksChain, tmp_path: Path) -> None:
    all_rows = [tx for day in DAYS for tx in chain.transactions(day)]
    newest = {tx.sender_address: tx.nonce for tx in all_rows}
    oldest = {tx.sender_address: tx.nonce for tx in reversed(all_rows)}
    inside = [tx for tx in all_rows if oldest[tx.sender_address] < tx.nonce < newest[tx.sender_address]]
    sponsors = {tx.sponsor_address for tx in all_rows}
    lost = next(tx for tx in inside if tx.sponsor_address is None and tx.sender_address not in sponsors)
    store = history(tmp_path, chain, lambda rows: [row for row in rows if row.tx_id != lost.tx_id])
    [gap] = checked(store).gaps
    assert (gap.address, gap.first_nonce, gap.last_nonce) == (lost.sender_address, lost.nonce, lost.nonce)
    day = datetime.fromtimestamp(lost.burn_block_time, UTC).date()
    assert gap.after_day <= day <= gap.before_day
    assert f"{lost.sender_address}: nonce {lost.nonce} is missing" in str(gap)


def test_every_missing_burn_block_shows(chain: StacksChain, tmp_path: Path) -> None:
    heights = sorted({tx.burn_block_height for day in DAYS[2:-2] for tx in chain.transactions(day)})
    busy = [h for h in heights if sum(tx.burn_block_height == h for d in DAYS for tx in chain.transactions(d)) > 4]
    for number, height in enumerate(Random(1).sample(busy, 8)):
        folder = tmp_path / str(number)
        store = history(folder, chain, lambda rows, lost=height: [row for row in rows if row.burn_block_height != lost])  # type: ignore[misc]
        assert checked(store).gaps, height


@pytest.mark.parametrize("edge", [0, -1])
def test_blocks_of_a_day_beyond_the_range_are_no_gap(chain: StacksChain, tmp_path: Path, edge: int) -> None:
    """Bitcoin's times may step back over midnight: then blocks between those of a day belong to the day beside it."""
    heights = sorted({tx.burn_block_height for tx in chain.transactions(DAYS[edge])})
    beyond = set(heights[1:3] if edge == 0 else heights[-3:-1])
    store = history(tmp_path, chain, lambda rows: [row for row in rows if row.burn_block_height not in beyond])
    assert checked(store).gaps == []


def test_a_nonce_that_occurs_twice_is_named(chain: StacksChain, tmp_path: Path) -> None:
    twice = next(tx for tx in chain.transactions(DAYS[5]) if tx.tx_type == "contract_call" and tx.fee_ustx)

    def repeat(rows: list[Tx]) -> list[Tx]:
        return rows + [
            msgspec.structs.replace(row, tx_id="0x" + "d" * 64, sponsor_address=None)
            for row in rows
            if row.tx_id == twice.tx_id
        ]

    gaps = checked(history(tmp_path, chain, repeat)).gaps
    assert [(gap.address, gap.first_nonce, gap.is_repeated) for gap in gaps] == [
        (twice.sender_address, twice.nonce, True)
    ]
    assert "occurs twice" in str(gaps[0])


def test_accounts_with_unknown_nonces_are_left_out_and_counted(chain: StacksChain, tmp_path: Path) -> None:
    found = checked(history(tmp_path, chain, without_sponsor_nonces))
    assert found.gaps == []
    assert found.left_out == len({tx.sponsor_address for d in DAYS for tx in chain.transactions(d)} - {None})
    assert f"{found.left_out} with unknown nonces are left out" in found.sentence


def test_only_the_unbroken_range_of_closed_days_is_compared(chain: StacksChain, tmp_path: Path) -> None:
    holed = history(tmp_path, chain, days=[day for day in DAYS if day != DAYS[5]])
    found = checked(holed)
    assert found.gaps == []
    assert found.basis.coverage_start == DAYS[6]


def test_a_gap_reads_as_a_sentence() -> None:
    day = date(2026, 1, 2)
    assert str(Gap("SP1", day, day, 3, 5, False)) == "SP1: nonces 3 to 5 are missing (2026-01-02)"

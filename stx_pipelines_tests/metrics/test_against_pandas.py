"""An independent computation gives every number of every table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from stx_pipelines.chains.days import DAY, day_of, days_between
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines_tests.metrics.history import START, payload_of, read, store_balances, store_chain, store_in
from stx_pipelines_tests.metrics.plain_summary import PlainSummary

SHORT = MetricOptions(windows=(1, 3, 7), trailing_windows=(7, 14, 99), left_censor_days=5, breakeven_days=20)
NO_MINERS = MetricOptions(
    windows=(2, 7),
    trailing_windows=(3,),
    excluded_types=frozenset({"coinbase", "tenure_change"}),
    minimum_cohort=10,
    target_cpa_ustx=1_234_567,
    left_censor_days=1,
)


@pytest.fixture(scope="module")
def chain() -> StacksChain:
    """A devnet chain of 45 days with about 100 transactions a day."""
    tip = datetime.combine(START + 45 * DAY, datetime.min.time(), UTC)
    return StacksChain(ChainSpec(first_day=START, tip=tip, transactions_per_day=100, burn_blocks_per_day=24))


def transactions_of(chain: StacksChain, days: int) -> pd.DataFrame:
    """Return the transactions of the chain's first days, from the chain itself."""
    rows = [
        (
            tx.sender_address,
            day_of(tx.burn_block_time),
            datetime.fromtimestamp(tx.block_time, UTC).replace(tzinfo=None),
            tx.tx_id,
            tx.fee_ustx,
            tx.tx_type,
            tx.tx_status == "success",
            (tx.block_height, tx.tx_index),
            tx.nonce,
            tx.sponsor_address,
            tx.sponsor_nonce,
            *(payload_of(tx).get(name) for name in ("contract_id", "recipient_address", "amount_ustx")),
        )
        for tx in chain.transactions()
        if day_of(tx.burn_block_time) < START + days * DAY
    ]
    names = ["address", "day", "time", "tx_id", "fee", "tx_type", "ok", "place", "nonce", "sponsor", "sponsor_nonce"]
    return pd.DataFrame(rows, columns=[*names, "contract", "recipient", "amount"])


@pytest.mark.parametrize(
    ("days", "options", "from_birth"),
    [(30, MetricOptions(), True), (30, SHORT, False), (45, SHORT, True), (45, NO_MINERS, False)],
    ids=["30-default", "30-short", "45-short", "45-no-miners"],
)
def test_pandas_agrees_on_every_table(
    chain: StacksChain, tmp_path: Path, days: int, options: MetricOptions, from_birth: bool
) -> None:
    """In 45 days the funnel has wallets whose first 30 days are over. Two of three wallets have a known balance."""
    last = START + (days - 1) * DAY
    store = store_in(tmp_path / "data", options, START if from_birth else None)
    store_chain(store, chain, days_between(START, last))
    transactions = transactions_of(chain, days)
    senders = sorted({*transactions.address})
    funded = {who: number % 3 == 1 for number, who in enumerate(senders) if number % 3}
    store_balances(store, START, funded)
    store.refresh()
    plain = PlainSummary(transactions, START, last, options, from_birth, funded)
    for table in (table for tables in RESULTS.values() for table in tables):
        ours = [tuple(row.values()) for row in read(store, table)]
        assert ours == getattr(plain, table)(), table

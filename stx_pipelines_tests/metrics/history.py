"""A history small enough to check by eye: 12 wallets, 100 days. Not here: claims (test_*.py).

Also here: functions that store any rows as day files, and functions that read result files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow.parquet as pq

from stx_pipelines.chains.certificate import Certificate, State
from stx_pipelines.chains.datasets import DATASETS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.prices import Candle
from stx_pipelines.chains.stacks import ANCHORED, Tx
from stx_pipelines.chains.wallet_balances import WalletBalance
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.encoding import amount_of, c32_address, contract_of, recipient_hash
from stx_pipelines.devnet.stacks.values import Transaction
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.scratch import Engine
from stx_pipelines.store.warehouse import Warehouse

START = date(2026, 1, 5)
"""Day 0, a Monday. The last day is day 99."""

HISTORY = """
A   0 1.0,  10 0.5,  20 0.5,  90 2.0
B   0 0.3
C   0 0.1,  15 0.2,  16 0.3
D   5 0.4,  65 1.0
E  40 0.5,  41 0.5,  42 0.5
F  40 0.1,  41 0.1,  42 0.1
G  40 5.0
H  40 0.5,  69 0.5 contract_call,  70 0.5
I  69 0.4,  70 0.3,  70 0.3
J  70 0.1,  85 0.1
K  85 0.7,  99 0.3 contract_call
L  30 0.0 coinbase,  31 0.0 coinbase,  46 0.2
"""
"""Per wallet: the day and the fee in STX of each transaction. Its type is a token transfer if none is given."""

UNSEEN = (
    (40, "E", "contract_call", "abort_by_response", True),
    (40, "Z", "token_transfer", "success", False),
    (41, None, "token_transfer", "success", True),
)
"""Transactions that the table does not show: day, sender, type, status, whether canonical. Z has no other one."""

CONTRACT = "SP1.pool"
"""The contract of all contract calls."""

UNORDERED = ("first_seen_wallets", "wallet_windows")
OPTIONS = MetricOptions(windows=(15, 30, 60, 90), trailing_windows=(30, 101))


class Move(NamedTuple):
    """A transaction of the hand-made history. `fee` is in microSTX."""

    wallet: str | None
    day: int
    fee: int
    tx_type: str = "token_transfer"
    status: str = "success"
    canonical: bool = True


def day(number: int) -> date:
    """Return the date of day 0, 1, 2, ... of the hand-made history."""
    return START + number * DAY


def moves() -> list[Move]:
    """Return the transactions of the hand-made history in the order of their days."""
    found = []
    for line in HISTORY.strip().splitlines():
        wallet, rest = line[0], line[1:]
        for part in rest.split(","):
            number, fee, *tx_type = part.split()
            found.append(Move(wallet, int(number), int(float(fee) * 10) * 100_000, *tx_type))
    found += [Move(sender, number, 900_000, *rest) for number, sender, *rest in UNSEEN]
    return sorted(found, key=lambda move: move.day)


def rows_of(number: int) -> list[Tx]:
    """Return the rows of a day. The only transaction of G has a block time on the next date.

    Transfers pay R0 and R1 in turns. The amount is ten times the fee, plus 0, 1, 2, ... microSTX.
    """
    start, _ = window(day(number))
    return [
        Tx(
            tx_id=f"0x{number:03}{index:061}",
            block_time=start + (86_700 if move.wallet == "G" else 600 * (index + 1)),
            block_height=number * 10 + index,
            sender_address=move.wallet,
            fee_ustx=move.fee,
            tx_type=move.tx_type,
            canonical=move.canonical,
            tx_status=move.status,
            burn_block_time=start + 600 * index,
            burn_block_height=900_000 + number * 144 + index,
            microblock_sequence=ANCHORED,
            tx_index=0,
            index_block_hash=None,
            nonce=None,  # not known, so that the first days of the coverage decide who is new
            sponsor_address=None,
            contract_id=CONTRACT if move.tx_type == "contract_call" else None,
            recipient_address=f"R{index % 2}" if move.tx_type == "token_transfer" else None,
            amount_ustx=10 * move.fee + index if move.tx_type == "token_transfer" else None,
            block_hash=None,
        )
        for index, move in enumerate(move for move in moves() if move.day == number)
    ]


def certificate(of: date, rows: Sequence[Tx], state: State = "closed", requests: int = 1) -> Certificate:
    """Return the certificate of a day with these rows."""
    shown = [row for row in rows if is_shown(row)]
    return Certificate(
        dataset="transactions",
        day=of,
        state=state,
        proof="by hand",
        expected=len(rows),
        seen=len(rows),
        published=len(shown),
        left_out=dict(Counter(row.tx_status for row in rows if not is_shown(row))),
        first_height=None,
        last_height=None,
        last_hash=None,
        first_block_time=None,
        last_block_time=None,
        burn_blocks=144,
        proved_to=1_000_000,
        tip_height=1_000_000,
        proved_at=datetime(2026, 5, 1, tzinfo=UTC),
        requests=requests,
        seconds=1.0,
        route="by hand",
    )


def is_shown(row: Tx) -> bool:
    """Return whether the table shows this row."""
    whole = row.sender_address is not None and row.block_time is not None
    return row.canonical and row.tx_status == "success" and whole


def store_in(folder: Path, options: MetricOptions = OPTIONS, first_day: date | None = None) -> MetricStore:
    """Return the metrics of a data folder, with little memory and a short wait for the database."""
    files = DayFiles(folder / "days" / "transactions")
    return MetricStore(
        DataFolder(folder), files, Warehouse(DataFolder(folder), wait=0.2), options, first_day, Engine(200, 1)
    )


def store_day(store: MetricStore, of: date, rows: Sequence[Tx], state: State = "closed", requests: int = 1) -> None:
    """Store a day."""
    store.files.write(to_arrow(DATASETS[TRANSACTIONS], rows), certificate(of, rows, state, requests))


def store_prices(store: MetricStore, of: date, candles: Sequence[Candle]) -> None:
    """Store a closed day of prices."""
    known = msgspec.structs.replace(
        certificate(of, [], "closed", 1), dataset=PRICES, seen=len(candles), published=len(candles)
    )
    assert store.prices is not None
    store.prices.write(to_arrow(DATASETS[PRICES], candles), known)


def store_balances(store: MetricStore, of: date, funded: Mapping[str, bool]) -> None:
    """Store a closed day of balances of these wallets, and whether each is funded."""
    time, _ = window(of)
    rows = [WalletBalance(who, 1, 0, 0, 1, is_funded, 9, "0x", time) for who, is_funded in funded.items()]
    known = msgspec.structs.replace(certificate(of, []), dataset=WALLET_BALANCES, seen=len(rows), published=len(rows))
    DayFiles(store.folder.days(WALLET_BALANCES)).write(to_arrow(DATASETS[WALLET_BALANCES], rows), known)


def store_history(store: MetricStore, numbers: Iterable[int] = range(100)) -> MetricStore:
    """Store these days of the hand-made history, all closed."""
    for number in numbers:
        store_day(store, day(number), rows_of(number))
    return store


def store_chain(store: MetricStore, chain: StacksChain, days: Iterable[date], *, with_nonces: bool = True) -> None:
    """Store these days of a devnet chain, all closed. Without nonces, it is not known which wallets are new."""
    made_up: dict[str, Any] = {"canonical": True} | ({} if with_nonces else {"nonce": None})
    names = [
        field.name for field in fields(Transaction) if field.name in Tx.__struct_fields__ and field.name not in made_up
    ]
    for of in days:
        rows = [
            Tx(**{name: getattr(tx, name) for name in names}, **made_up, **payload_of(tx))
            for tx in chain.transactions(of)
        ]
        store_day(store, of, rows)


def payload_of(tx: Transaction) -> dict[str, Any]:
    """Return the contract, the recipient and the amount of a devnet transaction."""
    if tx.tx_type == "token_transfer":
        return {"recipient_address": c32_address(recipient_hash(tx)), "amount_ustx": amount_of(tx)}
    return {"contract_id": ".".join(contract_of(tx))} if tx.tx_type in ("contract_call", "smart_contract") else {}


def read(store: MetricStore, table: str) -> list[dict[str, Any]]:
    """Return every row of a result file in its order. Rows of files without an order are sorted."""
    rows: list[dict[str, Any]] = pq.read_table(store.path(table), partitioning=None).to_pylist()
    return sorted(rows, key=lambda row: tuple(row.values())) if table in UNORDERED else rows


def table_rows(store: MetricStore, table: str) -> list[str]:
    """Return the rows of a table of the database in a fixed order."""
    with duckdb.connect(str(store.warehouse.path), read_only=True) as connection:
        return sorted(map(repr, connection.execute(f"FROM {table}").fetchall()))


def by(store: MetricStore, table: str, keys: str, values: str) -> dict[Any, Any]:
    """Return a result file as a dictionary from the columns `keys` to the columns `values`.

    Dates are given as day numbers. Several columns give tuples.
    """
    return {_pick(row, keys): _pick(row, values) for row in read(store, table)}


def _pick(row: dict[str, Any], names: str) -> Any:
    picked = tuple(_plain(row[name]) for name in names.split())
    return picked[0] if len(picked) == 1 else picked


def _plain(value: Any) -> Any:
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    return (value - START) // timedelta(days=1) if is_day else value

"""The datasets: their names, columns and cost of a day.

Tables, day files and coverage follow from these values. A new dataset needs a value here, a sync that fetches its days,
and an asset: see docs/adding-a-dataset.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.chains.stacks import Tx

TRANSACTIONS = "transactions"
BLOCKS = "blocks"
BALANCES = "miners_balance"

Kind = Literal["text", "word", "integer", "wei", "time", "flag"]
"""The kind of a column's values. A word is a text with few distinct values, wei an integer of up to 38 digits.

Rows hold a time as unix seconds, files and tables as a UTC timestamp.
"""


class Column(NamedTuple):
    """A column of a day file. `comment` describes it with its unit; `in_table` says whether the table has it too."""

    name: str
    kind: Kind
    comment: str
    in_table: bool = True


class Price(NamedTuple):
    """The number of requests a day costs: `unknown` is the estimate while no day is stored."""

    unknown: int
    rows_per_request: float

    def of(self, certificate: Certificate) -> tuple[int, float]:
        """Return the requests and seconds of fetching the day at once.

        The certificate of a day that was fetched in parts counts only its last part.
        """
        requests = max(certificate.requests, ceil(certificate.expected / self.rows_per_request))
        return requests, (certificate.seconds or 0.0) * requests / max(1, certificate.requests)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table and its day files. `noun` names its rows, `comment` describes the table.

    `columns` are those of the day files in their order; each is a field of `row`, the type of its rows. `time_column`
    is the column whose UTC date is the day of a row. `shown_by` are the columns that decide whether the table shows a
    row, passed in this order to the macro `shown_NAME` in `store/sql/shown.sql`; none: all rows are shown. `sorted_by`
    is the order of a day's rows in the table; none: as in the file. `made_from` is the dataset that its days are made
    from: a day is open again once that dataset's day changes.
    """

    name: str
    chain: str
    noun: str
    comment: str
    row: type[Any]
    columns: tuple[Column, ...]
    time_column: str
    price: Price
    shown_by: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    made_from: str | None = None

    @property
    def table_columns(self) -> list[Column]:
        """The columns of the table, without the `ingested_at` that it adds."""
        return [column for column in self.columns if column.in_table]


_ALL = (
    Dataset(
        name=TRANSACTIONS,
        chain="stacks",
        noun="transactions",
        comment="Canonical, successful Stacks transactions; a day is the UTC date of burn_block_time. Times are UTC.",
        row=Tx,
        columns=(
            Column("tx_id", "text", "0x and 64 lower-case digits"),
            Column("block_time", "time", "time of the Stacks block, UTC"),
            Column("block_height", "integer", "height of the Stacks block"),
            Column("sender_address", "text", "the address that signed it"),
            Column("fee_ustx", "integer", "the whole fee in microSTX (1 STX = 1,000,000)"),
            Column("tx_type", "word", "the kind of transaction, as the API names it"),
            Column("canonical", "flag", "true: the table shows a row only while its block is canonical"),
            Column("tx_status", "word", "success: rows with another status are only in the day file"),
            Column("burn_block_time", "time", "time of the Bitcoin block that anchors it, UTC"),
            Column("burn_block_height", "integer", "height of the Bitcoin block that anchors it"),
            Column(
                "microblock_sequence",
                "integer",
                "2147483647 for the anchored block, always so since Nakamoto (2024-10-29); "
                "NULL where the API does not report it",
            ),
            Column("tx_index", "integer", "place in its block, from 0", in_table=False),
            Column(
                "index_block_hash",
                "word",
                "its block; NULL where the API does not report it",
                in_table=False,
            ),
            Column("nonce", "integer", "of the sender; NULL where the API does not report it", in_table=False),
            Column("sponsor_address", "text", "the address that paid the fee, if not the sender", in_table=False),
        ),
        time_column="burn_block_time",
        price=Price(unknown=300, rows_per_request=50),  # 300: about 15,000 transactions
        shown_by=("canonical", "tx_status", "sender_address", "block_time"),
    ),
    Dataset(
        name=BLOCKS,
        chain="ethereum",
        noun="blocks",
        comment="Finalized Ethereum blocks; a day is the UTC date of timestamp. Times are UTC.",
        row=Block,
        columns=(
            Column("number", "integer", "height of the block"),
            Column("hash", "text", "0x and 64 lower-case digits"),
            Column("parent_hash", "text", "hash of the block below"),
            Column("miner", "word", "the fee recipient: 0x and 40 lower-case digits"),
            Column("timestamp", "time", "time of the block, UTC"),
            Column("gas_used", "integer", "units of gas"),
            Column("gas_limit", "integer", "units of gas"),
            Column("base_fee_per_gas", "integer", "Wei; NULL before the London fork"),
            Column("transaction_count", "integer", "transactions in the block"),
            Column("size", "integer", "bytes"),
            Column("extra_data", "text", "free text of the block's builder, in hex"),
        ),
        time_column="timestamp",
        price=Price(unknown=7_200, rows_per_request=1),  # a block every 12 seconds
    ),
    Dataset(
        name=BALANCES,
        chain="ethereum",
        noun="balances",
        comment=(
            "The change of the fee recipient's balance in each Ethereum block; a day is the UTC date of block_time. "
            "Block 0 is left out."
        ),
        row=BalanceChange,
        columns=(
            Column("block_number", "integer", "height of the block"),
            Column("block_time", "time", "time of the block, UTC"),
            Column("miner", "word", "the fee recipient: 0x and 40 lower-case digits"),
            Column("balance_before", "wei", "Wei, after the block before"),
            Column("balance_after", "wei", "Wei, after this block"),
            Column(
                "balance_increase",
                "wei",
                "Wei: fees less the payment to the proposer, plus withdrawals and unrelated transfers; may be negative",
            ),
            Column("block_hash", "text", "hash of the block"),
        ),
        time_column="block_time",
        price=Price(unknown=14_400, rows_per_request=0.6),  # two reads a row, some shared between rows
        sorted_by=("miner", "block_number"),  # keeps a fee recipient's rows together: see docs/ethereum.md
        made_from=BLOCKS,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""Every dataset by its name. A dataset made from another comes after it."""


def datasets_of(chain: str) -> tuple[Dataset, ...]:
    """Return the datasets of a chain, in the order in which they are made."""
    return tuple(dataset for dataset in DATASETS.values() if dataset.chain == chain)

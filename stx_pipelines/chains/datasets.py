"""The datasets: their names, columns and cost of a day.

Tables, day files and coverage follow from these values. A new dataset needs a value here, a sync that fetches its days,
and an asset: see docs/adding-a-dataset.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.chains.stacks import Tx

TRANSACTIONS = "transactions"
BLOCKS = "blocks"
BALANCES = "miners_balance"

Kind = Literal["text", "word", "integer", "ustx", "wei", "time", "flag"]
"""The kind of a column's values. A word is a text with few distinct values, ustx an integer of up to 20 digits, wei an
integer of up to 38 digits.

Rows hold a time as unix seconds, files and tables as a UTC timestamp.
"""


class Column(NamedTuple):
    """A column of a day file. `comment` describes it with its unit; `in_table` says whether the table has it too.

    An `added` column came after the dataset's first version. The table has it after `ingested_at`. Older day files lack
    it and read as NULL.
    """

    name: str
    kind: Kind
    comment: str
    in_table: bool = True
    added: bool = False


class Details(NamedTuple):
    """A second table of a dataset, with the same rows: the key, `day`, and these columns of the day file."""

    name: str
    key: str
    columns: tuple[str, ...]
    comment: str


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
    from: a day is open again once that dataset's day changes. `details` is a second table; none: there is only one.
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
    details: Details | None = None

    @property
    def table_columns(self) -> list[Column]:
        """The columns of the table, without the `ingested_at` that it adds."""
        return [column for column in self.columns if column.in_table]

    def columns_of(self, certificate: Certificate) -> tuple[Column, ...]:
        """Return the columns of the day file with this certificate: the first ones."""
        if certificate.columns is msgspec.UNSET:
            return tuple(column for column in self.columns if not column.added)
        return self.columns[: certificate.columns]


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
            Column("contract_id", "word", "the contract that is called or deployed", in_table=False, added=True),
            Column("function_name", "word", "the contract's function that is called", in_table=False, added=True),
            Column("recipient_address", "text", "receiver of a transfer of STX", in_table=False, added=True),
            Column(
                "amount_ustx",
                "ustx",
                "amount of a transfer in microSTX (1 STX = 1,000,000)",
                in_table=False,
                added=True,
            ),
            Column("sponsor_nonce", "integer", "of the sponsor", in_table=False, added=True),
            Column("memo", "text", "the memo of a transfer: 0x and up to 34 bytes in hex", in_table=False, added=True),
        ),
        details=Details(
            name="transaction_details",
            key="tx_id",
            columns=(
                "contract_id",
                "function_name",
                "recipient_address",
                "amount_ustx",
                "sponsor_nonce",
                "memo",
                "nonce",
                "tx_index",
                "sponsor_address",
                "index_block_hash",
            ),
            comment=(
                "More columns of the rows of transactions, by tx_id; day is the UTC date of burn_block_time. The first "
                "six are NULL on days that were read before version 0.2.0."
            ),
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
            Column("gas_limit", "integer", "units of gas; NULL where it exceeds 63 bits"),
            Column("base_fee_per_gas", "integer", "Wei; NULL before the London fork"),
            Column("transaction_count", "integer", "transactions in the block"),
            Column("size", "integer", "bytes; NULL where the node does not report it"),
            Column(
                "extra_data", "text", "free text of the block's builder, in hex; NULL where the node does not report it"
            ),
            Column("nonce", "word", "8 bytes in hex; since the merge zero", added=True),
            Column("sha3_uncles", "word", "hash of the list of uncles", added=True),
            Column("transactions_root", "text", "root of the transactions", added=True),
            Column("state_root", "text", "root of all accounts after the block", added=True),
            Column("receipts_root", "text", "root of the receipts", added=True),
            Column("difficulty", "integer", "work; since the merge 0; NULL where it exceeds 63 bits", added=True),
            Column("mix_hash", "text", "since the merge the block's randomness", added=True),
            Column("withdrawals_root", "text", "root of the withdrawals; NULL before the Shanghai fork", added=True),
            Column("blob_gas_used", "integer", "units of blob gas; NULL before the Cancun fork", added=True),
            Column("excess_blob_gas", "integer", "units of blob gas; NULL before the Cancun fork", added=True),
            Column(
                "parent_beacon_block_root", "text", "root of the beacon block; NULL before the Cancun fork", added=True
            ),
            Column("requests_hash", "text", "hash of the requests; NULL before the Prague fork", added=True),
            Column(
                "withdrawals_gwei",
                "integer",
                "Gwei: withdrawals to the fee recipient; NULL where they are not known",
                added=True,
            ),
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
            Column(
                "withdrawals_gwei",
                "integer",
                "Gwei: the part of the increase that was withdrawn from stake; NULL where it is not known",
                added=True,
            ),
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

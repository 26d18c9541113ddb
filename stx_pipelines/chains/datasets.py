"""The datasets: what their rows are called, which columns they have, and what a day of them costs.

Tables, day files and coverage follow from these values. To add a dataset is to add a value here, a sync that fetches
its days, and an asset: see docs/adding-a-dataset.md.
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
"""What a column holds. A word is a text of which few differ, wei is an integer of up to 38 digits, a time is UTC.

Rows hold a time as unix seconds, files and tables as a timestamp.
"""


class Column(NamedTuple):
    """A column of a day file; `comment` says its unit. `in_table` tells whether the table has it too.

    An `added` column came after the dataset's first version: the table has it behind `ingested_at`, and older day files
    lack it, which reads as NULL.
    """

    name: str
    kind: Kind
    comment: str
    in_table: bool = True
    added: bool = False


class Price(NamedTuple):
    """Requests that a day costs: `unknown` until one is stored, and never less than its rows need."""

    unknown: int
    rows_per_request: float

    def of(self, certificate: Certificate) -> tuple[int, float]:
        """Give the requests and seconds of a day fetched at once; one that grew bit by bit certifies its last bit."""
        requests = max(certificate.requests, ceil(certificate.expected / self.rows_per_request))
        return requests, (certificate.seconds or 0.0) * requests / max(1, certificate.requests)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table and its day files. `noun` is what its rows are called, `comment` what the table says of itself.

    `columns` are those of the day files in their order; each is a field of `row`, the type of its rows. `time_column`
    is the column whose UTC date is the day of a row. `shown_by` are the columns that decide whether the table shows a
    row, given in this order to the macro `shown_NAME` in `store/sql/shown.sql`; none: all are shown. `sorted_by` is how
    the table's rows of a day are sorted; none: as in the file. `made_from` is the dataset whose days its days are made
    of: once those change, a day is open again.
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
        """The columns that the table has too; it adds `ingested_at`."""
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
            Column("tx_type", "word", "what it does, in the words of the API"),
            Column("canonical", "flag", "true: a row is shown only while its block is canonical"),
            Column("tx_status", "word", "success: rows of other status are only in the day file"),
            Column("burn_block_time", "time", "time of the Bitcoin block that anchors it, UTC"),
            Column("burn_block_height", "integer", "height of the Bitcoin block that anchors it"),
            Column(
                "microblock_sequence",
                "integer",
                "2147483647 for the anchored block, always so since Nakamoto (2024-10-29); "
                "NULL where the API does not say it",
            ),
            Column("tx_index", "integer", "place in its block, from 0", in_table=False),
            Column("index_block_hash", "word", "names its block; NULL where the API does not say it", in_table=False),
            Column("nonce", "integer", "of the sender; NULL where the API does not say it", in_table=False),
            Column("sponsor_address", "text", "who paid the fee, if not the sender", in_table=False),
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
            Column("extra_data", "text", "what its maker wrote into it, in hex"),
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
            "What each Ethereum block did to its fee recipient; a day is the UTC date of block_time. "
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
                "Wei: fees less what was paid on to the proposer, plus withdrawals and unrelated transfers; "
                "may be negative",
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
        sorted_by=("miner", "block_number"),  # a miner's blocks lie side by side within a day: see docs/ethereum.md
        made_from=BLOCKS,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""Every dataset by its name; one that is made from another comes after it."""


def datasets_of(chain: str) -> tuple[Dataset, ...]:
    """Name the datasets of a chain, in the order in which they are made."""
    return tuple(dataset for dataset in DATASETS.values() if dataset.chain == chain)

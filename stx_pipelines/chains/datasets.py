"""The datasets: their names, columns and cost of a day.

Tables, day files and coverage follow from these values. A new dataset needs a value here, a sync that fetches its days,
and an asset: see docs/adding-a-dataset.md.
"""

from __future__ import annotations

from stx_pipelines.chains.dataset import Column, Dataset, Details, Kind, Price
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.chains.increase_parts import IncreaseParts
from stx_pipelines.chains.prices import Candle
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.wallet_balances import WalletBalance

__all__ = ["BALANCES", "BLOCKS", "DATASETS", "PARTS", "PRICES", "TRANSACTIONS", "WALLET_BALANCES"]
__all__ += ["Column", "Dataset", "Details", "Kind", "Price", "datasets_of"]

TRANSACTIONS = "transactions"
BLOCKS = "blocks"
BALANCES = "miners_balance"
WALLET_BALANCES = "wallet_balances"
PARTS = "increase_parts"
PRICES = "prices"

_ALL = (
    Dataset(
        name=TRANSACTIONS,
        chain="stacks",
        noun="transactions",
        comment="Canonical, successful Stacks transactions; a day is the UTC date of burn_block_time. Times are UTC.",
        row=Tx,
        columns=(
            Column("tx_id", "text", "id of the transaction: 0x and 64 lower-case hex digits"),
            Column("block_time", "time", "time of the Stacks block, UTC"),
            Column("block_height", "integer", "height of the Stacks block"),
            Column("sender_address", "text", "address that signed the transaction"),
            Column("fee_ustx", "integer", "the whole fee in microSTX (1 STX = 1,000,000)"),
            Column("tx_type", "word", "the kind of transaction, as the API names it"),
            Column("canonical", "flag", "whether the block is canonical; the table has only rows with true"),
            Column("tx_status", "word", "result of the transaction; the table has only rows with success"),
            Column("burn_block_time", "time", "time of the Bitcoin block that anchors the Stacks block, UTC"),
            Column("burn_block_height", "integer", "height of the Bitcoin block that anchors the Stacks block"),
            Column(
                "microblock_sequence",
                "integer",
                "number of the microblock; 2147483647 if the transaction is in the Stacks block itself, as always "
                "since Nakamoto (2024-10-29); NULL if the API does not report it",
            ),
            Column("tx_index", "integer", "place of the transaction in its block, from 0", in_table=False),
            Column(
                "index_block_hash",
                "word",
                "index block hash of the Stacks block; NULL if the API does not report it",
                in_table=False,
            ),
            Column("nonce", "integer", "nonce of the sender; NULL if the API does not report it", in_table=False),
            Column("sponsor_address", "text", "address that paid the fee, if not the sender", in_table=False),
            Column("contract_id", "word", "contract that the transaction calls or deploys", in_table=False, added=True),
            Column(
                "function_name",
                "word",
                "function of the contract that the transaction calls",
                in_table=False,
                added=True,
            ),
            Column("recipient_address", "text", "receiver of a transfer of STX", in_table=False, added=True),
            Column(
                "amount_ustx",
                "ustx",
                "amount of a transfer in microSTX (1 STX = 1,000,000)",
                in_table=False,
                added=True,
            ),
            Column("sponsor_nonce", "integer", "nonce of the sponsor", in_table=False, added=True),
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
                "More columns of the rows of transactions, by tx_id; day is the UTC date of burn_block_time. The "
                "columns from contract_id to memo are NULL on days that were fetched before version 0.2.0."
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
            Column("hash", "text", "hash of the block: 0x and 64 lower-case hex digits"),
            Column("parent_hash", "text", "hash of the block before"),
            Column("miner", "word", "the fee recipient: 0x and 40 lower-case hex digits"),
            Column("timestamp", "time", "time of the block, UTC"),
            Column("gas_used", "integer", "gas that the transactions used, in units of gas"),
            Column("gas_limit", "integer", "most gas that the block may use, in units; NULL if it exceeds 63 bits"),
            Column("base_fee_per_gas", "integer", "base fee in Wei per unit of gas; NULL before the London fork"),
            Column("transaction_count", "integer", "number of transactions in the block"),
            Column("size", "integer", "size of the block in bytes; NULL if the node does not report it"),
            Column(
                "extra_data", "text", "free text of the block's builder, in hex; NULL if the node does not report it"
            ),
            Column("nonce", "word", "nonce of the block: 8 bytes in hex; zero since the merge", added=True),
            Column("sha3_uncles", "word", "hash of the list of uncles", added=True),
            Column("transactions_root", "text", "root hash of the transactions", added=True),
            Column("state_root", "text", "root hash of all accounts after the block", added=True),
            Column("receipts_root", "text", "root hash of the receipts", added=True),
            Column(
                "difficulty",
                "integer",
                "difficulty of the block; 0 since the merge; NULL if it exceeds 63 bits",
                added=True,
            ),
            Column("mix_hash", "text", "mix hash of the block; its random value since the merge", added=True),
            Column(
                "withdrawals_root", "text", "root hash of the withdrawals; NULL before the Shanghai fork", added=True
            ),
            Column("blob_gas_used", "integer", "used blob gas, in units; NULL before the Cancun fork", added=True),
            Column("excess_blob_gas", "integer", "excess blob gas, in units; NULL before the Cancun fork", added=True),
            Column(
                "parent_beacon_block_root", "text", "root of the beacon block; NULL before the Cancun fork", added=True
            ),
            Column(
                "requests_hash",
                "text",
                "hash of the block's requests (EIP-7685); NULL before the Prague fork",
                added=True,
            ),
            Column(
                "withdrawals_gwei",
                "integer",
                "withdrawals to the fee recipient in Gwei; NULL if they are not known",
                added=True,
            ),
        ),
        time_column="timestamp",
        price=Price(unknown=7_200, rows_per_request=1, bytes_per_row=300),  # a block every 12 seconds
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
            Column("miner", "word", "the fee recipient: 0x and 40 lower-case hex digits"),
            Column("balance_before", "wei", "balance in Wei after the block before this one"),
            Column("balance_after", "wei", "balance in Wei after this block"),
            Column(
                "balance_increase",
                "wei",
                "change in Wei: fees less the payment to the proposer, plus withdrawals and unrelated transfers; may "
                "be negative",
            ),
            Column("block_hash", "text", "hash of the block"),
            Column(
                "withdrawals_gwei",
                "integer",
                "the part of the increase that was withdrawn from stake, in Gwei; NULL if it is not known",
                added=True,
            ),
        ),
        time_column="block_time",
        price=Price(unknown=14_400, rows_per_request=0.6),  # two balances a row, some shared between rows
        sorted_by=("miner", "block_number"),  # keeps a fee recipient's rows together: see docs/ethereum.md
        made_from=BLOCKS,
    ),
    Dataset(
        name=WALLET_BALANCES,
        chain="stacks_balances",
        noun="wallets",
        comment=(
            "The balance of each account whose first transaction is on the day, after the day's last Stacks block; a "
            "day is the UTC date of burn_block_time."
        ),
        row=WalletBalance,
        columns=(
            Column("address", "text", "the account whose nonce 0, as sender or sponsor, is on the day"),
            Column("available_ustx", "ustx", "microSTX that the account can spend (1 STX = 1,000,000)"),
            Column("locked_ustx", "ustx", "microSTX that are locked"),
            Column("unlock_height", "integer", "burn block height at which the locked part becomes free; 0 if none is"),
            Column("nonce", "integer", "next nonce: one more than the highest nonce up to that block"),
            Column("is_funded", "flag", "whether the available and the locked part are at least 10 STX together"),
            Column("block_height", "integer", "height of the day's last Stacks block"),
            Column("index_block_hash", "word", "index block hash of the day's last Stacks block"),
            Column("burn_block_time", "time", "time of the Bitcoin block that anchors that Stacks block, UTC"),
        ),
        time_column="burn_block_time",
        price=Price(unknown=800, rows_per_request=1),  # 800: new accounts of a busy day
        made_from=TRANSACTIONS,
    ),
    Dataset(
        name=PARTS,
        chain="ethereum",
        noun="blocks",
        comment=(
            "What each increase in miners_balance is made of: increase = priority_fees + transfers_in + withdrawals - "
            "own_value - own_gas + rest. A day is the UTC date of block_time. Only with ETH_PARTS=1."
        ),
        row=IncreaseParts,
        columns=(
            Column("block_number", "integer", "height of the block"),
            Column("block_time", "time", "time of the block, UTC"),
            Column("miner", "word", "the fee recipient: 0x and 40 lower-case hex digits"),
            Column("priority_fees_wei", "wei", "gas used x (price - base fee) of all transactions, in Wei"),
            Column("own_value_wei", "wei", "value of the successful transactions that the fee recipient sent, in Wei"),
            Column("own_gas_wei", "wei", "gas and blob fees of the transactions that the fee recipient sent, in Wei"),
            Column("transfers_in_wei", "wei", "value of the successful transactions to the fee recipient, in Wei"),
            Column("withdrawals_wei", "wei", "withdrawals of stake to the fee recipient, in Wei"),
            Column("burnt_wei", "wei", "gas used x base fee of all transactions, in Wei; no part of the increase"),
            Column("proposer_payment_wei", "wei", "the part of own_value_wei in the block's last transaction, in Wei"),
            Column("proposer", "word", "the receiver of that payment; NULL if there is none"),
            Column(
                "rest_wei", "wei", "the increase less all other parts, in Wei: payments by contracts; may be negative"
            ),
            Column("is_proved", "flag", "whether transactions and receipts have the roots of the hashed header"),
        ),
        time_column="block_time",
        price=Price(unknown=14_400, rows_per_request=0.5),  # a block and its receipts
        sorted_by=("miner", "block_number"),
        made_from=BALANCES,
        switch="eth_parts",
    ),
    Dataset(
        name=PRICES,
        chain="prices",
        noun="prices",
        comment="Hourly candles of STX and BTC in US dollars; a day is the UTC date of hour. Times are UTC.",
        row=Candle,
        columns=(
            Column("pair", "word", "the pair: STX-USD or BTC-USD"),
            Column("hour", "time", "begin of the hour, UTC; an hour without a trade has no row"),
            Column("open", "price", "US dollars: price of the first trade"),
            Column("high", "price", "US dollars: highest price"),
            Column("low", "price", "US dollars: lowest price"),
            Column("close", "price", "US dollars: price of the last trade; known only when the hour is over"),
            Column("volume", "price", "traded volume in STX or BTC"),
            Column("source", "word", "where the candle is from"),
        ),
        time_column="hour",
        price=Price(unknown=1, rows_per_request=600, bytes_per_row=80),  # 300 hours a request
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""Every dataset by its name. A dataset made from another comes after it."""


def datasets_of(chain: str) -> tuple[Dataset, ...]:
    """Return the datasets of a chain, in the order in which they are made."""
    return tuple(dataset for dataset in DATASETS.values() if dataset.chain == chain)

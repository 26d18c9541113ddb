"""The new accounts of a day of Stacks transactions, their balances, and the proof of their nonces. No I/O.

An account numbers its transactions 0, 1, 2, ... as sender and as sponsor together, whatever their status. So it is new
on the day of its number 0. The times of burn blocks are not in order, so that some blocks below the day's last block
may be of a neighbouring day. Their transactions are in its state too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.stacks_accounts import AccountState

FUNDED_USTX = 10_000_000
"""The least balance of a funded account in microSTX: 10 STX."""

_OF_BITCOIN = frozenset({"token_transfer", "contract_call"})


class WalletBalance(NamedTuple):
    """The balance of a new account after the last Stacks block of its first day."""

    address: str
    available_ustx: int
    locked_ustx: int
    unlock_height: int
    nonce: int
    is_funded: bool
    block_height: int
    index_block_hash: str
    burn_block_time: int


class NewAccounts(NamedTuple):
    """The highest nonce of each new account, by its address, and the number of accounts that were left out.

    An account is left out if its first transaction is on the day and the nonce of another one is not known.
    """

    highest: dict[str, int]
    left_out: int


def new_accounts(rows: Sequence[Tx], beside: Sequence[Tx] = ()) -> NewAccounts:
    """Return the accounts whose nonce 0 is among the canonical rows of a day, in the order of their addresses.

    `beside` are the rows of the blocks of neighbouring days that are below the day's last block.
    """
    new = {address for address, nonce in _nonces(rows) if nonce == 0}
    highest, unknown = dict.fromkeys(new, 0), set[str]()
    for address, nonce in _nonces([*rows, *beside]):
        if address in new:
            highest[address] = max(nonce or 0, highest[address])
            unknown |= {address} if nonce is None else set()
    return NewAccounts({address: highest[address] for address in sorted(new - unknown)}, len(unknown))


def missing_heights(rows: Iterable[Tx]) -> set[int]:
    """Return the heights between a day's first and last block that the day does not have."""
    heights = {tx.block_height for tx in rows if tx.canonical}
    return set(range(min(heights), max(heights))) - heights if heights else set()


def _nonces(rows: Iterable[Tx]) -> Iterator[tuple[str, int | None]]:
    """Yield the account and the nonce of each sender and sponsor, without rows that move no nonce."""
    for tx in rows:
        if not tx.canonical or tx.block_height <= 1:  # the rows of block 1 are those of block 0
            continue
        if tx.sender_address is not None and not _is_of_bitcoin(tx):
            yield tx.sender_address, tx.nonce
        if tx.sponsor_address is not None and tx.sponsor_address != tx.sender_address:
            yield tx.sponsor_address, tx.sponsor_nonce


def _is_of_bitcoin(tx: Tx) -> bool:
    """Return whether a row is an operation on Bitcoin, which the API shows with nonce 0 and without a fee."""
    return tx.nonce == 0 and tx.fee_ustx == 0 and tx.sponsor_address is None and tx.tx_type in _OF_BITCOIN


def last_row(rows: Sequence[Tx]) -> Tx | None:
    """Return a canonical row of the day's last Stacks block; None for a day without rows."""
    return max((tx for tx in rows if tx.canonical), key=lambda tx: (tx.block_height, tx.tx_index), default=None)


def balance_of(address: str, state: AccountState, highest: int, last: Tx) -> WalletBalance:
    """Return the row of an account whose state is after the block of the row `last`.

    Raises `ProofError` if the state's nonce is not one more than the `highest` nonce of the account.
    """
    if state.nonce != highest + 1:
        raise ProofError(
            f"the node states {state.nonce} as the next nonce of {address} after block {last.block_height}, but the "
            f"account's highest nonce up to that block is {highest}, so it must be {highest + 1}"
        )
    assert last.index_block_hash is not None  # the state was requested by this hash
    return WalletBalance(
        address,
        *state,
        is_funded=state.total_ustx >= FUNDED_USTX,
        block_height=last.block_height,
        index_block_hash=last.index_block_hash,
        burn_block_time=last.burn_block_time,
    )

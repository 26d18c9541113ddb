"""The statement of an account: every transaction that changed its balance in a range of days, and both balances."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from stx_pipelines.chains.days import window
from stx_pipelines.chains.stacks import Block, Cursor
from stx_pipelines.chains.stacks_accounts import AccountChange, AccountState
from stx_pipelines.clients.errors import Moving, NotFound
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.clients.stacks_node import StacksNode
from stx_pipelines.settings import SettingsError

MOST_TRANSACTIONS = 1_000_000
"""More transactions are refused, because all are held in memory."""

_ATTEMPTS = 5


class Line(NamedTuple):
    """A transaction of a statement. Amounts are in microSTX; `sent` has the fee if the account paid it.

    `balance_ustx` is the opening balance and everything sent and received since, with this transaction.
    """

    time: int
    height: int
    tx_id: str
    tx_type: str
    status: str
    involvement: str
    sent_ustx: int
    received_ustx: int
    fee_ustx: int
    balance_ustx: int


class Statement(NamedTuple):
    """The lines, oldest first, between the states of the account after the `opening` and the `closing` block.

    `opening` is None if the range begins with the chain; the opening balance is then 0.
    """

    opening: Block | None
    closing: Block
    opening_ustx: int
    closing_ustx: int
    lines: list[Line]

    @property
    def sent_ustx(self) -> int:
        """The sum of everything sent, with fees."""
        return sum(line.sent_ustx for line in self.lines)

    @property
    def received_ustx(self) -> int:
        """The sum of everything received."""
        return sum(line.received_ustx for line in self.lines)

    @property
    def unexplained_ustx(self) -> int:
        """The part of the closing balance that the transactions do not explain, negative if it is too small."""
        return self.closing_ustx - (self.opening_ustx + self.received_ustx - self.sent_ustx)


def make_statement(api: StacksApi, node: StacksNode, address: str, first: date, last: date) -> Statement:
    """Return the statement of the blocks whose block time is on a day from `first` to `last`, both included.

    Days are those of the Stacks blocks' times, which rise from block to block. Raises `SettingsError` for a range
    before the chain, `Moving` if the chain changed in every attempt, and the errors of the clients.
    """
    for _ in range(_ATTEMPTS):
        closing = api.block_at(window(last)[1] - 1)
        if closing is None:
            raise SettingsError(f"{last} is before the chain's first block: choose a later --to")
        opening = api.block_at(window(first)[0] - 1)
        try:
            opening_ustx = _total(node, address, opening) if opening else 0
            closing_ustx = _total(node, address, closing)
            changes = list(_changes(api, address, opening, closing))
        except NotFound as error:
            if _is_canonical(api, opening) and _is_canonical(api, closing):
                raise SettingsError(
                    f"the node does not keep the balances of old blocks ({error}): set STX_NODE_URL to a node that does"
                ) from error
            continue
        if _is_canonical(api, opening) and _is_canonical(api, closing):
            return Statement(opening, closing, opening_ustx, closing_ustx, _lines(changes, opening_ustx))
    raise Moving(f"the chain changed in each of {_ATTEMPTS} attempts: run the same command again")


def _total(node: StacksNode, address: str, block: Block) -> int:
    state: AccountState = node.account(address, block.index_block_hash)
    return state.total_ustx


def _is_canonical(api: StacksApi, block: Block | None) -> bool:
    return block is None or api.has_block(block.height, block.index_block_hash)


def _changes(api: StacksApi, address: str, opening: Block | None, closing: Block) -> Iterator[AccountChange]:
    """Yield the account's changes after the opening block up to the closing block, newest first."""
    above = opening.height if opening else -1
    cursor: Cursor | None = Cursor.top_of(closing.height)
    count = 0
    while cursor is not None and cursor.height > above:
        page = api.changes(address, cursor)
        for change in page.changes:
            if change.tx.block_height <= above:
                return
            count += 1
            if count > MOST_TRANSACTIONS:
                raise SettingsError(f"there are more than {MOST_TRANSACTIONS:,} transactions: choose a shorter range")
            yield change
        cursor = page.next


def _lines(changes: list[AccountChange], opening_ustx: int) -> list[Line]:
    lines, balance = [], opening_ustx
    for change in reversed(changes):
        tx = change.tx
        balance += change.received_ustx - change.sent_ustx
        lines.append(
            Line(
                tx.block_time or tx.burn_block_time,
                tx.block_height,
                tx.tx_id,
                tx.tx_type,
                tx.tx_status,
                change.involvement,
                change.sent_ustx,
                change.received_ustx,
                change.fee_ustx,
                balance,
            )
        )
    return lines

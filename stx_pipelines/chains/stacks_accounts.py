"""A Stacks account after a block, the transactions that change its balance, and their parsers.

Amounts are in microSTX. The shapes are those of `/extended/v3/principals/{principal}/transactions` of
stacks-blockchain-api v9, and of a node's `/v2/accounts/{principal}`.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import Cursor, Natural, Tx
from stx_pipelines.chains.stacks_answers import V3Cursor, V3Tx, decoder, parse_cursor, v3_rows
from stx_pipelines.chains.stacks_payloads import ADDRESSES, are_all

_Amount = Annotated[str, msgspec.Meta(pattern=r"\A-?[0-9]{1,39}\Z")]
_Hex = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{1,32}\Z")]


class AccountState(NamedTuple):
    """An account after a block: the microSTX it can spend, those that are locked, and its next nonce.

    `unlock_height` is the burn block height at which the locked part becomes free, 0 if nothing is locked.
    """

    available_ustx: int
    locked_ustx: int
    unlock_height: int
    nonce: int

    @property
    def total_ustx(self) -> int:
        """The whole balance."""
        return self.available_ustx + self.locked_ustx


class AccountChange(NamedTuple):
    """A transaction, the account's part in it, and the microSTX that the account sent and received.

    What it sent includes the fee if the account paid it.
    `involvement` is `sender`, `sponsor` or `affected`.
    """

    tx: Tx
    involvement: str
    sent_ustx: int
    received_ustx: int

    @property
    def fee_ustx(self) -> int:
        """The fee that this account paid."""
        payer = "sender" if self.tx.sponsor_address is None else "sponsor"
        is_own = self.tx.sponsor_address == self.tx.sender_address and self.involvement == "sender"
        return self.tx.fee_ustx if self.involvement == payer or is_own else 0


class ChangesPage(NamedTuple):
    """Up to 50 changes of an account's balance, newest first, and the cursor of the next page, None on the last."""

    changes: list[AccountChange]
    next: Cursor | None


class _Stx(msgspec.Struct):
    sent: _Amount
    received: _Amount
    net: _Amount


class _BalanceChanges(msgspec.Struct):
    stx: _Stx


class _Change(msgspec.Struct):
    transaction: V3Tx
    involvement: str
    balance_changes: _BalanceChanges


class _Changes(msgspec.Struct):
    cursor: V3Cursor
    results: list[_Change]


class _State(msgspec.Struct):
    balance: _Hex
    locked: _Hex
    unlock_height: Natural
    nonce: Natural


_changes = decoder(_Changes)
_state = decoder(_State)


def is_principal(text: str) -> bool:
    """Return whether a text has the form of a Stacks address, of an account or a contract."""
    return are_all(ADDRESSES, [text]) and text.startswith("S")


def parse_account(body: bytes) -> AccountState:
    """Return the state of an account. Raises `MalformedAnswer`."""
    state = _state(body)
    return AccountState(int(state.balance, 16), int(state.locked, 16), state.unlock_height, state.nonce)


def parse_changes(body: bytes, asked: Cursor) -> ChangesPage:
    """Return a page of an account's changes requested at the cursor `asked`.

    Raises `MalformedAnswer` if sums are wrong, or if rows or the next cursor are not older than `asked`.
    """
    page = _changes(body)
    rows = v3_rows([each.transaction for each in page.results])
    places = [asked, *(Cursor(row.block_height, asked.microblock_sequence, row.tx_index) for row in rows)]
    if any(newer < older for newer, older in zip(places, places[1:], strict=False)):
        raise MalformedAnswer(f"the page of the account at {asked} is not in falling order")
    following = parse_cursor(page.cursor.next) if page.cursor.next is not None else None
    if following is not None and (following >= asked or not rows):
        raise MalformedAnswer(f"the page of the account at {asked} names {following} as the next older one")
    return ChangesPage([_change(row, each) for row, each in zip(rows, page.results, strict=True)], following)


def _change(row: Tx, change: _Change) -> AccountChange:
    stx = change.balance_changes.stx
    sent, received = int(stx.sent), int(stx.received)
    if received - sent != int(stx.net):
        raise MalformedAnswer(f"the change by {row.tx_id} does not add up: {received} - {sent} is not {stx.net}")
    return AccountChange(row, change.involvement, sent, received)

"""The made-up balances of accounts, from the rows of the chain.

A chain here has senders that never received what they send. So every transaction of a sender also brings it what it
needs: its balance afterwards is a number made from its address and the place of the transaction among its own. The
transfers that an account receives are added. Miners receive a reward for each coinbase, which no transaction shows.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.encoding import amount_of, c32_address, recipient_hash
from stx_pipelines.devnet.stacks.values import Transaction

_MOST_USTX = 60_000_000  # 60 STX: some accounts hold less than 10
REWARD_USTX = 500_000_000


class Change(NamedTuple):
    """The change of an account's balance by a transaction. `sent` has the fee; `after` is the balance afterwards."""

    tx: Transaction
    involvement: str
    sent: int
    received: int
    reward: int
    nonce: int | None
    after: int


class Account(NamedTuple):
    """An account after a block: its microSTX, the part of it that is locked, and its next nonce."""

    total: int
    locked: int
    nonce: int


class Accounts:
    """The accounts of a chain. Changes are made when they are first asked for, and again after a reorganisation."""

    def __init__(self, chain: StacksChain) -> None:
        """Start without changes."""
        self._chain = chain
        self._state = (-1, -1)
        self._read = 0
        self._changes: dict[str, list[Change]] = {}

    def changes(self, address: str) -> list[Change]:
        """Return the changes of an account, oldest first."""
        self._follow()
        return self._changes.get(address, [])

    def at(self, address: str, height: int) -> Account:
        """Return the account after the block of this height."""
        made = [change for change in self.changes(address) if change.tx.block_height <= height]
        total = made[-1].after if made else _figure(address, 0)
        nonces = [change.nonce for change in made if change.nonce is not None]
        locked = total // 2 if _figure(address, 0) % 10 == 0 else 0
        return Account(total, locked, nonces[-1] + 1 if nonces else 0)

    def _follow(self) -> None:
        """Add the rows that are new since the last call. Start again if old rows have changed."""
        state = (self._chain.forks, self._chain.false_rows)
        if state != self._state:
            self._state, self._read, self._changes = state, 0, defaultdict(list)
        for tx in self._chain.rows[self._read :]:
            for address, involvement in _accounts_of(tx):
                made = self._changes[address]
                made.append(_change(tx, address, involvement, made))
        self._read = len(self._chain.rows)


def _accounts_of(tx: Transaction) -> Iterator[tuple[str, str]]:
    """Yield the accounts whose balance a transaction changes, each once, with their part in it."""
    yield tx.sender_address, "sender"
    if tx.sponsor_address is not None and tx.sponsor_address != tx.sender_address:
        yield tx.sponsor_address, "sponsor"
    recipient = _recipient(tx)
    if recipient is not None and recipient not in {tx.sender_address, tx.sponsor_address}:
        yield recipient, "affected"


def _recipient(tx: Transaction) -> str | None:
    is_transfer = tx.tx_type == "token_transfer" and tx.tx_status == "success"
    return c32_address(recipient_hash(tx)) if is_transfer else None


def _change(tx: Transaction, address: str, involvement: str, made: list[Change]) -> Change:
    before = made[-1].after if made else _figure(address, 0)
    if involvement == "affected":
        return Change(tx, involvement, 0, amount_of(tx), 0, None, before + amount_of(tx))
    pays = address == (tx.sponsor_address or tx.sender_address)
    moved = amount_of(tx) if involvement == "sender" and _recipient(tx) not in {None, address} else 0
    sent = moved + (tx.fee_ustx if pays else 0)
    received = max(0, _figure(address, len(made) + 1) - before + sent) if sent else 0
    reward = REWARD_USTX if tx.tx_type == "coinbase" else 0
    nonce = tx.nonce if involvement == "sender" else tx.sponsor_nonce
    return Change(tx, involvement, sent, received, reward, nonce, before + received - sent + reward)


def _figure(address: str, place: int) -> int:
    """Return the microSTX that an account has after its first `place` transactions."""
    return int.from_bytes(sha256(f"{address}:{place}".encode()).digest()[:6]) % _MOST_USTX

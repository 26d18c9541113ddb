"""The accounts of the made-up Ethereum chain: its fee recipients and their balances after each block.

This module holds addresses, balances and each recipient's share of the blocks. It does not make blocks (chain.py).
"""

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import NamedTuple

from stx_pipelines.devnet.ethereum.state import State
from stx_pipelines.devnet.ethereum.values import WEI_PER_ETHER

RECIPIENTS = 20
_FINNEY = WEI_PER_ETHER // 1_000
_SHARE_OF_UNRELATED = 0.05  # blocks with a transfer that has nothing to do with their fees
_SHARE_UNCHANGED = 0.15
_SHARE_OF_LOSSES = 0.3  # blocks whose payment to the proposer is larger than the fees


class Recipient(NamedTuple):
    """An account that builds blocks and receives their fees. `opening_wei` is its balance after block 0."""

    address: str
    extra_data: str
    opening_wei: int


class Change(NamedTuple):
    """The change of one balance by one block, in Wei. A balance that would become negative becomes 0."""

    address: str
    wei: int


@dataclass(slots=True)
class _History:
    """The balances of one account in Wei. Each balance is valid from the block number at the same position on."""

    numbers: list[int]
    balances: list[int]


class Accounts:
    """The balances of all accounts at every block, and the builders of blocks."""

    def __init__(self, seed: int) -> None:
        """Make the fee recipients with their balances after block 0."""
        self.recipients = [_recipient(seed, rank) for rank in range(RECIPIENTS)]
        self.by_address = {one.address: one for one in self.recipients}
        self._shares = list(accumulate(1 / (rank + 1) ** 1.3 for rank in range(RECIPIENTS)))
        self._histories = {one.address: _History([0], [one.opening_wei]) for one in self.recipients}
        self.state = State(self._histories)
        self._set_states()

    def pick(self, rng: Random) -> Recipient:
        """Draw the builder of a block. A few builders build most blocks."""
        return self.recipients[bisect_right(self._shares, rng.random() * self._shares[-1])]

    def knows(self, address: str) -> bool:
        """Tell whether the address, in lower case, is an account of this chain."""
        return address in self._histories

    def balance(self, address: str, number: int) -> int:
        """Return the balance of an address (in lower case) after a block, in Wei; 0 for an unknown address."""
        history = self._histories.get(address)
        if history is None:
            return 0
        return history.balances[bisect_right(history.numbers, number) - 1]

    def balances(self, number: int) -> dict[str, int]:
        """Return every account's balance after a block, in Wei."""
        return {address: self.balance(address, number) for address in self._histories}

    def mined(self, number: int, miner: str, rng: Random, wei: int | None = None) -> None:
        """Apply a block to the balances: the change of its fee recipient and, in some blocks, an unrelated transfer.

        The change is `wei`; if None, it is drawn.
        """
        self._add(number, Change(miner, _increase(rng) if wei is None else wei))
        if rng.random() < _SHARE_OF_UNRELATED:
            self._add(number, _transfer(self.recipients, rng))

    def cut(self, number: int) -> None:
        """Remove the changes of this block and of all later blocks."""
        for history in self._histories.values():
            keep = bisect_right(history.numbers, number - 1)
            del history.numbers[keep:], history.balances[keep:]
        self._set_states()

    def _set_states(self) -> None:
        for address, history in self._histories.items():
            self.state.set(address, history.balances[-1])

    def _add(self, number: int, change: Change) -> None:
        history = self._histories[change.address]
        balance = max(0, history.balances[-1] + change.wei)
        if balance == history.balances[-1]:
            return
        if history.numbers[-1] == number:
            history.balances[-1] = balance
        else:
            history.numbers.append(number)
            history.balances.append(balance)
        self.state.set(change.address, balance)


def _recipient(seed: int, rank: int) -> Recipient:
    address = "0x" + sha256(f"{seed}:recipient:{rank}".encode()).hexdigest()[:40]
    extra_data = f"made-up builder {rank}".encode() if rank % 4 else b""
    return Recipient(address, "0x" + extra_data.hex(), _opening(rank))


def _opening(rank: int) -> int:
    """Return an opening balance in Wei. One balance needs 87 bits, some are 0, half need more than 64 bits."""
    if rank == 3:
        return 120_000_000 * WEI_PER_ETHER + 1
    if rank % 5 == 4:
        return 0
    return (rank * 97 + 1) * WEI_PER_ETHER + rank if rank % 2 else (rank + 1) * 123_456_789_012_345


def _increase(rng: Random) -> int:
    """Draw the change of the builder's balance in Wei: fees and withdrawals minus the payment to the proposer."""
    drawn = rng.random()
    if drawn < _SHARE_UNCHANGED:
        return 0
    wei = int(rng.expovariate(1 / 20) * _FINNEY) + 1
    return -wei if drawn < _SHARE_UNCHANGED + _SHARE_OF_LOSSES else wei


def _transfer(recipients: list[Recipient], rng: Random) -> Change:
    """Draw an unrelated transfer, by which any recipient sends or receives up to 3 ETH."""
    someone = recipients[int(rng.random() * RECIPIENTS)]
    return Change(someone.address, int((rng.random() - 0.5) * 6_000) * _FINNEY + 7)

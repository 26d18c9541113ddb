"""The senders of the made-up Stacks chain and their transactions: wallets, miners, sponsors, fees, types, outcomes.

This module makes wallets and drafts of their transactions. It does not place a draft in a block (chain.py, reorg.py).
"""

from collections import deque
from collections.abc import Iterable
from math import exp
from random import Random
from typing import NamedTuple, TypeVar

from stx_pipelines.devnet.stacks.encoding import hashed, made_address, transaction_bytes
from stx_pipelines.devnet.stacks.values import SKIPPED, ChainSpec, Draft

MINERS_OWN = 2
"""The number of transactions with which a miner opens its tenure: tenure_change and coinbase."""

_MINERS = 8
_SPONSORS = 5
_SPONSORED = 0.05
# A sender is a new wallet, one that sends daily, one that sends weekly on its weekday, or another old wallet.
_NEW, _DAILY, _WEEKLY = 0.06, 0.50, 0.88  # cumulative shares
MINIMUM_FEE = 180  # microSTX


class Content(NamedTuple):
    """The part of a draft that its sender decides. `detail` is a number from which amounts and contracts follow."""

    tx_type: str
    fee_ustx: int
    tx_status: str
    detail: int = 0


class Wallet:
    """An address and the nonce of its next transaction."""

    __slots__ = ("address", "nonce")

    def __init__(self, address: str) -> None:
        """Start with nonce 0."""
        self.address = address
        self.nonce = 0

    def take_nonce(self) -> int:
        """Return the nonce of the next transaction and count it."""
        self.nonce += 1
        return self.nonce - 1


_Wallet = TypeVar("_Wallet", bound=Wallet)


class Mempool:
    """The source of transactions, drafted in one fixed order from one random stream."""

    def __init__(self, spec: ChainSpec) -> None:
        """Start with miners and sponsors, without wallets of users."""
        self._seed = spec.seed
        self._transactions_per_day = spec.transactions_per_day
        self._rng = Random(f"{spec.seed}:mempool")
        self._wallets: dict[str, Wallet] = {}
        self._miners = [self._make("miner", number) for number in range(_MINERS)]
        self._sponsors = [self._make("sponsor", number) for number in range(_SPONSORS)]
        self._daily: list[Wallet] = []
        self._weekly: list[list[Wallet]] = [[] for _ in range(7)]
        self._occasional: list[Wallet] = []
        self._most_daily = max(5, spec.transactions_per_day // 20)
        self._most_weekly = max(5, spec.transactions_per_day // 10)
        self._waiting: deque[Draft] = deque()
        self._drafted = 0
        self._newcomers = 0

    def transactions_of(self, day_number: int) -> float:
        """Return the expected number of transactions of a day, with those of the miners."""
        return float(self._transactions_per_day)

    def tenure_start(self) -> list[Draft]:
        """Draft the two transactions with which a miner opens its tenure."""
        miner = self._rng.choice(self._miners)
        return [self._miners_own(miner, kind) for kind in ("tenure_change", "coinbase")]

    def drafts(self, count: int, day_number: int) -> list[Draft]:
        """Return `count` drafts of users' transactions: first the waiting orphaned ones, then new ones."""
        return [
            self._waiting.popleft() if self._waiting else self._draft(self._sender(day_number)) for _ in range(count)
        ]

    def newcomers_draft(self) -> Draft:
        """Draft the first transaction of a new wallet. Its nonce 0 fits anywhere in the chain."""
        return self._draft(self._new_wallet())

    def again(self, draft: Draft) -> Draft:
        """Return the draft with another id. A miner makes such a transaction when its tenure is replaced."""
        return _signed(draft._replace(salt=self._next_salt()))

    def forget(self, drafts: Iterable[Draft]) -> None:
        """Drop transactions permanently. Their wallets continue with the lowest dropped nonce."""
        for draft in drafts:
            wallet = self._wallets[draft.sender_address]
            wallet.nonce = min(wallet.nonce, draft.nonce)
            self._waiting = deque(kept for kept in self._waiting if kept.sender_address != wallet.address)

    @property
    def waiting(self) -> list[Draft]:
        """The orphaned transactions that the next blocks will have."""
        return list(self._waiting)

    def give_back(self, drafts: list[Draft]) -> None:
        """Keep orphaned transactions for the next blocks, before all newer ones."""
        self._waiting.extendleft(reversed(drafts))

    def _make(self, role: str, number: int) -> Wallet:
        return self._keep(Wallet(made_address(self._seed, role, number)))

    def _keep(self, wallet: _Wallet) -> _Wallet:
        self._wallets[wallet.address] = wallet
        return wallet

    def _next_salt(self, detail: int = 0) -> int:
        self._drafted += 1
        return (self._seed << 40 | self._drafted) % 2**63

    def _miners_own(self, miner: Wallet, kind: str) -> Draft:
        unsigned = Draft("", miner.address, miner.take_nonce(), None, None, 0, kind, "success", self._next_salt())
        return _signed(unsigned)

    def _draft(self, sender: Wallet) -> Draft:
        rng = self._rng
        sponsor = rng.choice(self._sponsors) if rng.random() < _SPONSORED else None
        content = self._content(sender)
        unsigned = Draft(
            "",
            sender.address,
            sender.take_nonce(),
            sponsor.address if sponsor else None,
            sponsor.take_nonce() if sponsor else None,
            content.fee_ustx,
            content.tx_type,
            content.tx_status,
            self._next_salt(content.detail),
        )
        return _signed(unsigned)

    def _content(self, sender: Wallet) -> Content:
        rng = self._rng
        kind = _draw_type(rng.random())
        fee_ustx = MINIMUM_FEE + int(exp(rng.gauss(8, 1.2)))
        return Content(kind, fee_ustx, draw_status(kind, rng.random()))

    def _sender(self, day_number: int) -> Wallet:
        drawn = self._rng.random()
        weekly = self._weekly[day_number % 7]
        pool = self._daily if drawn < _DAILY else weekly if drawn < _WEEKLY else self._occasional
        if drawn < _NEW or not pool:
            return self._settle(self._new_wallet(), weekly)
        return pool[int(self._rng.random() * len(pool))]

    def _new_wallet(self) -> Wallet:
        return self._keep(Wallet(self._next_address()))

    def _next_address(self) -> str:
        self._newcomers += 1
        return made_address(self._seed, "wallet", self._newcomers)

    def _settle(self, wallet: Wallet, weekly: list[Wallet]) -> Wallet:
        """Decide how often a new wallet sends again, and return the wallet. Half of all wallets never send again."""
        drawn = self._rng.random()
        if drawn < 0.12:
            self._join(self._daily, wallet, self._most_daily)
        elif drawn < 0.40:
            self._join(weekly, wallet, self._most_weekly)
        elif drawn < 0.50:
            self._occasional.append(wallet)
        return wallet

    def _join(self, pool: list[Wallet], wallet: Wallet, most: int) -> None:
        if len(pool) < most:
            pool.append(wallet)
        else:  # this wallet replaces another one
            pool[int(self._rng.random() * most)] = wallet


def _signed(draft: Draft) -> Draft:
    """Return the draft with the id of its bytes."""
    return draft._replace(tx_id="0x" + hashed(transaction_bytes(draft)).hex())


def _draw_type(drawn: float) -> str:
    return "token_transfer" if drawn < 0.44 else "contract_call" if drawn < 0.98 else "smart_contract"


def draw_status(kind: str, drawn: float) -> str:
    """Return a status. About 5 % of all transactions fail. Token transfers are not aborted: they call no contract."""
    if kind == "token_transfer" or drawn < 0.91:
        return SKIPPED if drawn < 0.003 else "success"
    return "abort_by_response" if drawn < 0.975 else "abort_by_post_condition"

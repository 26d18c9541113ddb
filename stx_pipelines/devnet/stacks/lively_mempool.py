"""The senders of a made-up Stacks chain with life: wallets that come, return and leave, and what each of them sends.

This module draws wallets and the content of their transactions. The numbers behind them are in life.py.
"""

from bisect import bisect_right
from itertools import accumulate
from math import exp

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.stacks import life
from stx_pipelines.devnet.stacks.encoding import AMOUNT_STEPS, lively_salt
from stx_pipelines.devnet.stacks.mempool import MINERS_OWN, MINIMUM_FEE, Content, Mempool, Wallet, draw_status
from stx_pipelines.devnet.stacks.values import ChainSpec

_TRANSACTIONS_PER_NEWCOMER = 13.2  # in the first 120 days, measured; only the size of the chain depends on it
_ON_FIRST_DAY = 1.3  # transactions of a new wallet on its first day
_USUAL_FEE = 9.85  # natural logarithm of microSTX
_REVIVED = 0.02  # transactions a day of a wallet that left, for each unit of a launch's excitement
_DEPLOYMENTS = 0.004
_FAILED_LAUNCH_CALLS = 0.22


class Person(Wallet):
    """A wallet with its habits: `last_day` is the number of the last day on which it sends."""

    __slots__ = ("fees", "kind", "last_day")

    def __init__(self, address: str, kind: life.Kind, fees: float, last_day: int) -> None:
        """Start with nonce 0."""
        super().__init__(address)
        self.kind = kind
        self.fees = fees
        self.last_day = last_day


class LivelyMempool(Mempool):
    """A source of transactions whose number and senders change from day to day."""

    def __init__(self, spec: ChainSpec) -> None:
        """Start without users on the day before the first one."""
        super().__init__(spec)
        self._first_day = unix_midnight(spec.first_day) // DAY
        self._miners_own_a_day = MINERS_OWN * spec.burn_blocks_per_day
        users = max(spec.transactions_per_day - self._miners_own_a_day, spec.transactions_per_day // 10, 1)
        self._usual_newcomers = users / _TRANSACTIONS_PER_NEWCOMER
        self._people: list[Person] = []
        self._day = self._first_day - 1
        self._roster: list[Person] = []  # the wallets that may send today
        self._weights: list[float] = []  # their transactions a day, added up
        self._contracts: list[float] = []  # the weights of the contracts today, added up
        self._expected = self._newcomers_share = self._excitement = 0.0

    def transactions_of(self, day_number: int) -> float:
        """Return the expected number of transactions of a day, with those of the miners."""
        self._open(day_number)
        return self._miners_own_a_day + self._expected

    def _open(self, day_number: int) -> None:
        """Choose the wallets of a day that is later than the present one, and its numbers."""
        if day_number <= self._day:
            return
        self._day, age = day_number, day_number - self._first_day
        self._excitement = life.excitement(age)
        self._contracts = list(accumulate(life.contract_weights(age)))
        awake = (person for person in self._people if person.last_day >= day_number)
        self._roster = list(self._people if self._excitement > 0.2 else awake)
        self._weights = list(accumulate(map(self._weight, self._roster)))
        busy = life.weekday_factor(day_number)
        newcomers = self._usual_newcomers * life.arrivals(age) * busy * (1 + self._excitement)
        regulars = self._weights[-1] if self._weights else 0.0
        self._expected = newcomers * _ON_FIRST_DAY + regulars * busy * (1 + self._excitement / 8)
        self._newcomers_share = newcomers / self._expected

    def _weight(self, person: Person) -> float:
        return person.kind.a_day if person.last_day >= self._day else _REVIVED * self._excitement

    def _sender(self, day_number: int) -> Wallet:
        self._open(day_number)
        if not self._weights or self._rng.random() < self._newcomers_share:
            return self._new_wallet()
        drawn = self._rng.random() * self._weights[-1]
        return self._roster[bisect_right(self._weights, drawn)]

    def _new_wallet(self) -> Wallet:
        rng = self._rng
        kind = self._draw_kind()
        last_day = self._day + int(rng.expovariate(1 / kind.days))
        fees = kind.fees * exp(rng.gauss(0, 0.7))
        person = self._keep(Person(self._next_address(), kind, fees, last_day))
        self._people.append(person)
        self._roster.append(person)
        self._weights.append(kind.a_day + (self._weights[-1] if self._weights else 0.0))
        return person

    def _draw_kind(self) -> life.Kind:
        """Draw a kind of wallet. Most of the additional wallets of a launch are visitors."""
        crowd = self._excitement / (1 + self._excitement)
        if self._rng.random() < 0.6 * crowd:
            return life.VISITOR
        return self._rng.choices(life.KINDS, [kind.share for kind in life.KINDS])[0]

    def _content(self, sender: Wallet) -> Content:
        if not isinstance(sender, Person):
            return super()._content(sender)
        rng = self._rng
        drawn = rng.random()
        fee_ustx = MINIMUM_FEE + int(sender.fees * (1 + self._excitement / 2) * exp(rng.gauss(_USUAL_FEE, 0.9)))
        if drawn < _DEPLOYMENTS:
            return Content("smart_contract", fee_ustx, draw_status("smart_contract", rng.random()))
        if drawn < sender.kind.calls:
            return self._call(fee_ustx)
        digits = min(13.3, max(3.0, rng.gauss(sender.kind.amount_digits, 0.7)))
        status = draw_status("token_transfer", rng.random())
        return Content("token_transfer", fee_ustx, status, int(digits * AMOUNT_STEPS))

    def _call(self, fee_ustx: int) -> Content:
        """Draw a contract call. Many calls of a contract that was just launched fail."""
        number = bisect_right(self._contracts, self._rng.random() * self._contracts[-1])
        crowded = life.is_launched(number) and self._rng.random() < _FAILED_LAUNCH_CALLS * min(1, self._excitement)
        status = "abort_by_response" if crowded else draw_status("contract_call", self._rng.random())
        return Content("contract_call", fee_ustx, status, number)

    def _next_salt(self, detail: int = 0) -> int:
        self._drafted += 1
        return lively_salt(detail, self._drafted)

"""The life of a made-up Stacks chain: kinds of wallets, growth, weekdays, launches, and the contracts that are called.

This module holds plain values and functions of the day. It does not hold wallets or draw from a random stream
(lively_mempool.py). A day is given by its age, the number of days since the chain's first day.
"""

from math import exp
from typing import NamedTuple

_WEEKDAYS = (1.08, 1.12, 1.13, 1.1, 1.04, 0.79, 0.74)  # Monday first
_UNIX_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_YOUNG, _GROWN = 0.55, 1.0  # the arrivals of new wallets rise from the first number to the sum of both
_HALF_GROWN, _GROWTH_DAYS = 62, 17
_FIRST_LAUNCH, _BETWEEN_LAUNCHES = 22, 60
_LAUNCH_BOOST, _LAUNCH_DAYS = 3.2, 2.5
_LAUNCH_WEIGHT, _LATER_WEIGHT, _OLD_WEIGHT = 14.0, 4.0, 2.0  # of a launched contract's calls


class Kind(NamedTuple):
    """A kind of wallet: how many there are, how long and how often they send, what they pay and what they send.

    `fees` and `amount_digits` are medians: a factor of the usual fee, and the decimal logarithm of a transfer's
    microSTX.
    """

    share: float
    days: float  # mean number of days from the first to the last transaction
    a_day: float  # mean number of transactions a day
    fees: float
    calls: float  # share of contract calls
    amount_digits: float


VISITOR = Kind(0.578, 0.7, 0.7, 1, 0.55, 7.2)
KINDS = (
    VISITOR,
    Kind(0.22, 24, 0.17, 1.2, 0.45, 7.7),
    Kind(0.145, 70, 0.75, 2.5, 0.6, 8.4),
    Kind(0.045, 150, 2.4, 8, 0.85, 9.4),
    Kind(0.012, 400, 2.0, 40, 0.4, 10.7),  # a whale
)


class Contract(NamedTuple):
    """A contract: its name, its functions (the first one is called most) and its part of all calls."""

    name: str
    functions: tuple[str, ...]
    weight: float


CONTRACTS = (
    Contract("amber-swap", ("swap-x-for-y", "swap-y-for-x", "add-liquidity"), 30),
    Contract("harbour-lending", ("deposit", "borrow", "repay"), 17),
    Contract("stacking-pool", ("delegate", "claim-rewards"), 13),
    Contract("pixel-market", ("buy", "list-item", "unlist-item"), 10),
    Contract("wrapped-bitcoin", ("transfer", "request-withdrawal"), 8),
    Contract("northern-bridge", ("lock", "release"), 5),
    Contract("name-registry", ("register", "renew"), 3),
    Contract("price-feed", ("submit-price",), 2),
    Contract("card-game", ("play", "claim-prize"), 1.2),
    Contract("town-council", ("vote", "propose"), 0.6),
    Contract("vesting", ("claim",), 0.2),
)
_LAUNCHED = ("mint", "transfer", "claim-rewards")


def weekday_factor(day_number: int) -> float:
    """Return the part of the usual traffic that a day has because of its weekday. `day_number` counts from 1970."""
    return _WEEKDAYS[(day_number + _UNIX_EPOCH_WEEKDAY) % 7]


def arrivals(age: int) -> float:
    """Return the part of the usual number of new wallets that a day has, without its weekday and a launch."""
    return _YOUNG + _GROWN / (1 + exp((_HALF_GROWN - age) / _GROWTH_DAYS))


def launches(age: int) -> int:
    """Return the number of contracts that were launched up to this day."""
    return max(0, (age - _FIRST_LAUNCH) // _BETWEEN_LAUNCHES + 1)


def excitement(age: int) -> float:
    """Return how much a launch raises the traffic of a day: most on its first day, 0 before the first launch."""
    if not launches(age):
        return 0.0
    return _LAUNCH_BOOST * exp(-((age - _FIRST_LAUNCH) % _BETWEEN_LAUNCHES) / _LAUNCH_DAYS)


def contract_weights(age: int) -> list[float]:
    """Return the weight of each contract's calls on a day: first `CONTRACTS`, then those of the launches in order."""
    weights = [contract.weight for contract in CONTRACTS]
    if launches(age):
        weights += [_OLD_WEIGHT] * (launches(age) - 1)
        weights.append(_LATER_WEIGHT + _LAUNCH_WEIGHT * excitement(age))
    return weights


def contract_at(number: int) -> Contract:
    """Return the contract with this position in `contract_weights`."""
    if number < len(CONTRACTS):
        return CONTRACTS[number]
    return Contract(f"launch-{number - len(CONTRACTS) + 1:02}", _LAUNCHED, 0)


def is_launched(number: int) -> bool:
    """Tell whether the contract with this position in `contract_weights` is one of the launches."""
    return number >= len(CONTRACTS)

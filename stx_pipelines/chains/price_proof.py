"""The proof of a day's prices: every expected hour was asked for, and the prices are near those of a second source.

An hour without a candle is an hour without a trade if two responses agree on it. Prices are never interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from stx_pipelines.chains.certificate import PriceProof
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.prices import Candle

LIMIT_BP = Decimal(200)
"""The largest difference to the second source, in basis points. A day fails if its median is larger."""

_PLACES = Decimal("0.01")
_BP = 10_000


class Second(NamedTuple):
    """The closing prices of a second source by hour. `name` is empty if there is none, and `why` says the reason."""

    name: str
    closes: Mapping[int, Decimal]
    why: str = ""


def agreed(first: Mapping[int, Candle], again: Mapping[int, Candle]) -> dict[int, Candle]:
    """Return the candles of two responses for the same hours. Raises `ProofError` if a candle differs."""
    changed = [hour for hour in first.keys() & again.keys() if first[hour] != again[hour]]
    if changed:
        pair = first[changed[0]].pair
        raise ProofError(f"two responses have different {pair} candles of {len(changed)} hours")
    return {**again, **first}


def compare(pair: str, candles: Sequence[Candle], second: Second, missing: int) -> PriceProof:
    """Return the proof of a pair's candles of a day. `missing` counts the hours that have no candle.

    Raises `ProofError` if the median difference to the second source is too large.
    """
    differences = [_difference(each.close, second.closes[each.hour]) for each in candles if each.hour in second.closes]
    middle = median(differences).quantize(_PLACES) if differences else None
    if middle is not None and middle > LIMIT_BP:
        raise ProofError(
            f"the {pair} prices of {len(differences)} hours differ from {second.name} by {middle} basis points in the "
            f"median, more than {LIMIT_BP}"
        )
    return PriceProof(
        pair=pair,
        hours=len(candles) + missing,
        seen=len(candles),
        without_trade=missing,
        second=second.name if differences else None,
        compared=len(differences),
        far=sum(each > LIMIT_BP for each in differences),
        median_bp=middle,
        note=second.why or ("" if differences else "the second source has none of these hours"),
    )


def _difference(price: Decimal, other: Decimal) -> Decimal:
    return abs(price - other) * _BP / other


def in_words(proofs: Sequence[PriceProof]) -> str:
    """Return the proof of a day in one sentence."""
    return "; ".join(map(_of_pair, proofs))


def _of_pair(proof: PriceProof) -> str:
    hours = f"{proof.pair}: {proof.seen} of {proof.hours} hours"
    without = f", {proof.without_trade} without a trade in two responses" if proof.without_trade else ""
    if proof.second is None:
        return f"{hours}{without}, not compared ({proof.note})"
    return (
        f"{hours}{without}, {proof.compared} compared with {proof.second}, median difference {proof.median_bp} bp, "
        f"{proof.far} hours differ by more than {LIMIT_BP} bp"
    )

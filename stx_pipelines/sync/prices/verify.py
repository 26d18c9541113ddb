"""Verification of stored days of prices: the candles are read once more, and compared with a second source again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.price_proof import compare, in_words
from stx_pipelines.chains.prices import HOUR, PAIRS, Candle
from stx_pipelines.sync.prices.second import FROM_A_FILE, SecondSource
from stx_pipelines.sync.prices.sync import Source


def verify_day(
    source: Source, second: SecondSource | None, known: Certificate, rows: Sequence[Candle], today: date
) -> tuple[str, list[str]]:
    """Return what was compared on a stored day, and what differs. Raises the errors of the source."""
    start, until = window(known.day)[0], known.proved_to * HOUR
    proofs, faults = [], []
    for pair in PAIRS:
        stored = [row for row in rows if row.pair == pair]
        read = source.candles(pair, start, until) if until > start else []
        if different := {row._replace(source="") for row in stored} ^ {row._replace(source="") for row in read}:
            hours = len({row.hour for row in different})
            faults.append(f"{hours} of {(until - start) // HOUR} {pair} candles differ from those of {source.name}")
        other = second.of(pair, known.day, today) if second else FROM_A_FILE
        try:
            proofs.append(compare(pair, stored, other, (until - start) // HOUR - len(stored)))
        except ProofError as error:
            faults.append(str(error))
    return in_words(proofs), faults

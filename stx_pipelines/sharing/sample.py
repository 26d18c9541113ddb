"""The size of a sample that finds forged rows, and its draw. The functions do no I/O.

Rows are in pages, and whole pages are compared. The larger a page, the likelier it is drawn, so a forger gains nothing
by an uneven distribution of rows over pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import log
from random import Random
from typing import NamedTuple


class Goal(NamedTuple):
    """The least probability to find forged rows if they are at least this share of all rows. Both are fractions."""

    confidence: Decimal
    share: Decimal


def pages_of(rows: int, most: int) -> list[range]:
    """Return the places of a day's rows as pages of at most this many rows, oldest first."""
    return [range(start, min(rows, start + most)) for start in range(0, rows, most)]


def pages_needed(sizes: Sequence[int], goal: Goal) -> int:
    """Return the number of pages to draw from pages of these sizes, at most all of them.

    The forged rows are assumed to be in as few pages as possible, and the drawn pages to be the smallest.
    """
    missed, left = 1.0, float(sum(sizes))
    forged, allowed = left * float(goal.share), float(1 - goal.confidence)
    for drawn, size in enumerate(sorted(sizes)):
        if missed <= allowed:
            return drawn
        missed *= max(0.0, 1 - forged / left)
        left -= size
    return len(sizes)


def draw(sizes: Sequence[int], count: int, chance: Random) -> list[int]:
    """Return the places of `count` pages, drawn one after another without replacement, in rising order.

    Each draw takes a page with a probability in proportion to its size. This is the method of Efraimidis and Spirakis.
    """
    if len(set(sizes)) <= 1:
        return sorted(chance.sample(range(len(sizes)), count))
    order = [-log(1 - chance.random()) / size for size in sizes]
    return sorted(sorted(range(len(sizes)), key=order.__getitem__)[:count])

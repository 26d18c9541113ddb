"""The series are distinct for colour-blind people, and told apart without colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import dist

import pytest

from stx_pipelines.dashboard.charts import FILLS, HATCHES, LINE_DASHES, LINE_SHAPES, SERIES
from stx_pipelines.dashboard.themes import THEMES

SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""Matrices for linear RGB of Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of
Color Vision Deficiency", at severity 1."""

TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
LEAST_DISTANCE = 20
"""Distance in CIE Lab (1976). About 2.3 is just noticeable."""


def times(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """Return the product of a matrix and a vector."""
    return [sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix]


def lab(colour: str, sight: str) -> list[float]:
    """Return the CIE Lab coordinates of a colour as a person with this sight sees it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    seen = [min(1, max(0, part)) for part in times(SIGHT[sight], linear)]
    white = times(TO_XYZ, (1, 1, 1))
    shares = [part / whole for part, whole in zip(times(TO_XYZ, seen), white, strict=True)]
    x, y, z = (share ** (1 / 3) if share > 216 / 24389 else (24389 / 27 * share + 16) / 116 for share in shares)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_series_are_distinct(theme: str, sight: str) -> None:
    """Each pair of colours has a distance that is easy to see."""
    seen = [lab(THEMES[theme][name], sight) for name in SERIES]
    assert min(dist(one, other) for one, other in combinations(seen, 2)) >= LEAST_DISTANCE


def test_series_differ_by_more_than_colour() -> None:
    """Each has its own dash, shape and hatch; the page defines each hatch."""
    for means in (LINE_DASHES, LINE_SHAPES, FILLS, HATCHES.values()):
        assert len(set(means)) == len(means) == len(SERIES)

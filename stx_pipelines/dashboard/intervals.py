"""Intervals of shares that were counted in few wallets.

The interval is that of Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", Journal
of the American Statistical Association 22, 209-212. Brown, Cai and DasGupta (2001), "Interval Estimation for a Binomial
Proportion", Statistical Science 16, 101-133, recommend it for small samples.
"""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""The quantile of the normal distribution for an interval of 95 %."""

SMALL = 100
"""The number of wallets below which a share has an interval: the interval of 100 wallets is up to 19 points wide."""


def wilson(found: int, wallets: int) -> tuple[float, float]:
    """Return the limits of the 95 % interval of `found` of `wallets`. `wallets` must be above 0."""
    share, weight = found / wallets, Z * Z / wallets
    middle = share + weight / 2
    spread = Z * sqrt(share * (1 - share) / wallets + weight / (4 * wallets))
    return max(0.0, (middle - spread) / (1 + weight)), min(1.0, (middle + spread) / (1 + weight))


def interval(found: str, wallets: str) -> str:
    """Return an expression for a chart: the interval in percent, as `34-51`. It is empty if the cohort is not small."""
    share, weight = f"({found} / {wallets})", f"({Z * Z} / {wallets})"
    spread = f"{Z} * sqrt({share} * (1 - {share}) / {wallets} + {weight} / (4 * {wallets}))"
    low = f"max(0, ({share} + {weight} / 2 - {spread}) / (1 + {weight}))"
    high = f"min(1, ({share} + {weight} / 2 + {spread}) / (1 + {weight}))"
    words = f"format(100 * {low}, '.0f') + '-' + format(100 * {high}, '.0f')"
    return f"({wallets} > 0 && {wallets} < {SMALL} ? {words} : '')"


RULE = f"A share of fewer than {SMALL} wallets is followed by its 95% interval (Wilson), because chance moves it."
"""The rule in one sentence, for the page."""

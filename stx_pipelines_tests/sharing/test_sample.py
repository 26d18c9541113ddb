"""The sample is large enough to find forged rows, wherever they are, and no larger than the pages."""

from __future__ import annotations

from decimal import Decimal
from math import ceil, comb
from random import Random

import pytest

from stx_pipelines.sharing.sample import Goal, draw, pages_needed, pages_of

GOAL = Goal(Decimal("0.999"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("sizes", "pages"),
    [([50] * 300 * 365, 686), ([50] * 32, 32), ([], 0), ([7], 1)],
    ids=["a year", "a few pages", "nothing", "one page"],
)
def test_the_number_of_pages(sizes: list[int], pages: int) -> None:
    assert pages_needed(sizes, GOAL) == pages


@pytest.mark.parametrize("count", [1_000, 5_000])
def test_the_probability_to_miss_one_page_in_a_hundred_is_at_most_that_of_the_goal(count: int) -> None:
    drawn, forged = pages_needed([50] * count, GOAL), count // 100
    assert comb(count - forged, drawn) <= Decimal("0.001") * comb(count, drawn)
    assert comb(count - forged, drawn - 2) > Decimal("0.001") * comb(count, drawn - 2)


@pytest.mark.parametrize("kind", ["at random", "in whole pages"])
def test_one_forged_row_in_a_hundred_is_found_in_999_of_1000_pulls(kind: str) -> None:
    chance = Random(22)
    sizes = [len(page) for _ in range(12) for page in pages_of(1_010, 50)]  # the last page of a day has 10 rows
    rows = [place for place, size in enumerate(sizes) for _ in range(size)]
    count = pages_needed(sizes, GOAL)
    found = 0
    for _ in range(1_000):
        is_random = kind == "at random"
        forged = set(chance.sample(rows, len(rows) // 100)) if is_random else _large_pages(sizes, chance)
        found += not forged.isdisjoint(draw(sizes, count, chance))
    assert found >= 999


def _large_pages(sizes: list[int], chance: Random) -> set[int]:
    """Return the fewest pages that have a hundredth of all rows together."""
    most = max(sizes)
    large = [place for place, size in enumerate(sizes) if size == most]
    return set(chance.sample(large, ceil(sum(sizes) / 100 / most)))


def test_no_page_is_drawn_twice_and_larger_ones_more_often() -> None:
    drawn = [draw([50, 10, 50, 10], 2, Random(seed)) for seed in range(500)]
    assert all(len(set(each)) == 2 and each == sorted(each) for each in drawn)
    assert 2 * sum(1 in each for each in drawn) < sum(0 in each for each in drawn)

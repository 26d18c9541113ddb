"""The types of a figure: its words, its goal, its measurement. Not here: the figures themselves."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")


class NotMeasured(Exception):
    """A figure cannot be taken on this machine. The message says why."""


class Scale(NamedTuple):
    """The sizes of a run: real ones, or tiny ones that only show that the code works."""

    quick: bool = False

    def of(self, real: T, smoke: T) -> T:
        """Return the size to use."""
        return smoke if self.quick else real

    @property
    def times(self) -> int:
        """The number of times a rate or a latency is measured; the median counts."""
        return 1 if self.quick else 3


class Goal(NamedTuple):
    """The bound of a figure, and a second condition in words."""

    relation: Literal["<=", ">="]
    bound: float
    unit: str = ""
    also: str = ""

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}{self.unit}" + (f", {self.also}" if self.also else "")

    def met(self, value: float) -> bool:
        """Say whether a value is within the bound."""
        return value <= self.bound if self.relation == "<=" else value >= self.bound


class Measured(NamedTuple):
    """A value in the goal's unit, the numbers behind it in words, and whether the goal's second condition is met."""

    value: float
    behind: str
    also: bool = True


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    words: str
    goal: Goal
    measure: Callable[[Scale], Measured]


def ratio_of_medians(upper: list[float], lower: list[float]) -> float:
    """Return the first median divided by the second."""
    return median(upper) / median(lower)

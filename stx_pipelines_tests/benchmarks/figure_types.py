"""What a figure is: words, a goal, and how it is measured. Not here: the figures themselves."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")


class NotMeasured(Exception):
    """A figure cannot be taken on this machine. The message says why."""


class Scale(NamedTuple):
    """How large everything is: the real size, or a smoke form that only shows that the code works."""

    quick: bool = False

    def of(self, real: T, smoke: T) -> T:
        """The size to use."""
        return smoke if self.quick else real

    @property
    def times(self) -> int:
        """How often a rate or a latency is taken; its median counts."""
        return 1 if self.quick else 3


class Goal(NamedTuple):
    """What a figure should be, and what else must hold."""

    relation: Literal["<=", ">="]
    bound: float
    unit: str = ""
    also: str = ""

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}{self.unit}" + (f", {self.also}" if self.also else "")

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value <= self.bound if self.relation == "<=" else value >= self.bound


class Measured(NamedTuple):
    """A value in the goal's unit, the numbers behind it in words, and whether what else must hold holds."""

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
    """How many times the second the first is."""
    return median(upper) / median(lower)

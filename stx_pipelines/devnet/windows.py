"""Counting over time: how many events there were in the last seconds.

Belongs here: the sliding window that limits and counters use. Not here: the limits and counters of a chain
(traffic.py in stacks/ and ethereum/). Every instant is an argument.
"""

from collections import deque


class SlidingWindow:
    """Events of the last seconds. Each instant given must not be earlier than the one before."""

    def __init__(self) -> None:
        """Start without events."""
        self._events: deque[tuple[float, int]] = deque()
        self._sum = 0

    @property
    def oldest(self) -> float:
        """The instant of the oldest event still counted; IndexError where none is."""
        return self._events[0][0]

    def add(self, now: float, events: int = 1) -> None:
        """Add events that happen now."""
        self._events.append((now, events))
        self._sum += events

    def count(self, now: float, seconds: float) -> int:
        """Count the events of the seconds before `now`; forget all older ones."""
        while self._events and self._events[0][0] <= now - seconds:
            self._sum -= self._events.popleft()[1]
        return self._sum

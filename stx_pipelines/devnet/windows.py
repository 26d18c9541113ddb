"""Counts of events over the last seconds.

This module holds the sliding window that limits and counters use. The limits and counters of each chain are in its
traffic.py (in stacks/ and ethereum/). This module reads no clock, so every instant is an argument, in seconds.
"""

from collections import deque


class SlidingWindow:
    """The events of the last seconds. The instant of a call must not be earlier than the instant of the call before."""

    def __init__(self) -> None:
        """Start without events."""
        self._events: deque[tuple[float, int]] = deque()
        self._sum = 0

    @property
    def oldest(self) -> float:
        """The instant of the oldest event that still counts. Raises IndexError without events."""
        return self._events[0][0]

    def add(self, now: float, events: int = 1) -> None:
        """Add events at the instant `now`."""
        self._events.append((now, events))
        self._sum += events

    def count(self, now: float, seconds: float) -> int:
        """Return the number of events in the `seconds` before `now`, and drop all older ones."""
        while self._events and self._events[0][0] <= now - seconds:
            self._sum -= self._events.popleft()[1]
        return self._sum

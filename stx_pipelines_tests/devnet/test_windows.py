"""Tests of counting over time."""

import pytest

from stx_pipelines.devnet.windows import SlidingWindow


def test_events_count_until_they_are_as_old_as_the_window() -> None:
    window = SlidingWindow()
    window.add(10.0, 3)
    window.add(10.5)
    assert [window.count(now, 1.0) for now in (10.5, 10.99, 11.0, 11.49, 11.5)] == [4, 4, 1, 1, 0]


def test_the_oldest_event_is_the_oldest_still_counted() -> None:
    window = SlidingWindow()
    window.add(10.0)
    window.add(10.5)
    assert window.oldest == 10.0
    window.count(11.2, 1.0)
    assert window.oldest == 10.5
    window.count(20.0, 1.0)
    with pytest.raises(IndexError):
        _ = window.oldest

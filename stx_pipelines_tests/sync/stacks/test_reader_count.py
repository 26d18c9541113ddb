"""The number of readers follows the budget and the response times, between 8 and 64, or is the one of HIRO_READERS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stx_pipelines.clients.http import Http
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.sync.stacks.reader_count import FEWEST, FIRST, MOST_READERS, ReaderCount, Round, next_count
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World, make_chain


def settled(seconds_with: Callable[[int], float], per_second: float = 0.0, start: int = FIRST) -> list[int]:
    """Return the numbers of the last 20 of 40 rounds. `seconds_with` gives the response time with so many readers."""
    now = before = Round(start, seconds_with(start))
    counts = []
    for _ in range(40):
        count = next_count(now, before, per_second)
        now, before = Round(count, seconds_with(count)), now
        counts.append(count)
    return counts[20:]


@pytest.mark.parametrize(
    ("requests_per_minute", "seconds", "readers"),
    [(50, 0.3, 8), (500, 0.3, 8), (500, 2.0, 25), (6_000, 0.3, 45), (6_000, 3.0, 64)],
)
def test_a_budget_has_the_readers_that_use_it(requests_per_minute: int, seconds: float, readers: int) -> None:
    assert set(settled(lambda _: seconds, requests_per_minute / 60, FEWEST)) == {readers}


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 2.0])
def test_without_a_budget_readers_grow_while_the_server_keeps_its_pace(seconds: float) -> None:
    assert set(settled(lambda _: seconds)) == {MOST_READERS}


@pytest.mark.parametrize("per_second", [20, 100, 240])
def test_readers_do_not_grow_at_a_server_that_is_busy_already(per_second: int) -> None:
    """With 24 readers, its responses take 100 ms or longer, and the time grows with the readers."""
    counts = settled(lambda readers: max(0.1, readers / per_second))
    assert max(counts) <= 40
    assert counts.count(FIRST) >= len(counts) // 2


@pytest.mark.parametrize(("before", "per_second"), [(8, 0.0), (24, 0.0), (64, 0.0), (24, 1_000.0)])
def test_a_repeated_request_ends_growth(before: int, per_second: float) -> None:
    assert next_count(Round(40, 0.3, repeated=1), Round(before, 0.3), per_second) == FIRST
    assert next_count(Round(12, 0.3, repeated=1), Round(before, 0.3), per_second) == 12


def http(requests_per_minute: int = 0) -> Http:
    return Http("http://127.0.0.1:9", Budget("http://127.0.0.1:9", requests_per_minute))


def pages(count: ReaderCount, number: int, seconds: float = 0.1) -> None:
    """Let the client receive pages."""
    for _ in range(number):
        count.http.usable += 1
        count.http.seconds += seconds
        count.follow()


def test_the_number_changes_after_three_pages_of_each_reader() -> None:
    count = ReaderCount(http())
    pages(count, 3 * FIRST - 1)
    assert count.now == FIRST
    pages(count, 1)
    assert count.now == 40
    pages(count, 3 * 40, seconds=0.2)
    assert count.now == FIRST


def test_readers_above_the_number_wait_for_a_turn() -> None:
    count = ReaderCount(http(50))
    at_work, enough = threading.Semaphore(0), threading.Event()

    def read() -> None:
        with count.turn():
            at_work.release()
            assert enough.wait(LONGEST)

    with ThreadPoolExecutor(count.threads) as pool:
        done = [pool.submit(read) for _ in range(MOST_READERS)]
        assert all(at_work.acquire(timeout=LONGEST) for _ in range(FEWEST))
        assert not at_work.acquire(blocking=False)
        pages(count, 3 * FEWEST, seconds=15.0)  # 50 requests a minute that take 15 s each keep 19 readers busy
        assert all(at_work.acquire(timeout=LONGEST) for _ in range(19 - FEWEST))
        assert not at_work.acquire(blocking=False)
        enough.set()
        assert [one.result() for one in done] == [None] * MOST_READERS


def test_hiro_readers_fixes_the_number(make_world: Callable[..., World]) -> None:
    world = make_world(make_chain(1, 12), hiro_readers=3)
    count = ReaderCount(http(), world.open_sync().readers)
    pages(count, 1_000)
    assert (count.now, count.threads) == (3, 3)
    world.stored()
    world.assert_true()

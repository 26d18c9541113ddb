"""The budget holds over all threads and processes, is used up when there is work, and outlives the killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.sources import budget as budget_module
from stx_pipelines.sources.budget import SHARE, Budget, spacing
from stx_pipelines_tests.world import child_environment

LIMIT = 1_200
SECONDS = 3.0
WINDOW = 1.5

SPENDER = """
import sys, threading, time
from pathlib import Path
from stx_pipelines.sources.budget import Budget

folder, limit, threads, start, end = Path(sys.argv[1]), *map(float, sys.argv[2:])
budget, spent = Budget("http://a.server:1", int(limit), folder), []

def work():
    time.sleep(max(0, start - time.monotonic()))
    while time.monotonic() < end:
        budget.spend(threading.Event())
        spent.append(time.monotonic())

workers = [threading.Thread(target=work) for _ in range(int(threads))]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
print(*spent)
"""


def spender(folder: Path, start: float, end: float, threads: int = 3) -> subprocess.Popen[str]:
    arguments = [str(folder), str(LIMIT), str(threads), str(start), str(end)]
    return subprocess.Popen(
        [sys.executable, "-c", SPENDER, *arguments], env=child_environment({}), stdout=subprocess.PIPE, text=True
    )


def times_of(process: subprocess.Popen[str]) -> list[float]:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return [float(word) for word in said.split()]


def spend(budget: Budget, times: int, seconds: float = 10.0) -> float | None:
    """How long it takes to spend so often; None if it does not end."""
    start = time.monotonic()
    worker = threading.Thread(target=lambda: [budget.spend(threading.Event()) for _ in range(times)], daemon=True)
    worker.start()
    worker.join(seconds)
    return None if worker.is_alive() else time.monotonic() - start


def test_two_processes_of_three_threads_share_one_limit_and_use_it_up(tmp_path: Path) -> None:
    start = time.monotonic() + 1.5
    processes = [spender(tmp_path, start, start + SECONDS) for _ in range(2)]
    spent = sorted(moment for process in processes for moment in times_of(process))
    busiest = max(sum(first <= moment < first + WINDOW for moment in spent) for first in spent)
    assert busiest <= LIMIT * WINDOW / 60
    used = sum(start <= moment < start + SECONDS for moment in spent)
    assert used >= 0.95 * LIMIT * SECONDS / 60


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    start = time.monotonic()
    holders = [spender(tmp_path, start, start + 60) for _ in range(2)]
    time.sleep(1.5)
    for holder in holders:
        holder.kill()
        holder.wait()
        holder.stdout.close()  # type: ignore[union-attr]
    needed = spend(Budget("http://a.server:1", LIMIT, tmp_path), 20)
    assert needed is not None
    assert needed < 3


def test_a_reboot_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The boot clock starts anew, and the temporary folder may survive with what was spent before."""
    real = time.monotonic_ns

    class BeforeTheReboot:
        monotonic_ns = staticmethod(lambda: real() + 86_400 * 10**9)
        monotonic = staticmethod(time.monotonic)

    with monkeypatch.context() as earlier:
        earlier.setattr(budget_module, "time", BeforeTheReboot)
        assert spend(Budget("a", LIMIT, tmp_path), 4) is not None
    assert spend(Budget("a", LIMIT, tmp_path), 4, seconds=4) is not None


@given(st.integers(1, 100_000))
def test_the_spacing_uses_the_limit_up_and_never_exceeds_it(limit: int) -> None:
    rate = spacing(limit)
    per_minute = rate.limit * 60_000 / (rate.interval + 1)
    assert 0.95 * limit <= per_minute <= limit
    assert rate.limit == 1 or rate.interval <= 250
    assert SHARE < 1


def test_no_limit_costs_no_time_and_no_file(tmp_path: Path) -> None:
    needed = spend(Budget("a", 0, tmp_path), 10_000)
    assert needed is not None
    assert needed < 1
    assert list(tmp_path.glob("budget*")) == []


def test_a_lower_limit_is_adopted_and_a_higher_one_is_not(tmp_path: Path) -> None:
    budget = Budget("a", LIMIT, tmp_path)
    budget.lower_to(LIMIT * 2)
    assert budget.requests_per_minute == LIMIT
    budget.lower_to(300)
    assert budget.requests_per_minute == 300
    spend(budget, 2)
    needed = spend(budget, 6)
    assert needed is not None
    assert 6 * 60 / 300 * 0.8 <= needed <= 6 * 60 / 300 * 1.6


def test_servers_have_accounts_of_their_own_and_share_them_whatever_the_scheme(tmp_path: Path) -> None:
    for server in ("https://api.hiro.so", "http://api.hiro.so", "http://127.0.0.1:3999/x?y"):
        spend(Budget(server, LIMIT, tmp_path), 1)
    assert {path.name for path in tmp_path.glob("*.sqlite")} == {
        "budget-api.hiro.so.sqlite",
        "budget-127.0.0.1_3999_x_y.sqlite",
    }


def test_a_pause_holds_and_a_shorter_one_does_not_cut_it(tmp_path: Path) -> None:
    budget = Budget("a", 0, tmp_path)
    budget.pause(0.5)
    budget.pause(0.0)
    needed = spend(budget, 1)
    assert needed is not None
    assert 0.45 <= needed <= 1.5


def test_stopping_ends_a_pause_at_once(tmp_path: Path) -> None:
    budget = Budget("a", 0, tmp_path)
    budget.pause(60)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    start = time.monotonic()
    budget.spend(stop)
    assert time.monotonic() - start < 3


def test_stopping_ends_the_wait_for_a_place_at_once(tmp_path: Path) -> None:
    """One request a minute: whoever is told to stop does not wait for the minute to end."""
    budget = Budget("a", 1, tmp_path)
    budget.spend(threading.Event())
    stop = threading.Event()
    waiting = threading.Thread(target=budget.spend, args=(stop,), daemon=True)
    waiting.start()
    stop.set()
    waiting.join(5)
    assert not waiting.is_alive()


class TestCallsPerSecond:
    """Servers that count the calls inside a batch."""

    def test_no_second_has_more_and_the_limit_is_used_up(self, tmp_path: Path) -> None:
        budgets, spent = [Budget("a", folder=tmp_path, calls_per_second=200) for _ in range(2)], []
        end = time.monotonic() + 3.0

        def work(budget: Budget) -> None:
            while time.monotonic() < end:
                budget.spend(threading.Event(), 50)
                spent.append(time.monotonic())

        workers = [threading.Thread(target=work, args=(budget,)) for budget in budgets for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert max(sum(first <= moment < first + 0.9 for moment in spent) for first in spent) <= 4
        assert len(spent) >= 12

    def test_counting_many_calls_costs_little(self, tmp_path: Path) -> None:
        budget = Budget("a", folder=tmp_path, calls_per_second=100_000)
        start = time.process_time()
        for _ in range(200):
            budget.spend(threading.Event(), 500)
        assert time.process_time() - start < 2.0

    @pytest.mark.parametrize("limit", [1, 7, 999, 1_001, 12_345])
    def test_a_batch_of_a_whole_second_fits_and_a_larger_one_never(self, tmp_path: Path, limit: int) -> None:
        budget = Budget("a", folder=tmp_path, calls_per_second=limit)
        start = time.monotonic()
        budget.spend(threading.Event(), limit)
        assert time.monotonic() - start < 2
        with pytest.raises(ValueError, match="never fit"):
            budget.spend(threading.Event(), limit + 1)

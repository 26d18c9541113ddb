"""All threads and processes share a budget, can use all of it, and are not blocked by a killed process.

These tests count on an imaginary clock. `make bench` measures how much of the budget a real sync uses.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.clients.rate_limit import SHARE, Budget, spacing
from stx_pipelines_tests.clients.accounts import LIMIT, Account, FileAccount, PostgresAccount
from stx_pipelines_tests.clients.imaginary import Clock, Stop, busiest, grants, keep_grants
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.waiting import LONGEST, ended
from stx_pipelines_tests.world import child_environment

SECONDS = 3.0
WINDOW = 1.5
CALLS_PER_SECOND, BATCH = 200, 50

PLACE = """
import sys, threading
from pathlib import Path
from stx_pipelines.clients.rate_limit import Budget

def place(where):
    if not where.startswith("postgresql"):
        return {"folder": Path(where)}
    from stx_pipelines.store.postgres_shared import PostgresShared
    return {"accounts": lambda: PostgresShared(where).accounts}
"""

SPENDER = f"""{PLACE}
threads, limit, cost = map(int, sys.argv[2:5])
budget = Budget("a", 0 if cost > 1 else limit, calls_per_second=limit if cost > 1 else 0, **place(sys.argv[1]))
stop = threading.Event()

def work():
    while not stop.is_set():
        budget.spend(stop, cost)
        sys.stdout.write("spent\\n")
        sys.stdout.flush()

workers = [threading.Thread(target=work) for _ in range(threads)]
[worker.start() for worker in workers]
sys.stdin.read()
stop.set()
[worker.join() for worker in workers]
"""

HOLDER = f"""{PLACE}
from pyrate_limiter.abstracts.algorithm import LogAlgorithm

def decide(*_):
    print("holds", flush=True)
    sys.stdin.read()

LogAlgorithm.decide = decide
Budget("a", int(sys.argv[2]), **place(sys.argv[1])).spend(threading.Event())
"""


@contextmanager
def running(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a Python script in a process, which is killed when the `with` block ends."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(
        command, env=child_environment({}), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        guard = threading.Timer(LONGEST, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def hears(process: subprocess.Popen[str], word: str, times: int = 1) -> None:
    """Wait until the process has printed the word this number of times."""
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(times)] == [f"{word}\n"] * times


def spend(clock: Clock, budget: Budget, times: int) -> float:
    """Spend from the budget this number of times, and return the seconds that it took."""
    before = clock.waited
    for _ in range(times):
        budget.spend(Stop(clock))
    return clock.waited - before


@pytest.fixture(params=[FileAccount, PostgresAccount])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    """Return an account in a folder, or in a new database."""
    if request.param is FileAccount:
        return FileAccount(str(tmp_path))
    return PostgresAccount(request.getfixturevalue("postgres"))


class TestAccount:
    """The account of several processes, in a file and in PostgreSQL."""

    @pytest.mark.parametrize(("limit", "cost", "window"), [(LIMIT, 1, WINDOW), (CALLS_PER_SECOND, BATCH, 1.0)])
    def test_two_processes_of_three_threads_share_one_limit(
        self, account: Account, limit: int, cost: int, window: float
    ) -> None:
        """Both processes run until each has spent enough. The entries of all threads are counted together."""
        times = 8 if cost == 1 else 3
        account.keep_grants()
        with (
            running(SPENDER, account.where, 3, limit, cost) as one,
            running(SPENDER, account.where, 3, limit, cost) as other,
        ):
            for process in (one, other):
                hears(process, "spent", times)
            for process in (one, other):
                process.communicate(timeout=LONGEST)
            assert (one.returncode, other.returncode) == (0, 0)
        granted = account.grants()
        assert len(granted) >= 2 * times * cost
        assert granted[-1] <= account.now(), "a place was used before it was there"
        assert busiest(granted, window * 1_000) <= (limit * window / 60 if cost == 1 else limit)

    def test_a_killed_holder_blocks_nobody(self, account: Account) -> None:
        """The process is killed while it holds the account's lock."""
        budget = account.budget()
        with running(HOLDER, account.where, LIMIT) as holder:
            hears(holder, "holds")
            spending = threading.Thread(target=lambda: [budget.spend(threading.Event()) for _ in range(3)], daemon=True)
            holder.kill()
            holder.wait()
            spending.start()
            assert ended(spending)


@pytest.mark.parametrize(
    ("limits", "cost", "window", "a_second"),
    [
        ({"requests_per_minute": LIMIT}, 1, WINDOW, LIMIT / 60),
        ({"calls_per_second": CALLS_PER_SECOND}, BATCH, 1, CALLS_PER_SECOND / BATCH),
    ],
)
def test_two_budgets_of_one_account_use_the_limit_up(
    tmp_path: Path, clock: Clock, limits: dict[str, int], cost: int, window: float, a_second: float
) -> None:
    budgets, spent = cycle(Budget("a", folder=tmp_path, **limits) for _ in range(2)), []
    while clock.waited < SECONDS:
        next(budgets).spend(Stop(clock), cost)
        spent.append(clock.ns // 1_000_000)
    assert busiest(spent, window * 1_000) <= a_second * window
    assert len(spent) >= 0.95 * a_second * SECONDS


def test_a_reboot_blocks_nobody(tmp_path: Path, clock: Clock) -> None:
    """The boot clock restarts with the machine, but the temporary folder may keep old entries."""
    spend(clock, Budget("a", LIMIT, tmp_path), 4)
    clock.ns -= 86_400 * 10**9
    assert spend(clock, Budget("a", LIMIT, tmp_path), 4) < 1


@given(st.integers(1, 100_000))
def test_the_spacing_uses_the_limit_up_and_never_exceeds_it(limit: int) -> None:
    rate = spacing(limit)
    per_minute = rate.limit * 60_000 / (rate.interval + 1)
    assert 0.95 * limit <= per_minute <= limit
    assert rate.limit == 1 or rate.interval <= 250
    assert SHARE < 1


def test_no_limit_costs_no_time_and_no_file(tmp_path: Path, clock: Clock) -> None:
    assert spend(clock, Budget("a", 0, tmp_path), 10_000) == 0
    assert list(tmp_path.glob("budget*")) == []


def test_a_lower_limit_is_adopted_and_a_higher_one_is_not(tmp_path: Path, clock: Clock) -> None:
    budget = Budget("a", LIMIT, tmp_path)
    budget.lower_to(LIMIT * 2)
    assert budget.requests_per_minute == LIMIT
    budget.lower_to(300)
    assert budget.requests_per_minute == 300
    spend(clock, budget, 2)
    assert 6 * 60 / 300 <= spend(clock, budget, 6) <= 6 * 60 / 300 * 1.05


def test_servers_have_accounts_of_their_own_and_share_them_whatever_the_scheme(tmp_path: Path, clock: Clock) -> None:
    for server in ("https://api.hiro.so", "http://api.hiro.so", "http://127.0.0.1:3999/x?y"):
        spend(clock, Budget(server, LIMIT, tmp_path), 1)
    assert {path.name for path in tmp_path.glob("*.sqlite")} == {
        "budget-api.hiro.so.sqlite",
        "budget-127.0.0.1_3999_x_y.sqlite",
    }


def test_each_key_has_an_account_of_its_own_and_its_name_does_not_show_the_key(tmp_path: Path, clock: Clock) -> None:
    for key in ("", "secret-one", "secret-two", "secret-two"):
        spend(clock, Budget("https://api.hiro.so", LIMIT, tmp_path, key=key).part("balances", LIMIT), 1)
    names = {path.name for path in tmp_path.glob("*.sqlite")}
    assert len(names) == 6
    assert not any("secret" in name for name in names)


@pytest.mark.parametrize("damage", [b"no database" * 500, b"", "CREATE TABLE rate_bucket (a INTEGER)"])
def test_a_damaged_account_is_made_anew(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, damage: bytes | str
) -> None:
    """Before its first use, and while two budgets have it open. Both then share the new account."""
    account = tmp_path / "budget-a.sqlite"

    def spoil() -> None:
        for path in tmp_path.glob("budget-a.sqlite*"):
            path.unlink()
        if isinstance(damage, bytes):
            account.write_bytes(damage)
        else:
            with closing(sqlite3.connect(account)) as connection:
                connection.execute(damage)

    spoil()
    budgets = [Budget("a", LIMIT, tmp_path) for _ in range(2)]
    spoil()
    assert sum(spend(clock, budget, 4) for budget in budgets * 2) >= 0.9 * 16 * 60 / LIMIT - WINDOW
    assert "counts only its own" not in caplog.text
    assert ("is damaged" in caplog.text) == (damage != b"")


def test_a_lock_held_for_ever_is_named_and_waited_for_with_a_limit(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stx_pipelines.clients.rate_limit._LOCK_SECONDS", 0.1)
    monkeypatch.setattr("stx_pipelines.clients.rate_limit._SECONDS_BETWEEN_CHECKS", 0.1)
    before, lock = Budget("a", LIMIT, tmp_path), tmp_path / "budget-a.sqlite.lock"
    with FileLock(lock):
        for budget in (before, Budget("a", LIMIT, tmp_path)):
            spend(clock, budget, 4)
    assert caplog.text.count(f"another process keeps {lock} locked), so this process counts only its own requests") == 2
    assert_shown("`budget-....sqlite cannot be used (...)`", caplog.text)


def test_a_folder_of_another_user_is_not_used(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    spend(clock, Budget("a", LIMIT, tmp_path), 4)
    assert "belongs to another user), so this process counts only its own requests" in caplog.text
    assert list(tmp_path.glob("*budget*")) == []


def test_a_pause_holds_and_a_shorter_one_does_not_cut_it(tmp_path: Path, clock: Clock) -> None:
    budget = Budget("a", 0, tmp_path)
    budget.pause(0.5)
    budget.pause(0.0)
    assert spend(clock, budget, 1) == pytest.approx(0.5)


def test_stopping_ends_a_pause_at_once(tmp_path: Path, clock: Clock) -> None:
    budget = Budget("a", 0, tmp_path)
    budget.pause(86_400)
    budget.spend(Stop(clock, ends=0))
    assert clock.waited == 0


def test_stopping_ends_the_wait_for_a_place(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """At one request a minute, a stop does not wait for the end of the minute."""
    budget = Budget("a", 1, tmp_path)
    spend(clock, budget, 1)
    stop = threading.Event()

    def told_meanwhile(seconds: float) -> None:
        stop.set()
        clock.sleep(seconds)

    monkeypatch.setattr("pyrate_limiter.limiter.sleep", told_meanwhile)
    budget.spend(stop)
    assert 0 < clock.waited <= 1


class TestCallsPerSecond:
    """Servers that count the calls inside a batch."""

    def test_counting_many_calls_takes_few_lines(self, tmp_path: Path, clock: Clock) -> None:
        budget = Budget("a", folder=tmp_path, calls_per_second=100_000)
        keep_grants(tmp_path / "budget-a.sqlite")
        for _ in range(200):
            budget.spend(Stop(clock), 500)
        assert len(grants(tmp_path / "budget-a.sqlite")) <= 1_000

    @pytest.mark.parametrize("limit", [1, 7, 999, 1_001, 12_345])
    def test_a_batch_of_a_whole_second_fits_and_a_larger_one_never(
        self, tmp_path: Path, clock: Clock, limit: int
    ) -> None:
        budget = Budget("a", folder=tmp_path, calls_per_second=limit)
        budget.spend(Stop(clock), limit)
        assert clock.waited == 0
        with pytest.raises(ValueError, match="exceed the limit"):
            budget.spend(Stop(clock), limit + 1)

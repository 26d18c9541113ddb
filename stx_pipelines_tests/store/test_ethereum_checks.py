"""Sound Ethereum tables pass the checks, and each planted fault is reported by its blocks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from eth_utils import from_wei

from stx_pipelines.store import ethereum_checks
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.ethereum_checks import IncreaseShares, increase_shares, unlinked_blocks, wrong_balances
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.locks import Busy
from stx_pipelines.store.queries import top_fee_recipients
from stx_pipelines_tests.store.ethereum_days import (
    ALICE,
    BOB,
    CAROL,
    DAYS,
    FIRST,
    PER_DAY,
    blocks_of,
    change,
    changes_of,
    store_balances,
    store_blocks,
    store_days,
)
from stx_pipelines_tests.store.holding import held_open


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three sound days. Tests copy it."""
    return store_days(tmp_path_factory.mktemp("made"))


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    """A copy of the database, for one test."""
    return Path(shutil.copy(made, tmp_path / "warehouse.duckdb"))


@pytest.fixture(params=[200_000, 5], ids=lambda length: f"ranges of {length}")
def ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results must not depend on how block numbers are divided into ranges."""
    monkeypatch.setattr(ethereum_checks, "BLOCKS_AT_ONCE", request.param)


@pytest.mark.usefixtures("ranges")
def test_sound_tables_pass(database: Path) -> None:
    assert unlinked_blocks(database) == []
    assert wrong_balances(database) == []


def test_empty_tables_pass(data: Path) -> None:
    store_blocks(data, DAYS[0], [])
    database = data / "warehouse.duckdb"
    assert (unlinked_blocks(database), wrong_balances(database), increase_shares(database)) == ([], [], [])


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("UPDATE blocks SET parent_hash = '0x00' WHERE number = 1003", [1003]),
        ("UPDATE blocks SET hash = '0x00' WHERE number = 1003", [1004]),
        ("UPDATE blocks SET parent_hash = '0x00' WHERE number = 1006", [1006]),
        ("INSERT INTO blocks FROM blocks WHERE number = 1003", [1003]),
        ("DELETE FROM blocks WHERE number = 1003", [1004]),
        ("DELETE FROM blocks WHERE number IN (1004, 1005, 1006)", [1007]),
        ("DELETE FROM blocks WHERE number BETWEEN 1006 AND 1011", [1012]),
    ],
)
def test_a_block_that_does_not_follow_is_reported(database: Path, fault: str, named: list[int]) -> None:
    """Within a day, across midnight, and after a loaded day without rows."""
    change(database, fault)
    assert unlinked_blocks(database) == named


@pytest.mark.usefixtures("ranges")
def test_days_that_were_never_loaded_are_no_gap(data: Path) -> None:
    database = store_days(data, [DAYS[0], DAYS[2]])
    assert unlinked_blocks(database) == []


@pytest.mark.usefixtures("ranges")
def test_the_missing_end_of_an_open_day_is_no_gap_but_a_hole_inside_it_is(data: Path) -> None:
    """The next day may be stored before the last blocks of this day are final."""
    database = store_days(data)
    store_blocks(data, DAYS[1], blocks_of(DAYS[1])[:4], "open")
    above = FIRST + 2 * PER_DAY
    assert unlinked_blocks(database) == [above]
    assert unlinked_blocks(database, unfinished=[DAYS[1]]) == []
    change(database, "DELETE FROM blocks WHERE number = 1007")
    assert unlinked_blocks(database, unfinished=[DAYS[1]]) == [1008]


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("balance_increase = balance_increase + 1 WHERE block_number = 1003", [1003]),
        ("balance_increase = NULL WHERE block_number = 1003", [1003]),
        ("balance_after = NULL WHERE block_number = 1003", [1003]),
        ("balance_before = -5, balance_after = -2, balance_increase = 3 WHERE block_number = 1000", [1000]),
        ("balance_before = 8, balance_after = 9, balance_increase = 1 WHERE block_number = 1002", [1002]),
        ("block_hash = '0x00' WHERE block_number = 1003", [1003]),
        ("block_hash = NULL WHERE block_number = 1003", [1003]),
        (f"miner = '{CAROL}' WHERE block_number = 1004", [1004]),
        ("block_number = 1050 WHERE block_number = 1003", [1003, 1050]),
        ("balance_before = 0, balance_after = 0, balance_increase = 0 WHERE block_number = 1002", [1002]),
    ],
)
def test_a_wrong_balance_is_reported(database: Path, fault: str, named: list[int]) -> None:
    """Blocks 1001 and 1002 have the same fee recipient. In the last fault a failed call was stored as zeros."""
    change(database, f"UPDATE miners_balance SET {fault}")
    assert wrong_balances(database) == named


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("DELETE FROM miners_balance WHERE block_number IN (1000, 1008, 1017)", [1000, 1008, 1017]),
        ("INSERT INTO miners_balance FROM miners_balance WHERE block_number = 1003", [1003]),
        ("DELETE FROM blocks WHERE number = 1003", [1003]),
    ],
)
def test_a_missing_or_repeated_row_is_reported(database: Path, fault: str, named: list[int]) -> None:
    change(database, fault)
    assert wrong_balances(database) == named


def test_only_days_with_both_blocks_and_balances_are_compared(data: Path) -> None:
    database = store_days(data, DAYS[:1])
    store_blocks(data, DAYS[1], blocks_of(DAYS[1]))
    store_balances(data, DAYS[2], blocks_of(DAYS[2]), changes_of(DAYS[2]))
    assert wrong_balances(database) == []


def test_block_0_needs_no_row(data: Path) -> None:
    database = store_days(data)
    change(
        database, f"UPDATE blocks SET number = number - {FIRST}", "DELETE FROM miners_balance WHERE block_number = 1000"
    )
    change(database, f"UPDATE miners_balance SET block_number = block_number - {FIRST}")
    assert wrong_balances(database) == []


def test_while_a_day_waits_for_its_balances_only_their_arithmetic_is_checked(data: Path) -> None:
    """A reorg has replaced the blocks, and the balances still belong to the old ones."""
    database = store_days(data)
    store_blocks(data, DAYS[1], blocks_of(DAYS[1], fork="f"))
    assert wrong_balances(database) == list(range(FIRST + PER_DAY, FIRST + 2 * PER_DAY))
    assert wrong_balances(database, waiting=[DAYS[1]]) == []
    change(database, "UPDATE miners_balance SET balance_increase = 1 WHERE block_number = 1008")
    assert wrong_balances(database, waiting=[DAYS[1]]) == [1008]


def test_increases_are_counted_by_sign_day_by_day(database: Path) -> None:
    assert increase_shares(database) == [IncreaseShares(day, 2, 2, 2) for day in DAYS]
    change(database, "UPDATE miners_balance SET balance_increase = 0 WHERE block_number <= 1002")
    assert increase_shares(database)[0] == IncreaseShares(DAYS[0], 1, 4, 1)
    assert increase_shares(database)[0].blocks == PER_DAY


@pytest.mark.parametrize("read", [unlinked_blocks, wrong_balances, increase_shares])
def test_a_reader_names_the_process_that_writes_or_says_how_to_repair_the_database(
    database: Path, tmp_path: Path, read: Callable[..., object]
) -> None:
    with held_open(database.parent, "writes") as pid, pytest.raises(Busy, match=str(pid)):
        read(database, wait=0.01)
    (tmp_path / "garbage.duckdb").write_bytes(b"garbage" * 1000)
    for name in ("none.duckdb", "garbage.duckdb"):
        with pytest.raises(StoreError, match="stx-pipelines rebuild"):
            read(tmp_path / name)


def test_the_top_fee_recipients_have_every_digit_of_their_increase(database: Path) -> None:
    """The recipient with the most blocks comes first. Ethereum's own library gives the expected amounts."""
    rows = [change for day in DAYS for change in changes_of(day)]
    drawn = top_fee_recipients(database, limit=2)
    for miner in (BOB, ALICE):
        mine = [row.balance_increase for row in rows if row.miner == miner]
        assert f"{from_wei(sum(mine), 'ether'):.18f}" in drawn
        assert f"{len(mine)} " in drawn
    assert drawn.index(BOB) < drawn.index(ALICE)
    assert CAROL not in drawn


@pytest.mark.parametrize("wei", [-1, -(10**18), -(10**18) - 1, 10**18 - 1, 12 * 10**25 + 1])
def test_an_increase_in_eth_is_exact_at_any_sign_and_size(database: Path, wei: int) -> None:
    change(
        database,
        "DELETE FROM miners_balance WHERE block_number <> 1000",
        f"UPDATE miners_balance SET balance_increase = {wei}",
    )
    assert f" {from_wei(wei, 'ether') if wei >= 0 else -from_wei(-wei, 'ether'):.18f} " in top_fee_recipients(database)


def test_the_order_of_rows_is_no_difference_but_a_changed_digit_is(data: Path) -> None:
    database = store_days(data, DAYS[:1])
    files = DayFiles(data / "days" / "miners_balance")
    days = [DayFile(files.path(day), known) for day, known in files.certificates().items()]
    assert differing_days(database, "miners_balance", days) == []
    change(database, "UPDATE miners_balance SET balance_after = balance_after + 1 WHERE block_number = 1002")
    assert differing_days(database, "miners_balance", days) == DAYS[:1]


def test_rows_of_a_day_are_sorted_by_fee_recipient(database: Path) -> None:
    """This makes reading all rows of one recipient quick: see docs/ethereum.md."""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "SELECT block_time::DATE, miner, block_number FROM miners_balance ORDER BY rowid"
        ).fetchall()
    assert rows == sorted(rows)

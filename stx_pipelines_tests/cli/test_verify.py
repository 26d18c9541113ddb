"""`verify` finds differences between the chain, the day files and the table."""

from __future__ import annotations

import re
from datetime import date

import duckdb
import msgspec
import pytest

from stx_pipelines.chains.stacks import Cursor, Page
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines_tests.cli.folders import DONE, ERROR, Run, day_file, lose_rows, shorten
from stx_pipelines_tests.world import World, truth


def dates(*days: date) -> list[str]:
    return ["--from", str(days[0]), "--to", str(days[-1])]


def test_verify_names_a_damaged_file_of_the_range_and_is_1(full: World, run: Run) -> None:
    lose_rows(full, full.days[1])
    done = run(full, "verify", *dates(full.days[0], full.days[1]))
    assert done.exit_code == ERROR
    assert done.stderr.startswith(f"left out: {day_file(full, full.days[1])} has ")
    assert "1 of 1 days are in the table" in done.stdout


def test_verify_agrees_with_good_days_after_printing_its_number_of_requests(full: World, run: Run) -> None:
    full.requests()
    first, last = full.days[0], full.days[1]
    done = run(full, "verify", *dates(first, last))
    assert done.exit_code == DONE, done.output
    lines = done.stdout.splitlines()
    said = int(lines[0].split(": ")[1].split()[0].replace(",", ""))
    assert lines[0].startswith("2 days will be compared burn block by burn block: ")
    assert full.requests() <= said
    for day in (first, last):
        seen = len(truth(full.chain, day))
        assert any(line.startswith(f"{day}: {seen:,} transactions, all ") for line in lines)
    assert lines[-2] == "2 of 2 days are in the table exactly as in their files"
    assert re.fullmatch(r"nonces of [0-9,]+ accounts have no gap \(.*\)", lines[-1])


def test_verify_takes_a_sample_of_closed_days(full: World, run: Run) -> None:
    done = run(full, "verify")
    assert done.exit_code == DONE, done.output
    expected = min(3, sum(c.is_closed for c in full.certificates().values()))
    assert done.stdout.startswith(f"{expected} {'day' if expected == 1 else 'days'} will be")


def test_verify_names_the_burn_block_whose_rows_are_missing(full: World, run: Run) -> None:
    day = full.days[1]
    rows = truth(full.chain, day)
    height = rows[len(rows) // 2].burn_block_height
    lost = sum(row.burn_block_height == height for row in rows)
    shorten(full, day, height)
    done = run(full, "verify", *dates(day))
    assert done.exit_code == ERROR
    assert f"{day}: burn block {height} has {lost} transactions, but the file has 0" in done.output
    assert "the table differs" not in done.output  # the table cannot be judged by a wrong file
    other = run(full, "verify", *dates(full.days[0]))
    assert f"{full.days[0]}: {len(truth(full.chain, full.days[0])):,} transactions, all " in other.stdout
    assert "nonces of accounts have" in other.stderr  # they are compared over all days


@pytest.mark.parametrize("end", [0, -1], ids=["first", "last"])
def test_verify_notices_a_missing_burn_block_at_either_end_of_a_day(full: World, run: Run, end: int) -> None:
    day = full.days[1]
    height = truth(full.chain, day)[end].burn_block_height
    shorten(full, day, height)
    done = run(full, "verify", *dates(day))
    assert done.exit_code == ERROR
    assert f"burn block {height} has" in done.output


def test_the_command_that_verify_names_repairs_the_day(full: World, run: Run) -> None:
    day = full.days[1]
    shorten(full, day, truth(full.chain, day)[40].burn_block_height)
    done = run(full, "verify", *dates(day))
    assert "read it again with `sync --force-refresh`" in done.output
    assert run(full, "sync", "--force-refresh", *dates(day)).exit_code == DONE
    assert run(full, "verify", *dates(day)).exit_code == DONE
    full.assert_true()


def test_verify_of_days_that_are_not_stored_is_one_sentence(world: World, run: Run) -> None:
    for arguments in ([], dates(world.days[0]), ["--from", str(world.days[0])]):
        done = run(world, "verify", *arguments)
        assert done.exit_code == ERROR
        assert len(done.output.splitlines()) == 1
        assert done.output.startswith("error: ")


@pytest.mark.parametrize("column", ["fee_ustx", "sender_address", "nonce", "burn_block_time"])
def test_verify_names_a_row_whose_value_differs_from_the_api(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """The counts agree. The page that is compared is chosen at random, so all rows of the API are changed."""
    page_of = StacksApi.page

    def other(api: StacksApi, cursor: Cursor) -> Page:
        page = page_of(api, cursor)
        value = "SP1" if column == "sender_address" else 1
        return page._replace(rows=[msgspec.structs.replace(row, **{column: value}) for row in page.rows])

    monkeypatch.setattr(StacksApi, "page", other)
    done = run(full, "verify", *dates(full.days[0]))
    assert done.exit_code == ERROR
    assert f" differs in {column}" in done.output


def test_verify_of_a_copied_folder_compares_after_loading(full: World, run: Run) -> None:
    (full.data / "warehouse.duckdb").unlink()
    done = run(full, "verify", *dates(full.days[0]))
    assert done.exit_code == DONE, done.output
    assert "1 of 1 days are in the table exactly as in their files" in done.stdout.splitlines()


def test_verify_that_compares_nothing_with_the_table_is_1(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatasetStore, "load", lambda *_, **__: [])
    (full.data / "warehouse.duckdb").unlink()
    done = run(full, "verify", *dates(full.days[0]))
    assert done.exit_code == ERROR
    assert "none of the days is in the table" in done.output


def test_verify_names_transactions_that_the_table_has_twice(full: World, run: Run) -> None:
    with duckdb.connect(str(full.data / "warehouse.duckdb")) as connection:
        day = full.days[1]
        connection.execute(f"INSERT INTO transactions FROM transactions WHERE burn_block_time::DATE = '{day}' LIMIT 1")
    done = run(full, "verify", *dates(full.days[0]))
    assert done.exit_code == ERROR
    assert "1 rows of the table repeat a transaction" in done.output

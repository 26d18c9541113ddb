"""`health` reports in one sentence whether something must be done, with exit codes for scripts."""

from __future__ import annotations

import json
import os

import duckdb
import pytest

from stx_pipelines_tests.cli.folders import (
    DAMAGED,
    DONE,
    ERROR,
    HEALTHY,
    MISCONFIGURED,
    NOT_RUNNING,
    Run,
    day_file,
    lose_rows,
    set_aside,
)
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World

TARGET = "target: 3 days before today (STX_TARGET_DAYS)"
NOTHING_RUNS = f"not running, though 4 days are missing: start `make up` or `stx-pipelines sync`; {TARGET}"


@pytest.mark.parametrize("lost", [1, 300_000])
def test_a_database_that_was_cut_anywhere_is_named(full: World, run: Run, lost: int) -> None:
    """Counting rows reads one column of many, so it does not reach every block of the file."""
    path = full.project().store().warehouse.path
    os.truncate(path, path.stat().st_size - lost)
    said = run(full, "health")
    assert said.exit_code == 3
    assert "rebuild" in said.output
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == 0


def test_health_0_idle_and_complete(full: World, run: Run) -> None:
    done = run(full, "health")
    assert (done.exit_code, done.output) == (HEALTHY, f"healthy: 4 of 4 days complete (100 %); {TARGET}\n")


def test_health_1_missing_days_and_no_run(world: World, run: Run) -> None:
    done = run(world, "health")
    assert done.exit_code == NOT_RUNNING
    assert done.output == f"{NOTHING_RUNS}\n"
    world.stored(world.days[1:])
    assert run(world, "health").output.startswith("not running, though 1 day is missing")


def test_health_3_a_truncated_day_file(full: World, run: Run) -> None:
    path = day_file(full, full.days[1])
    path.write_bytes(path.read_bytes()[:-9])
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert done.output.startswith(f"{path} is damaged or not from stx-pipelines")
    assert "delete it, and the next sync reads the day again" in done.output
    assert_shown("`health` ends with 3: a day file is damaged", done.output)
    path.unlink()
    assert run(full, "health").exit_code == NOT_RUNNING
    assert run(full, "sync").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_health_3_a_day_file_that_lacks_rows_and_sync_reads_it_again(full: World, run: Run) -> None:
    lose_rows(full, full.days[1])
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert f"{day_file(full, full.days[1])} has " in done.output
    assert "delete it, and the next sync reads the day again" in done.output
    assert run(full, "status").exit_code == ERROR
    assert run(full, "sync").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY
    full.assert_true()


def test_health_3_a_damaged_page_inside_a_day_file_is_found_thoroughly(full: World, run: Run) -> None:
    path = day_file(full, full.days[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    assert run(full, "health").exit_code == HEALTHY
    done = run(full, "health", "--thorough")
    assert done.exit_code == DAMAGED
    assert done.output.startswith(f"{path} is damaged or not from stx-pipelines")
    path.unlink()
    full.stored()
    assert run(full, "health", "--thorough").exit_code == HEALTHY


def test_health_3_a_deleted_database(full: World, run: Run) -> None:
    (full.data / "warehouse.duckdb").unlink()
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert "does not exist; run `stx-pipelines rebuild`" in done.output
    assert_shown("`health` ends with 3: the database disagrees or is missing", done.output)
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_health_3_a_file_that_is_not_a_database(full: World, run: Run) -> None:
    (full.data / "warehouse.duckdb").write_bytes(b"nothing of the sort" * 1000)
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert "run `stx-pipelines rebuild`" in done.output
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_health_3_a_table_that_lacks_rows(full: World, run: Run) -> None:
    with duckdb.connect(str(full.data / "warehouse.duckdb")) as connection:
        connection.execute("DELETE FROM transactions WHERE block_height = (SELECT min(block_height) FROM transactions)")
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert f"disagrees with the certificates of {full.days[0]}: run `stx-pipelines rebuild`" in done.output
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_health_4_a_wrong_setting(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = "lots"
    done = run(world, "health")
    assert done.exit_code == MISCONFIGURED
    assert done.output.startswith("configuration: HIRO_REQUESTS_PER_MINUTE is 'lots'")


def test_health_is_0_where_set_aside_days_only_wait(full: World, run: Run) -> None:
    day_file(full, full.days[1]).unlink()
    set_aside(full, full.days[1])
    done = run(full, "health")
    assert done.exit_code == HEALTHY
    assert f"healthy: the next attempt at {full.days[1]} is not due yet" in done.output


def test_health_as_json_has_the_same_code_and_sentence(world: World, run: Run) -> None:
    done = run(world, "health", "--json")
    assert json.loads(done.stdout) == {
        "code": NOT_RUNNING,
        "sentence": NOTHING_RUNS,
        "other_versions": {},
    }
    assert done.exit_code == NOT_RUNNING

"""`status` reports the coverage of a data folder from its files, with exit codes for scripts."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.model import judge_days
from stx_pipelines.coverage.status import DatasetStatus, describe, statuses
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, Run, day_file, set_aside, shown, write_wallets
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, table_rows


def test_status_of_nothing_is_2(world: World, run: Run) -> None:
    done = run(world, "status")
    assert done.exit_code == NOT_YET
    assert done.stdout.startswith("transactions: 0 of 4 days complete (0 %), 1 run to go\n")
    assert world.requests() == 0


def test_status_of_everything_is_0(full: World, run: Run) -> None:
    done = run(full, "status")
    assert (done.exit_code, done.stderr) == (DONE, "")
    assert done.stdout.startswith("transactions: 4 of 4 days complete (100 %)\n")
    assert f"rows          {len(table_rows(full.data)):,} in 4 stored days" in done.stdout
    assert "running       nothing\n" in done.stdout


def test_status_counts_the_days_that_lack_columns_and_names_the_command_that_reads_them_again(
    full: World, run: Run
) -> None:
    assert "columns " not in run(full, "status").stdout
    files = full.store(TRANSACTIONS).files
    for day in full.days[:2]:
        stored = files.certificate(day)
        assert stored
        files.write(files.read(day).drop_columns(["memo"]), stored)
    first, last = full.days[:2]
    again = ["sync", "--chain", "stacks", "--force-refresh", "--from", str(first), "--to", str(last)]
    asked = f"2 days stored by an earlier version lack columns of this version; `stx-pipelines {' '.join(again)}`"
    assert f"columns       {asked} reads the days again\n" in run(full, "status").stdout
    [known] = json.loads(run(full, "status", "--json").stdout)
    assert known["days_lacking_columns"] == [[str(first), str(last)]]
    assert run(full, *again).exit_code == DONE
    assert "columns " not in run(full, "status").stdout


def test_status_of_a_part_is_2(world: World, run: Run) -> None:
    world.stored(world.days[-2:])
    assert run(world, "status").exit_code == NOT_YET
    assert run(world, "status", "--target-days", "1").exit_code == DONE


def test_status_uses_the_given_target(full: World, run: Run) -> None:
    assert run(full, "status", "--target-days", "2").exit_code == DONE
    assert run(full, "status", "--target-days", "30").exit_code == DONE  # the chain has no older days
    day_file(full, full.days[0]).unlink()
    assert run(full, "status", "--target-days", "2").exit_code == DONE
    assert run(full, "status", "--target-days", "30").exit_code == NOT_YET


def test_no_day_is_wanted_before_the_chain_began_and_an_earlier_setting_is_noted(full: World, run: Run) -> None:
    early = full.days[0] - timedelta(days=9)
    full.overrides["stx_first_day"] = early
    done = run(full, "status", "--target-days", "9")
    assert done.exit_code == DONE
    note = f"STX_FIRST_DAY={early} is before the chain's first day, so days are wanted from {full.days[0]} on"
    assert f"note          {note}\n" in done.stdout
    assert_shown("`STX_FIRST_DAY=... is before ...`", done.stdout)
    assert run(full, "sync", "--target-days", "9").stderr == note + "\n"
    full.overrides["stx_first_day"] = full.days[1]
    done = run(full, "status", "--target-days", "9")
    assert done.stdout.startswith("transactions: 3 of 3 days complete")
    assert "note" not in done.stdout


def test_a_first_day_in_the_future_is_refused(full: World, run: Run) -> None:
    """No day would be wanted, and that would count as complete."""
    full.overrides["stx_first_day"] = datetime.now(UTC).date() + timedelta(days=3)
    done = run(full, "status")
    assert done.exit_code == ERROR
    assert re.search(r"STX_FIRST_DAY is .*: must not be after today \(20", done.stderr)


def test_a_database_that_was_overwritten_holds_nothing(full: World, run: Run) -> None:
    """Its file still has its name and inode, but its published coverage must not be used."""
    path = full.project().store().warehouse.path
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(b"junk")
    done = run(full, "status")
    assert done.exit_code == NOT_YET
    assert f"0 of {len(full.days)} days complete" in done.stdout
    assert run(full, "health").exit_code == 3
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "status").exit_code == DONE


def test_status_and_health_work_in_a_folder_without_write_permission(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert run(full, "status").exit_code == DONE
    assert run(full, "health").exit_code == 0


def test_stale_days_are_not_complete(full: World) -> None:
    later = datetime.now(UTC) + timedelta(minutes=31)
    assert not statuses(full.project(), STACKS, later)[0].is_complete


def test_status_with_a_set_aside_day_is_1_and_names_it_with_its_reason(full: World, run: Run) -> None:
    bad = full.days[1]
    day_file(full, bad).unlink()
    set_aside(full, bad)
    done = run(full, "status")
    assert done.exit_code == ERROR
    assert f"set aside     {bad}: burn block 7 has 3 transactions, read 2" in done.stdout
    [aside] = shown(run, full)["set_aside"]
    assert (aside["day"], aside["reason"]) == (str(bad), "burn block 7 has 3 transactions, read 2")


def test_status_with_a_damaged_file_is_1_and_names_it(full: World, run: Run) -> None:
    path = day_file(full, full.days[1])
    path.write_bytes(path.read_bytes()[:-9])
    done = run(full, "status")
    assert done.exit_code == ERROR
    assert f"damaged       the file of {full.days[1]}" in done.stdout


def test_a_day_that_is_stored_while_status_reads_is_not_damaged(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = day_file(full, full.days[1])
    content, certificates = path.read_bytes(), DayFiles.certificates
    path.unlink()

    def store_afterwards(files: DayFiles) -> Any:
        found = certificates(files)
        path.write_bytes(content)
        return found

    monkeypatch.setattr(DayFiles, "certificates", store_afterwards)
    nothing = judge_days([], {}, {}, {}, {}, datetime.now(UTC), timedelta(1))
    assert describe(full.project(), STACKS, STACKS.datasets[0], nothing).damaged == []


def test_status_with_a_wrong_setting_is_1_and_one_sentence(world: World, run: Run) -> None:
    world.overrides["stx_target_days"] = "many"
    done = run(world, "status")
    assert done.exit_code == ERROR
    assert done.stderr.startswith("error: STX_TARGET_DAYS is 'many'")
    assert len(done.stderr.splitlines()) == 1


def test_status_as_json_has_every_fact_and_the_table_agrees(full: World, run: Run) -> None:
    done = run(full, "status", "--json")
    [status] = json.loads(done.stdout)
    assert done.exit_code == DONE
    assert set(status) == set(DatasetStatus.__struct_fields__)
    assert {"days_wanted", "days_complete", "holes", "set_aside", "running", "minutes_to_go"} <= set(status)
    assert (status["days_wanted"], status["days_complete"], status["holes"]) == (4, 4, [])
    rows = table_rows(full.data)
    assert status["rows"] == len(rows)
    times = [row[1].replace(tzinfo=UTC) for row in rows]
    assert datetime.fromisoformat(status["first_block_time"]) == min(times)
    assert datetime.fromisoformat(status["last_block_time"]) == max(times)
    assert (status["running"], status["progress"]) == (None, None)
    assert status["first_wanted_day"] == str(full.days[0])
    assert all(len(span) == 2 for span in status["closed_days"])
    assert status["bytes_on_disk"] > day_file(full, full.days[0]).stat().st_size


def test_fields_that_scripts_read_are_never_removed(full: World, run: Run) -> None:
    """These fields have been there from the beginning; others may be added."""
    assert set(shown(run, full)) >= {
        "dataset",
        "sentence",
        "days_wanted",
        "days_complete",
        "days_landed",
        "old_days_missing",
        "holes",
        "failing",
        "set_aside",
        "waiting_to_load",
        "damaged",
        "rows",
        "wallets",
        "first_block_time",
        "last_block_time",
        "newest_day_looked_at",
        "last_landed_at",
        "bytes_on_disk",
        "running",
        "progress",
        "requests_per_minute",
        "minutes_to_go",
    }
    assert {"code", "sentence"} <= set(json.loads(run(full, "health", "--json").stdout))


def test_a_deleted_day_in_the_middle_is_a_hole_and_sync_repairs_it(full: World, run: Run) -> None:
    day_file(full, full.days[2]).unlink()
    done = run(full, "status")
    assert done.exit_code == NOT_YET
    assert f"holes         {full.days[2]}" in done.stdout
    assert shown(run, full)["holes"] == [str(full.days[2])]
    assert run(full, "sync").exit_code == DONE
    assert run(full, "status").exit_code == DONE
    full.assert_true()


def test_the_wallets_are_those_of_the_present_file(full: World, run: Run) -> None:
    """Also after it was replaced, damaged or deleted; `status` works in spite of damage there."""
    assert shown(run, full)["wallets"] is None
    file = write_wallets(full, 7)
    assert [shown(run, full)["wallets"] for _ in range(2)] == [7, 7]
    write_wallets(full, 9)
    assert shown(run, full)["wallets"] == 9
    (full.data / "run" / "first_seen_wallets.rows.json").write_bytes(b"\x00")
    assert shown(run, full)["wallets"] == 9
    file.write_bytes(file.read_bytes()[:-9])
    assert shown(run, full)["wallets"] is None
    assert run(full, "status").exit_code == DONE
    file.unlink()
    file.mkdir()
    assert shown(run, full)["wallets"] is None

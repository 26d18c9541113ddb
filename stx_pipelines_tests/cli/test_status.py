"""`status`, `health` and `verify` say how things are by looking, with exit codes that scripts can use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from stx_pipelines.coverage.datasets import STACKS
from stx_pipelines.coverage.health import judge
from stx_pipelines.coverage.model import survey
from stx_pipelines.coverage.progress import Progress
from stx_pipelines.coverage.status import DatasetStatus, describe, statuses
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.locks import locked
from stx_pipelines_tests.waiting import LONGEST, answers_only_while, wait_until
from stx_pipelines_tests.world import World, child_environment, command, recent_chain, table_rows, truth

MakeWorld = Callable[..., World]
Run = Callable[..., Result]
DONE, ERROR, NOT_YET = 0, 1, 2
HEALTHY, NOT_RUNNING, STALLED, DAMAGED, MISCONFIGURED = range(5)
DATASET = "transactions"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Three days before today, and today; nothing has landed."""
    return make_world(recent_chain(3), stx_target_days=3)


@pytest.fixture
def full(world: World) -> World:
    world.landed()
    return world


def day_file(world: World, day: date) -> Path:
    return world.data / "days" / DATASET / f"{day}.parquet"


def write_wallets(world: World, count: int) -> Path:
    file = world.data / "first_seen_wallets.parquet"
    pq.write_table(pa.table({"wallet": [str(number) for number in range(count)]}), file)
    return file


def shown(run: Run, world: World) -> dict[str, Any]:
    [status] = json.loads(run(world, "status", "--json").stdout)
    return dict(status)


def set_aside(world: World, day: date) -> None:
    """As after four failed proofs."""
    files = AttemptFiles(world.data / "days" / DATASET)
    for _ in range(4):
        files.add(day, "burn block 7 has 3 transactions, read 2", datetime.now(UTC))


def shorten(world: World, day: date, height: int) -> None:
    """Take the rows of a burn block out of a day file, whose certificate knows nothing of them."""
    files = world.project().store().files
    table, certificate = files.read(day), files.certificate(day)
    assert certificate is not None
    rows = table.filter(pc.not_equal(table["burn_block_height"], height))
    shown = rows["tx_status"].to_pylist().count("success")
    files.write(rows, msgspec.structs.replace(certificate, seen=rows.num_rows, published=shown))


def lose_rows(world: World, day: date) -> None:
    """Take rows out of a day file, which keeps its certificate."""
    files = world.project().store().files
    certificate = files.certificate(day)
    assert certificate is not None
    files.write(files.read(day).slice(7), certificate)


def report(world: World, minutes_ago: float, pid: int | None = None) -> None:
    """A progress file as a run leaves it that began so long ago."""
    path = world.folder.progress(DATASET)
    path.parent.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    path.write_bytes(
        msgspec.json.encode(Progress(pid or os.getpid(), began, began + timedelta(seconds=30), 3, rows=50, requests=20))
    )


# --- status


def test_status_of_nothing_is_2(world: World, run: Run) -> None:
    done = run(world, "status")
    assert done.exit_code == NOT_YET
    assert done.stdout.startswith("transactions: 0 of 4 days complete (0 %), 1 run to go\n")
    assert world.requests() == 0


def test_status_of_everything_is_0(full: World, run: Run) -> None:
    done = run(full, "status")
    assert (done.exit_code, done.stderr) == (DONE, "")
    assert done.stdout.startswith("transactions: 4 of 4 days complete (100 %)\n")
    assert f"rows          {len(table_rows(full.data)):,} in 4 landed days" in done.stdout
    assert "running       nothing\n" in done.stdout


def test_status_of_a_part_is_2(world: World, run: Run) -> None:
    world.landed(world.days[-2:])
    assert run(world, "status").exit_code == NOT_YET
    assert run(world, "status", "--target-days", "1").exit_code == DONE


def test_status_goes_by_the_target_given(full: World, run: Run) -> None:
    assert run(full, "status", "--target-days", "2").exit_code == DONE
    assert run(full, "status", "--target-days", "30").exit_code == DONE  # the chain has no older days
    day_file(full, full.days[0]).unlink()
    assert run(full, "status", "--target-days", "2").exit_code == DONE
    assert run(full, "status", "--target-days", "30").exit_code == NOT_YET


def test_no_day_is_wanted_before_the_chain_began_and_an_earlier_setting_is_told(full: World, run: Run) -> None:
    early = full.days[0] - timedelta(days=9)
    full.overrides["stx_first_day"] = early
    done = run(full, "status", "--target-days", "9")
    assert done.exit_code == DONE
    note = f"STX_FIRST_DAY={early} is before the chain's first day: days are wanted from {full.days[0]} on"
    assert f"note          {note}\n" in done.stdout
    assert run(full, "sync", "--target-days", "9").stderr == note + "\n"
    full.overrides["stx_first_day"] = full.days[1]
    done = run(full, "status", "--target-days", "9")
    assert done.stdout.startswith("transactions: 3 of 3 days complete")
    assert "note" not in done.stdout


def test_a_first_day_to_come_is_refused(full: World, run: Run) -> None:
    """It would want nothing, and nothing is always complete."""
    full.overrides["stx_first_day"] = datetime.now(UTC).date() + timedelta(days=3)
    done = run(full, "status")
    assert done.exit_code == ERROR
    assert re.search(r"STX_FIRST_DAY is .*: must not be after today \(20", done.stderr)


def test_a_database_that_is_none_any_more_holds_nothing(full: World, run: Run) -> None:
    """Its file is there and has its old name and number: what was published of it is not believed."""
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


@pytest.mark.parametrize("lost", [1, 300_000])
def test_a_database_that_was_cut_is_named_wherever_the_cut_is(full: World, run: Run, lost: int) -> None:
    """Counting rows reads one column of many: it does not reach every block."""
    path = full.project().store().warehouse.path
    os.truncate(path, path.stat().st_size - lost)
    said = run(full, "health")
    assert said.exit_code == 3
    assert "rebuild" in said.output
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == 0


def test_status_and_health_answer_from_a_folder_that_nobody_may_write(
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


def test_a_day_that_lands_while_status_looks_is_not_damaged(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = day_file(full, full.days[1])
    content, look = path.read_bytes(), DayFiles.certificates
    path.unlink()

    def land_afterwards(files: DayFiles) -> Any:
        found = look(files)
        path.write_bytes(content)
        return found

    monkeypatch.setattr(DayFiles, "certificates", land_afterwards)
    nothing = survey([], {}, {}, {}, {}, datetime.now(UTC), timedelta(1))
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


def test_what_scripts_read_is_never_taken_away(full: World, run: Run) -> None:
    """Fields may be added; these have been there from the beginning."""
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


def test_the_progress_of_an_earlier_run_is_not_that_of_who_works_now(world: World, run: Run) -> None:
    report(world, minutes_ago=300, pid=1)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        assert shown(run, world)["progress"] is None
        assert f"running       process {os.getpid()}\n" in run(world, "status").stdout
        assert run(world, "health").exit_code == HEALTHY


def test_between_two_runs_status_says_when_the_last_one_ended(world: World, run: Run) -> None:
    report(world, minutes_ago=1.5)
    assert "running       nothing; the last run ended 1 min ago\n" in run(world, "status").stdout
    assert (shown(run, world)["running"], shown(run, world)["progress"]) == (None, None)


def test_status_says_what_runs_and_how_fast(world: World, run: Run) -> None:
    report(world, minutes_ago=5)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        status = shown(run, world)
        words = run(world, "status").stdout
    assert status["running"].startswith("process ")
    assert status["requests_per_minute"] == 40
    assert status["minutes_to_go"] == 4 * 300 / 40
    assert f"{status['running']}: 0 of 3 days of this run, 50 transactions, 20 requests, 40/min, ETA 30 min" in words
    assert shown(run, world)["running"] is None


def test_a_deleted_day_in_the_middle_is_a_hole_and_sync_repairs_it(full: World, run: Run) -> None:
    day_file(full, full.days[2]).unlink()
    done = run(full, "status")
    assert done.exit_code == NOT_YET
    assert f"holes         {full.days[2]}" in done.stdout
    assert shown(run, full)["holes"] == [str(full.days[2])]
    assert run(full, "sync").exit_code == DONE
    assert run(full, "status").exit_code == DONE
    full.assert_true()


@pytest.mark.parametrize("command_name", ["status", "health"])
@pytest.mark.parametrize("landed", [False, True], ids=["empty", "full"])
def test_a_look_never_loads_dagster(world: World, run: Run, command_name: str, landed: bool) -> None:
    if landed:
        world.landed()
        write_wallets(world, 7)
        assert run(world, "status").exit_code == DONE  # counts the wallets, and remembers how many
    heavy = {"dagster", "requests", "pandas"} | ({"duckdb", "pyarrow"} if command_name == "status" else set())
    script = (
        f"import sys\nfrom stx_pipelines.cli.main import main\ntry:\n    main(['{command_name}'])\n"
        f"except SystemExit:\n    pass\nprint(sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=child_environment(world.environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_wallets_are_those_of_the_file_that_is_there_now(full: World, run: Run) -> None:
    """Also after it was replaced, damaged or deleted; damage there does not keep `status` from answering."""
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


def test_status_answers_20_times_of_20_while_sync_writes(make_world: MakeWorld) -> None:
    """The server lets the sync go on by a day and a half an answer: all the while it reads or writes."""
    world, allowed = make_world(recent_chain(40), stx_target_days=40), 60
    asked, files = world.devnet.stats, world.data / "days" / DATASET

    def days_landed() -> int:
        return len(list(files.glob("????-??-??.parquet")))

    def next_answer() -> subprocess.CompletedProcess[str]:
        nonlocal allowed
        allowed += 20
        answer = command(["status", "--json"], world.environment)
        wait_until(lambda: asked.requests > allowed, "the sync used what it was allowed")
        return answer

    writer = subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync"],
        env=child_environment(world.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with answers_only_while(world.knobs, lambda: asked.requests <= allowed):
            wait_until(lambda: days_landed() > 0, "a day landed")
            answers, before = [next_answer()], days_landed()
            answers += [next_answer() for _ in range(18)]
            wait_until(lambda: days_landed() > before, "another day landed")
            answers.append(next_answer())
            assert writer.poll() is None, "it ended before it had read all"
            writer.kill()
    finally:
        writer.kill()
        writer.wait()
    assert [(each.returncode, each.stderr) for each in answers] == [(NOT_YET, "")] * 20
    known = [json.loads(each.stdout)[0] for each in answers]
    landed = [each["days_landed"] for each in known]
    assert landed == sorted(landed)
    assert landed[0] < landed[-1]
    running = {each["running"] for each in known}
    assert f"process {writer.pid}" in running
    assert running <= {f"process {writer.pid}", None}  # None: between two runs of the command


# --- health


def test_health_0_idle_and_complete(full: World, run: Run) -> None:
    done = run(full, "health")
    assert (done.exit_code, done.output) == (HEALTHY, "healthy: 4 of 4 days complete (100 %)\n")


def test_health_0_while_a_run_works(world: World, run: Run) -> None:
    report(world, minutes_ago=9)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert done.output.startswith("healthy: process ")


def test_health_1_missing_days_and_nobody_works(world: World, run: Run) -> None:
    done = run(world, "health")
    assert done.exit_code == NOT_RUNNING
    assert done.output == "not running, though 4 days are missing: start `make up` or `stx-pipelines sync`\n"
    world.landed(world.days[1:])
    assert run(world, "health").output.startswith("not running, though 1 day is missing")


def test_health_0_for_two_minutes_between_two_runs(world: World, run: Run) -> None:
    report(world, minutes_ago=2)  # it worked for half a minute
    done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert done.output.startswith("healthy: the last run ended 2 min ago; 0 of 4 days complete")
    report(world, minutes_ago=2.6)
    assert run(world, "health").exit_code == NOT_RUNNING


def test_health_2_a_run_that_brings_nothing(world: World, run: Run) -> None:
    report(world, minutes_ago=12)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        done = run(world, "health")
        patient = run(world, "health", "--stall-threshold", "3600")
    assert done.exit_code == STALLED
    assert done.output.startswith("stalled: process ")
    assert "nothing has landed for 12 min" in done.output
    assert patient.exit_code == HEALTHY


def test_health_a_slow_budget_is_no_stall(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 10  # a day takes half an hour
    report(world, minutes_ago=50)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        assert run(world, "health").exit_code == HEALTHY
        report(world, minutes_ago=70)
        assert run(world, "health").exit_code == STALLED


def test_health_of_a_run_that_landed_something_lately_is_no_stall(full: World, run: Run) -> None:
    day_file(full, full.days[0]).unlink()
    report(full, minutes_ago=120)
    with locked(full.folder.lock(DATASET), "the dataset", wait=0):
        assert run(full, "health").exit_code == HEALTHY
        later = datetime.now(UTC) + timedelta(minutes=11)
        assert judge(full.project(), later, timedelta(minutes=10)).code == STALLED


def test_health_3_a_truncated_day_file(full: World, run: Run) -> None:
    path = day_file(full, full.days[1])
    path.write_bytes(path.read_bytes()[:-9])
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert done.output.startswith(f"{path} is damaged or not ours")
    assert "delete it, the next sync reads the day again" in done.output
    path.unlink()
    assert run(full, "health").exit_code == NOT_RUNNING


def test_health_3_a_day_file_that_lacks_rows_and_sync_reads_it_again(full: World, run: Run) -> None:
    lose_rows(full, full.days[1])
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert f"{day_file(full, full.days[1])} has " in done.output
    assert "delete it, the next sync reads the day again" in done.output
    assert run(full, "status").exit_code == ERROR
    assert run(full, "sync").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY
    full.assert_true()


def test_health_3_a_deleted_database(full: World, run: Run) -> None:
    (full.data / "warehouse.duckdb").unlink()
    done = run(full, "health")
    assert done.exit_code == DAMAGED
    assert "does not exist; run `stx-pipelines rebuild`" in done.output
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_health_3_a_database_that_is_none(full: World, run: Run) -> None:
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
    assert f"healthy: the next try of {full.days[1]} is not due yet" in done.output


def test_health_as_json_says_the_same(world: World, run: Run) -> None:
    done = run(world, "health", "--json")
    assert json.loads(done.stdout) == {
        "code": NOT_RUNNING,
        "sentence": "not running, though 4 days are missing: start `make up` or `stx-pipelines sync`",
    }
    assert done.exit_code == NOT_RUNNING


# --- verify


def dates(*days: date) -> list[str]:
    return ["--from", str(days[0]), "--to", str(days[-1])]


def test_verify_names_a_damaged_file_of_the_range_and_is_1(full: World, run: Run) -> None:
    lose_rows(full, full.days[1])
    done = run(full, "verify", *dates(full.days[0], full.days[1]))
    assert done.exit_code == ERROR
    assert done.stderr.startswith(f"left out: {day_file(full, full.days[1])} has ")
    assert "1 of 1 days are in the table" in done.stdout


def test_verify_agrees_with_good_days_after_saying_what_it_costs(full: World, run: Run) -> None:
    full.requests()
    first, last = full.days[0], full.days[1]
    done = run(full, "verify", *dates(first, last))
    assert done.exit_code == DONE, done.output
    lines = done.stdout.splitlines()
    said = int(lines[0].split(": ")[1].split()[0].replace(",", ""))
    assert lines[0].startswith("2 days will be asked burn block by burn block: ")
    assert full.requests() <= said
    for day in (first, last):
        seen = len(truth(full.chain, day))
        assert any(line.startswith(f"{day}: {seen:,} transactions, all ") for line in lines)
    assert lines[-1] == "2 of 2 days are in the table exactly as in their files"


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
    assert f"{day}: burn block {height} has {lost} transactions, the file 0" in done.output
    assert "the table differs" not in done.output  # the file is wrong, and says nothing of the table
    assert run(full, "verify", *dates(full.days[0])).exit_code == DONE


@pytest.mark.parametrize("end", [0, -1], ids=["first", "last"])
def test_verify_notices_a_missing_burn_block_at_either_end_of_a_day(full: World, run: Run, end: int) -> None:
    day = full.days[1]
    height = truth(full.chain, day)[end].burn_block_height
    shorten(full, day, height)
    done = run(full, "verify", *dates(day))
    assert done.exit_code == ERROR
    assert f"burn block {height} has" in done.output


def test_what_verify_finds_is_mended_by_the_command_it_names(full: World, run: Run) -> None:
    day = full.days[1]
    shorten(full, day, truth(full.chain, day)[40].burn_block_height)
    done = run(full, "verify", *dates(day))
    assert "read it again with `sync --force-refresh`" in done.output
    assert run(full, "sync", "--force-refresh", *dates(day)).exit_code == DONE
    assert run(full, "verify", *dates(day)).exit_code == DONE
    full.assert_true()


def test_verify_of_days_that_have_not_landed_is_one_sentence(world: World, run: Run) -> None:
    for arguments in ([], dates(world.days[0]), ["--from", str(world.days[0])]):
        done = run(world, "verify", *arguments)
        assert done.exit_code == ERROR
        assert len(done.output.splitlines()) == 1
        assert done.output.startswith("error: ")


def test_verify_db_says_per_day_what_another_database_holds_without_network(
    full: World, run: Run, tmp_path: Path
) -> None:
    other = tmp_path / "old.duckdb"
    ours = full.data / "warehouse.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute(f"ATTACH '{ours}' AS ours (READ_ONLY)")
        connection.execute("CREATE TABLE transactions AS FROM ours.transactions")
        day = str(full.days[1])
        window = f"burn_block_time::DATE = '{day}'"
        ids = [
            tx for (tx,) in connection.execute(f"SELECT tx_id FROM transactions WHERE {window} ORDER BY ALL").fetchall()
        ]
        gone = ids[: len(ids) // 2]
        connection.execute("DELETE FROM transactions WHERE tx_id IN (SELECT unnest($gone))", {"gone": gone})
        connection.execute(f"DELETE FROM transactions WHERE burn_block_time::DATE = '{full.days[0]}'")
    full.requests()
    done = run(full, "verify", "--db", str(other))
    assert done.exit_code == DONE, done.output
    assert full.requests() == 0
    share = (len(ids) - len(gone)) / len(ids)
    lines = {line.split(": ")[0]: line for line in done.stdout.splitlines()}
    assert lines[str(full.days[0])] == f"{full.days[0]}: 0% of transactions, 0% of wallets"
    assert lines[day].startswith(f"{day}: {share:.0%} of transactions, ")
    assert lines[str(full.days[2])] == f"{full.days[2]}: 100% of transactions, 100% of wallets"
    total = len(table_rows(full.data))
    with duckdb.connect(str(other), read_only=True) as connection:
        [(held,)] = connection.execute("SELECT count(*) FROM transactions").fetchall()
    assert done.stdout.endswith(f"holds {held / total:.1%} of the {total:,} certified transactions of 4 days\n")


def test_verify_db_of_something_else_is_one_sentence(full: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no database")
    empty = tmp_path / "empty.duckdb"
    duckdb.connect(str(empty)).close()
    for other in (tmp_path / "text.duckdb", empty):
        done = run(full, "verify", "--db", str(other))
        assert done.exit_code == ERROR
        assert done.output.startswith(f"error: {other} cannot be read")
        assert "rebuild" not in done.output  # that would be about another database
        assert len(done.output.splitlines()) == 1

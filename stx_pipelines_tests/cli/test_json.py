"""`--json`: every command that ends prints one JSON object on stdout, and everything else on stderr."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result

from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, MakeWorld, Run, day_file, lose_rows
from stx_pipelines_tests.cli.test_stop import stop_after_a_day
from stx_pipelines_tests.world import World, recent_chain


def object_of(done: Result) -> dict[str, Any]:
    """Return the object on stdout. Fail the test if stdout has anything else, or another code."""
    said = json.loads(done.stdout)
    assert isinstance(said, dict), said
    assert said["code"] == done.exit_code
    return said


def test_sync_prints_the_days_that_it_stored(world: World, run: Run) -> None:
    done = run(world, "sync", "--json")
    said = object_of(done)
    assert (said["code"], said["error"], said["failures"]) == (DONE, None, [])
    [chain] = said["chains"]
    assert (chain["chain"], chain["days_wanted"], chain["days_complete"]) == ("stacks", 4, 4)
    assert chain["stored"] == [str(day) for day in reversed(world.days)]
    assert f"{chain['sentence']}\n" in done.stderr
    assert object_of(run(world, "sync", "--json"))["chains"][0]["stored"] in ([], [str(world.days[-1])])


def test_sync_prints_the_failures_and_the_days_that_wait(world: World, run: Run) -> None:
    bad = world.days[2]
    world.knobs.hidden_transactions = {world.chain.transactions(bad)[3].tx_id}
    said = object_of(run(world, "sync", "--json"))
    [chain] = said["chains"]
    assert (said["code"], chain["code"], chain["failing"], chain["set_aside"]) == (NOT_YET, NOT_YET, [str(bad)], [])
    assert str(bad) in chain["failures"][0]


def test_a_server_that_does_not_respond_is_in_the_object(world: World, run: Run) -> None:
    world.overrides |= {"hiro_api_url": "http://127.0.0.1:9", "hiro_attempts": 1}
    done = run(world, "sync", "--json")
    [chain] = object_of(done)["chains"]
    assert done.exit_code == NOT_YET
    assert chain["sentence"].startswith("stopped: ")
    assert done.stderr == f"{chain['sentence']}\n"


@pytest.mark.parametrize("command", ["sync", "verify", "rebuild", "metrics", "page"])
def test_a_wrong_setting_is_the_error_of_the_object(world: World, run: Run, command: str) -> None:
    world.overrides["hiro_attempts"] = "often"
    done = run(world, command, "--json")
    said = object_of(done)
    assert (said["code"], said["error"].startswith("error: HIRO_ATTEMPTS is 'often'")) == (ERROR, True)
    assert done.stderr == f"{said['error']}\n"


def test_a_stopped_sync_prints_its_object_too(make_world: MakeWorld) -> None:
    world = make_world(recent_chain(12), stx_target_days=12)
    said = json.loads(stop_after_a_day(world, signal.SIGTERM, "--json"))
    [chain] = said["chains"]
    assert (said["code"], chain["code"]) == (NOT_YET, NOT_YET)
    assert chain["sentence"].startswith("stopped; stored days are kept: ")
    assert chain["stored"]


def test_verify_prints_every_finding(full: World, run: Run) -> None:
    good, bad = full.days[0], full.days[1]
    lose_rows(full, bad)
    done = run(full, "verify", "--json", "--from", str(good), "--to", str(bad))
    said = object_of(done)
    assert (done.exit_code, said["chain"], said["error"]) == (ERROR, "stacks", None)
    agrees = {str(good): True, str(bad): True}
    for finding in said["findings"]:
        if finding["day"]:
            agrees[finding["day"]] &= finding["agrees"]
        assert finding["sentence"] in done.stderr
    assert agrees == {str(good): True, str(bad): False}


def test_an_error_in_the_middle_of_verify_keeps_the_findings(full: World, run: Run) -> None:
    day_file(full, full.days[1]).write_bytes(b"no Parquet")
    full.overrides |= {"hiro_api_url": "http://127.0.0.1:9", "hiro_attempts": 1}
    said = object_of(run(full, "verify", "--json", "--from", str(full.days[0]), "--to", str(full.days[1])))
    assert (said["code"], said["error"].startswith("stopped: ")) == (NOT_YET, True)
    [finding] = said["findings"]
    assert (finding["day"], finding["agrees"]) == (str(full.days[1]), False)


def test_verify_db_prints_shares_as_numbers(full: World, run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute(f"ATTACH '{full.folder.database}' AS ours (READ_ONLY)")
        connection.execute("CREATE TABLE transactions AS FROM ours.transactions")
    findings = object_of(run(full, "verify", "--json", "--db", str(other)))["findings"]
    assert [finding["share"] for finding in findings] == [1.0] * (len(full.days) + 1)
    assert findings[-1]["day"] is None


def test_rebuild_prints_the_number_of_days_and_the_files_left_out(full: World, run: Run) -> None:
    said = object_of(run(full, "rebuild", "--json"))
    assert (said["days"], said["left_out"]) == (len(full.days), [])
    assert Path(said["database"]) == full.folder.database.absolute()
    day_file(full, full.days[1]).write_bytes(b"no Parquet")
    said = object_of(run(full, "rebuild", "--json"))
    assert (said["code"], said["days"], "would lack days" in said["error"]) == (ERROR, None, True)
    assert str(full.days[1]) in said["left_out"][0]


def test_metrics_and_page_print_the_path_of_the_page(full: World, run: Run) -> None:
    said = object_of(run(full, "metrics", "--json"))
    assert (said["days"], Path(said["page"])) == (len(full.days), full.folder.page.absolute())
    said = object_of(run(full, "page", "--json", "--no-open"))
    assert Path(said["page"]) == full.folder.page.absolute()
    assert said["address"] == full.folder.page.resolve().as_uri()

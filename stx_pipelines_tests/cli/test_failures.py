"""After a failure, `sync` and `status` name the days that wait, and the exit code agrees with what is printed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from stx_pipelines.cli.materialize import Failed
from stx_pipelines.cli.runs import look, sum_up
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, Run, shown
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World


def hide_one(world: World) -> str:
    """Hide a transaction of a day, so that its counts disagree; return the day."""
    bad = world.days[2]
    world.knobs.hidden_transactions = {world.chain.transactions(bad)[3].tx_id}
    return str(bad)


def test_the_next_sync_names_the_day_its_reason_its_next_try_and_the_option(world: World, run: Run) -> None:
    bad = hide_one(world)
    first = run(world, "sync", "--target-days", "3")
    assert first.exit_code == NOT_YET
    assert re.search(r"^3 days stored by this command and kept$", first.stderr, re.MULTILINE)
    said = rf"waiting: {bad}: burn block .* \(next try from \d{{4}}-\d\d-\d\d \d\d:\d\d UTC on; `stx-pipelines sync --r"
    assert re.search(said, first.stderr)
    assert_shown("`waiting: 2026-11-03: ... (next try from ... on; ...)`", first.stderr)
    second = run(world, "sync", "--target-days", "3")
    assert second.exit_code == NOT_YET
    assert "failed:" not in second.stderr
    assert re.search(said, second.stderr)
    assert re.search(rf"  failing       {bad}: burn block .*--retry", run(world, "status").stdout)
    [failing] = shown(run, world)["failing_days"]
    assert (failing["day"], failing["next_try"] > failing["last_try"]) == (bad, True)
    world.knobs.hidden_transactions = set()
    assert run(world, "sync", "--target-days", "3", "--retry").exit_code == DONE
    assert "waiting:" not in run(world, "sync", "--target-days", "3").stderr


def test_a_failure_that_a_later_run_mended_is_not_called_failed(
    full: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project = full.project()
    began = look(project, STACKS).now + timedelta(seconds=2)  # a certificate has whole seconds
    mended = Failed("1 of 1 days failed", passing=True)
    assert sum_up(project, STACKS, [mended], began).code == DONE
    assert "failed at first, complete now: 1 of 1 days failed\n" in capsys.readouterr().err
    assert sum_up(project, STACKS, [mended._replace(passing=False)], began).code == ERROR
    said = capsys.readouterr().err
    assert said.startswith("failed: 1 of 1 days failed\n0 days stored by this command and kept\n")

"""One target for all commands: the option, or else the setting, or else the default. `health` says which."""

from __future__ import annotations

import json

import pytest

from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.target import target_words
from stx_pipelines_tests.cli.folders import DONE, HEALTHY, NOT_RUNNING, Run
from stx_pipelines_tests.world import World


def test_health_names_the_target_and_the_setting_or_the_option(full: World, run: Run) -> None:
    assert run(full, "health").output.endswith("; target: 3 days before today (STX_TARGET_DAYS)\n")
    done = run(full, "health", "--target-days", "2")
    assert (done.exit_code, done.output) == (
        HEALTHY,
        "healthy: 3 of 3 days complete (100 %); target: 2 days before today (--target-days)\n",
    )


def test_without_a_setting_the_default_is_the_target_and_is_called_so(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    del full.overrides["stx_target_days"]
    monkeypatch.delenv("STX_TARGET_DAYS", raising=False)
    default = "target: 180 days before today (the default of STX_TARGET_DAYS)"
    assert run(full, "health").output.endswith(f"; {default}\n")
    later = full.project().replaced(stx_stall_seconds=5).replaced(stx_target_days=None)
    assert target_words(later, STACKS) == default


def test_every_command_has_the_target_of_the_option(world: World, run: Run) -> None:
    world.stored(world.days[2:])
    assert run(world, "health").exit_code == NOT_RUNNING
    assert run(world, "health", "--target-days", "1").exit_code == HEALTHY
    [status] = json.loads(run(world, "status", "--json", "--target-days", "1").stdout)
    assert status["days_wanted"] == 2
    assert run(world, "sync", "--target-days", "1").exit_code == DONE


def test_a_sync_below_the_setting_says_that_health_judges_the_setting(full: World, run: Run) -> None:
    said = [line for line in run(full, "sync", "--target-days", "1").stderr.splitlines() if "health" in line]
    assert said == [
        "--target-days 1 is for this command only; `health`, the sensors and the alerts judge the setting (target: 3 "
        "days before today (STX_TARGET_DAYS)): set STX_TARGET_DAYS=1 in .env to change it"
    ]
    for options in ((), ("--target-days", "3"), ("--target-days", "4")):
        assert "health" not in run(full, "sync", *options).stderr

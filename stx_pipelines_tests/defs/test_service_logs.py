"""The logs of the services have no colour codes, and no line for a tick that says nothing new."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from stx_pipelines.defs.service_logs import OnlyNews, PlainFormatter
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World, child_environment, recent_chain

ESCAPE = "\x1b"


def record(line: str) -> logging.LogRecord:
    return logging.LogRecord("dagster.daemon.SensorDaemon", logging.INFO, "", 1, line, None, None)


def kept(*lines: str) -> list[int]:
    """Return the numbers of the lines that a new filter keeps."""
    news = OnlyNews()
    return [number for number, line in enumerate(lines) if news.filter(record(line))]


def test_a_tick_is_logged_only_if_its_sensor_says_something_new() -> None:
    check = "Checking for new runs for sensor: stacks_coverage"
    waits = "Sensor stacks_coverage skipped: {} of 181 days complete ({} %); now 2026-11-20..2026-11-14"
    done = "Sensor stacks_coverage skipped: 181 of 181 days complete (100 %); the target is reached"
    lines = (check, waits.format(9, 4), check, waits.format(10, 5), check, done, check, done)
    assert kept(*lines) == [1, 5]


def test_sensors_are_judged_separately_and_a_run_makes_the_next_reason_news() -> None:
    skips = "Sensor {} skipped: the set of closed days has not changed"
    launched = "Completed launch of run 76679b1a for wallets_follow"
    lines = (skips.format("a"), skips.format("wallets_follow"), launched, skips.format("wallets_follow"), "anything")
    assert kept(*lines, skips.format("a")) == [0, 1, 2, 3, 4]


def test_a_line_of_several_lines_and_an_error_are_logged() -> None:
    assert kept("Sensor a skipped: one\ntwo", "Sensor a skipped: one\ntwo", "Error for a", "Sensor a skipped: one") == [
        0,
        2,
        3,
    ]


def test_the_formatter_takes_the_options_of_the_coloured_one() -> None:
    plain = PlainFormatter("%(levelname)s - %(message)s", field_styles={"levelname": {"color": "blue"}})
    assert plain.format(record("said")) == "INFO - said"


SCRIPT = """
import logging, sys
from stx_pipelines.defs.service_logs import use_plain_logs
use_plain_logs()
from dagster._utils.log import configure_loggers
configure_loggers()
logging.getLogger("dagster.daemon").error("said")
"""


def test_dagsters_own_loggers_write_no_colour_codes_into_a_file() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=LONGEST, check=True)
    assert done.stdout.endswith(" - dagster.daemon - ERROR - said\n")
    assert ESCAPE not in done.stdout


@pytest.mark.parametrize("command", ["sync", "status", "verify"])
def test_commands_write_no_colour_codes_into_a_file(make_world: Callable[..., World], command: str) -> None:
    world = make_world(recent_chain(1), stx_target_days=1)
    world.stored()
    open_metrics(world.project()).refresh()
    world.chain.grow(burn_blocks=2)  # `sync` reads today again; no day is closed, so no metrics and no page are due
    arguments = [sys.executable, "-m", "stx_pipelines.cli", command]
    done = subprocess.run(
        arguments,
        env=child_environment(world.environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout
    assert ESCAPE not in done.stdout + done.stderr

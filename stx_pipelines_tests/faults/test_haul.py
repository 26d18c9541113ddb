"""The long haul, `make test-haul`: the services of `make up` follow both chains through everything, without a hand."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from stx_pipelines.chains.datasets import BALANCES, TRANSACTIONS
from stx_pipelines_tests.deploy.project import temporary_project
from stx_pipelines_tests.faults.haul import ALLOWED_MORE, CODE_LOCATION, Haul, Receiver, receiver, sizes_below, thirds
from stx_pipelines_tests.faults.storm import MakeEthereum, MakeWorld, Storm, both
from stx_pipelines_tests.faults.undisturbed import calm_down
from stx_pipelines_tests.waiting import wait_until
from stx_pipelines_tests.world import ROOT, command

DAYS = 12
_DAY = 86_400
_SERVICES = {
    "hiro_timeout_seconds": 10,
    "eth_timeout_seconds": 10,
    "stx_stall_seconds": 60,
    "stx_run_wait_seconds": 60,
    "stx_lock_wait_seconds": 60,
}
_REPORT = ROOT / ".cache" / "haul.txt"


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    given = request.config.getoption("--haul-minutes")
    if given is None:
        pytest.skip("only by `make test-haul`, which takes an hour")
    return float(given)


@pytest.fixture
def haul(minutes: float, dice: Random) -> Iterator[Haul]:
    """Make services that are not started yet."""
    with temporary_project(CODE_LOCATION) as project:
        yield Haul(project, {}, Random(dice.random()))


def test_the_services_follow_both_chains_through_everything_without_a_hand(
    haul: Haul, make_world: MakeWorld, make_ethereum: MakeEthereum, dice: Random, minutes: float
) -> None:
    """Rows equal the chains, no alert is lost, no temporary file stays, and no process grows."""
    world, node = both(make_world, make_ethereum, dice, DAYS)
    world.data = node.data = haul.folder.path
    world.overrides |= _SERVICES
    storm = Storm(world, node, Random(dice.random()), 60 * minutes, outage=61.0, share=0.02, pace=0.1)
    with receiver() as alerts:
        haul.environment = node.environment | world.environment | {"STX_ALERT_WEBHOOK": alerts.url}
        haul.up()
        wait_until(lambda: haul.has_rows(TRANSACTIONS) and haul.has_rows(BALANCES), "both chains have rows")
        with storm.raging(), haul.read_all_the_time():
            haul.go_on(60 * minutes, world)
        report(haul, storm, alerts, minutes)
        for each in (world, node):
            calm_down(each)
        for attempts in haul.folder.path.glob("days/*/*.attempts.json"):
            attempts.unlink()  # so that nobody waits up to 80 minutes for the next attempt
        wait_until(lambda: status(haul) == 0, "the services have completed all days")
        wait_until(lambda: set(haul.alerts.values()) <= alerts.received, "all alerts arrived")
        haul.down()
    end_a_day_later(haul)
    world.assert_true()
    node.assert_true()
    for name, (middle, last) in thirds(haul.samples).items():
        # The history grows with each run, because old runs are deleted after days only.
        assert name.startswith("history") or last <= middle * ALLOWED_MORE, (
            f"{name} grew from {middle:.1f} to {last:.1f}"
        )


def status(haul: Haul) -> int:
    """Return the exit code of `status` after a pause, because the command takes a second of a core."""
    time.sleep(5)
    return command(["status"], haul.environment).returncode


def end_a_day_later(haul: Haul) -> None:
    """Sync what is new since the last run. No temporary file of a killed process stays, once it is a day old."""
    asides = temporary_files(haul)
    print(f"temporary files of killed processes: {len(asides)}")
    for aside in asides:
        os.utime(aside, (time.time() - 2 * _DAY,) * 2)
    done = command(["sync"], haul.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert temporary_files(haul) == []


def temporary_files(haul: Haul) -> list[Path]:
    return [path for path, _ in sizes_below(haul.folder.path) if path.suffix == ".tmp"]


def report(haul: Haul, storm: Storm, alerts: Receiver, minutes: float) -> None:
    """Print what happened and was measured, and keep it in a file."""
    last = haul.samples[-1]
    lines = [
        f"{minutes:g} minutes: {last['runs']:.0f} runs, {len(haul.alerts)} alerts, {len(alerts.refused)} refused once"
    ]
    lines += [f"{name}: {count}" for name, count in sorted((haul.counts + storm.counts).items())]
    lines += [f"{name}: {middle:.1f}, then {end:.1f}" for name, (middle, end) in thirds(haul.samples).items()]
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text("\n".join(lines) + "\n")
    print(_REPORT.read_text())

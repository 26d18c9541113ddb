"""Everything at once, for an hour: both chains end equal to the truth, without a hand.

`--faults-minutes` sets the length. Whole form: an hour, with separate processes, of which every third is killed, and
with day files that get lost between them, so that there is always something to read. Short form: one sync of each
chain, in this process.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from click.testing import Result

from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines_tests.faults.processes import KILLED, kill_with_children, start, sync_of
from stx_pipelines_tests.faults.storm import MakeEthereum, MakeWorld, Storm, both, lose_days
from stx_pipelines_tests.faults.undisturbed import Followed, sync_until_complete
from stx_pipelines_tests.world import query

EndsUndisturbed = Callable[..., None]

DONE, ERROR, NOT_YET = 0, 1, 2
_OUTAGE = 61.0  # seconds
_PAUSE = 0.5  # seconds between two syncs of a chain, as from a busy cron


@pytest.fixture
def minutes(request: pytest.FixtureRequest, whole: bool) -> float:
    """Return the length of the storm: by default, an hour in the whole form, three seconds in the short form."""
    given = request.config.getoption("--faults-minutes")
    return float(given) if given is not None else 60.0 if whole else 0.05


def endless_syncs(worlds: dict[Chain, Followed], until: float, dice: Random, logs: Path) -> Counter[str]:
    """Sync both chains in processes, again and again, and kill every third. Return the exit codes that were seen."""
    codes: Counter[str] = Counter()
    environment = {chain: world.environment | {"STX_OPEN_EVERY": "1"} for chain, world in worlds.items()}
    running: dict[Chain, tuple[subprocess.Popen[bytes], float]] = {}
    while time.monotonic() < until or running:
        for chain in [chain for chain in worlds if chain not in running and time.monotonic() < until]:
            kill_at = time.monotonic() + dice.uniform(1, 40) if dice.random() < 1 / 3 else float("inf")
            running[chain] = start(sync_of(chain), environment[chain], logs / f"{chain.name}.log"), kill_at
        time.sleep(_PAUSE / 4)
        for chain, (process, kill_at) in list(running.items()):
            if process.poll() is None and time.monotonic() > min(kill_at, until + 2 * _OUTAGE):
                kill_with_children(process)
                process.wait()
            if process.poll() is not None:
                codes[f"{chain.name} sync, exit {process.returncode}"] += 1
                codes[f"{chain.name} day files lost"] += lose_days(worlds[chain], dice)
                assert process.returncode in {DONE, ERROR, NOT_YET, KILLED}
                del running[chain]
    return codes


def assert_no_trace(logs: Path) -> None:
    for log in logs.glob("*.log"):
        assert "Traceback" not in log.read_text(), log.read_text().split("Traceback")[1][:3000]


def test_a_storm_of_all_faults_at_once_ends_equal_to_the_truth(
    make_world: MakeWorld,
    make_ethereum: MakeEthereum,
    ends_undisturbed: EndsUndisturbed,
    run: Callable[..., Result],
    dice: Random,
    minutes: float,
    whole: bool,
    tmp_path: Path,
) -> None:
    world, node = both(make_world, make_ethereum, dice, 12 if whole else 2)
    storm = Storm(world, node, Random(dice.random()), 60 * minutes, _OUTAGE if whole else 1.0)
    logs = tmp_path / "logs"
    logs.mkdir()
    with storm.raging():
        if whole:
            worlds: dict[Chain, Followed] = {STACKS: world, ETHEREUM: node}
            storm.counts += endless_syncs(worlds, time.monotonic() + 60 * minutes, dice, logs)
        else:
            world.overrides |= {"stx_outage_hours": 0, "stx_proof": "counts"}
            for chain, each in ((STACKS, world), (ETHEREUM, node)):
                done = run(each, "sync", "--chain", chain.name)
                assert done.exit_code in {DONE, ERROR, NOT_YET}, done.output
    print("\n".join(f"{name}: {count}" for name, count in sorted(storm.counts.items())))
    assert_no_trace(logs)
    set_aside = [day for day, known in world.open_sync().store.attempts.all().items() if known.is_set_aside]
    assert set_aside == [] or minutes > 60
    for each in (world, node):
        vars(each.knobs).update(vars(type(each.knobs)()))
    node.options.clear()
    sync_until_complete(world)
    node.sync()
    assert query(world.data, "SELECT count(*) - count(DISTINCT tx_id) FROM transactions") == [(0,)]
    ends_undisturbed(world)
    ends_undisturbed(node)

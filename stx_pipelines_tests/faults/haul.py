"""The services of `make up` on a long haul: kills, restarts, a reader, a receiver of alerts, and measurements.

Not here: tests (test_*.py), the faults of the servers (storm.py).
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import psutil

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.clients.notify import for_chat
from stx_pipelines.defs.delivery import Alert
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import read_if_sound
from stx_pipelines.store.queries import result_text
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.deploy.project import Project
from stx_pipelines_tests.faults.storm import lose_days
from stx_pipelines_tests.faults.undisturbed import Followed
from stx_pipelines_tests.waiting import LONGEST

CODE_LOCATION = "from stx_pipelines.definitions import defs\n"
_BETWEEN_SAMPLES = 10.0  # seconds
_DISTINCT = "SELECT count(*) = count(DISTINCT tx_id) AS distinct_rows FROM transactions"
_RUNS = json.dumps({"query": "{ runsOrError(limit: 20) { ... on Runs { results { runId status } } } }"}).encode()

ALLOWED_MORE = 1.2
"""The median of the last third of the haul may be this multiple of the median of the middle third."""

Sample = dict[str, float]
"""Measured values by name, with the time and the number of runs so far."""


@dataclass
class Receiver:
    """The server of STX_ALERT_WEBHOOK. It refuses every fifth new sentence once."""

    url: str
    received: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def accepts(self, sentence: str) -> bool:
        if sentence not in self.received | self.refused and len(self.received | self.refused) % 5 == 0:
            self.refused.add(sentence)
            return False
        self.received.add(sentence)
        return True


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver of alerts until the `with` block ends."""
    running: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200 if running.accepts(json.loads(body)["text"]) else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield running
        server.shutdown()


@dataclass
class Haul:
    """Running services, and what happens to them. `counts` are the events so far, `alerts` the sentences by event."""

    project: Project
    environment: Mapping[str, str]
    dice: Random
    counts: Counter[str] = field(default_factory=Counter)
    alerts: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.project.folder / "data")

    def up(self) -> None:
        done = self.project.make("up", **self.environment)
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        done = self.project.make("down")
        assert done.returncode == 0, done.stderr
        assert self.project.processes() == []

    def has_rows(self, dataset: str) -> bool:
        return bool(Warehouse(self.folder).published(dataset).loaded)

    def processes(self) -> dict[str, psutil.Process]:
        """Return the services, their code servers, and a run if there is one."""
        found = {}
        for service in ("daemon", "webserver"):
            with suppress(psutil.NoSuchProcess):
                found[service] = psutil.Process(self.project.pid(service))
                for child in found[service].children(recursive=True):
                    words = child.cmdline()
                    if "grpc" in words:
                        found[f"code server of the {service}"] = child
                    elif any("spawn_main" in word for word in words):
                        found["run"] = child
        return found

    def go_on(self, seconds: float, followed: Followed) -> None:
        """Disturb and measure the services for so long.

        Only the first third has kills and restarts of services, because a process that is killed often cannot show
        that it grows. Runs are killed and day files get lost all the time.
        """
        began = time.monotonic()
        restarts = 0
        while (passed := time.monotonic() - began) < seconds:
            time.sleep(_BETWEEN_SAMPLES)
            known = self.processes()
            self._measure(known, passed / seconds)
            if passed < seconds / 3:
                self._kill(known, self.dice.choice(["daemon", "webserver", "run", *known]), 0.3)
            else:
                self._kill(known, "run", 0.1)
            if self.dice.random() < 0.3:
                self.counts["day files lost"] += lose_days(followed, self.dice)
            if passed > seconds / 6 * (restarts + 1) and restarts < 2:
                self.down()
                self.up()
                restarts += 1
                self.counts["restart of all services"] += 1

    def _kill(self, known: Mapping[str, psutil.Process], name: str, probability: float) -> None:
        if name in known and self.dice.random() < probability:
            with suppress(psutil.NoSuchProcess):
                known[name].kill()
                self.counts[f"kill -9 of the {name}"] += 1

    def _measure(self, known: Mapping[str, psutil.Process], part: float) -> None:
        sample: Sample = {"part": part}
        for name in known.keys() - {"run"}:
            with suppress(psutil.NoSuchProcess):
                sample[f"MB of the {name}"] = known[name].memory_info().rss / 1e6
                sample[f"threads of the {name}"] = known[name].num_threads()
                sample[f"open files of the {name}"] = known[name].num_fds()
        sizes = [size for _, size in sizes_below(self.project.folder / ".dagster")]
        sample |= {"history files": len(sizes), "history kB": sum(sizes) / 1e3, "runs": self._runs()}
        self.samples.append(sample)
        for alert in read_if_sound(self.folder.alerts, list[Alert]) or []:
            self.alerts[alert.event] = for_chat(alert.sentence)

    def _runs(self) -> int:
        return len(list((self.project.folder / ".dagster/storage/history/runs").glob("*.db")))

    @contextmanager
    def read_all_the_time(self) -> Iterator[None]:
        """Query the database and the UI in threads, until the `with` block ends."""
        with ExitStack() as reading:
            reading.enter_context(_again_and_again(self._query))
            reading.enter_context(_again_and_again(self._look_at_the_ui))
            yield

    def _query(self) -> None:
        if self.has_rows(TRANSACTIONS):
            assert "true" in result_text(self.folder.database, _DISTINCT, wait=LONGEST)
            self.counts["queries of the reader"] += 1

    def _look_at_the_ui(self) -> None:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.project.port}/graphql", _RUNS, {"content-type": "application/json"}
        )
        try:
            urllib.request.urlopen(asked, timeout=30).close()
            self.counts["answers of the UI"] += 1
        except OSError:  # it was killed a moment ago
            self.counts["requests while the UI was away"] += 1


def sizes_below(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files below a folder in which files come and go, with their sizes."""
    for place, _, names in os.walk(folder):
        for path in map(Path(place).joinpath, names):
            with suppress(FileNotFoundError):
                yield path, path.stat().st_size


@contextmanager
def _again_and_again(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` in a thread until the `with` block ends, which raises its error."""
    stop, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            while not stop.wait(0.5):
                act()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def thirds(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return each value in the middle and in the last third: medians, and for the history its growth with each run."""
    parts = [[one for one in samples if low <= one["part"] < low + 1 / 3] for low in (1 / 3, 2 / 3)]
    names = set.intersection(*({name for one in part for name in one} for part in parts))
    names -= {"part", "runs", "history files", "history kB"}
    found = {name: tuple(median(one[name] for one in part if name in one) for part in parts) for name in sorted(names)}
    for name in ("history files", "history kB"):
        found[f"{name} a run"] = tuple(
            (part[-1][name] - part[0][name]) / max(1, part[-1]["runs"] - part[0]["runs"]) for part in parts
        )
    return {name: (middle, last) for name, (middle, last) in found.items()}

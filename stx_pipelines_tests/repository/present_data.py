"""The public names that appear in use: files, tables, columns, JSON, metadata. Not here: tests.

The commands sync a small Stacks chain and a small Ethereum chain, from an empty folder to one with a damaged and a
failing day. Their output and files are then read with general tools.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from stx_pipelines.definitions import defs
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines_tests.repository.present_names import main_command
from stx_pipelines_tests.sync.ethereum.world import recent_chain as ethereum_chain
from stx_pipelines_tests.world import QUICK, ROOT, command, recent_chain

NO_SERVER = "http://127.0.0.1:9"
DAYS = 3
_TRIES = 60
_WITH_JSON = (["sync"], ["verify"], ["rebuild"], ["metrics"], ["page", "--no-open"], ["tables"])
_OPEN_KEYS = {"left_out"}  # the keys of its object are data


def names_in_use(folder: Path) -> dict[str, set[str]]:
    """Return the names of every kind that needs a data folder; `folder` must be empty."""
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with pytest.MonkeyPatch.context() as patch, _webhook() as (address, posted):
        for name in list(os.environ):
            if name.startswith(("HIRO_", "ETH_", "STX_", "DAGSTER_")):
                patch.delenv(name)
        patch.chdir(folder)
        chains = recent_chain(DAYS), ethereum_chain(2)
        with serve(chains[0], ethereum=chains[1]) as devnet:
            settings = {
                "STX_DATA_DIR": str(folder / "data"),
                "HIRO_API_URL": devnet.url,
                "HIRO_TIMEOUT_SECONDS": "120",  # a response waits while commands inspect the run
                "ETH_RPC_URL": devnet.ethereum_url,
                "STX_TARGET_DAYS": str(DAYS),
                "ETH_TARGET_DAYS": "2",
                "ETH_TIP_AGE_MINUTES": "180",  # ten slots of ten minutes become final late
                "STX_ALERT_WEBHOOK": address,
                "DAGSTER_HOME": str(home),
                **QUICK,
            }
            for name, value in settings.items():
                patch.setenv(name, value)
            story = Story(folder / "data", devnet)
            story.run()
        story.found["alert webhook"] = {f"POST {line}" for body in posted for line in _typed_keys(body)}
        return story.found


@dataclass
class Story:
    """A series of commands on one data folder, and the names found."""

    data: Path
    devnet: Devnet
    found: dict[str, set[str]] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Run all commands, from an empty folder to a day that was damaged, failed and was stored again."""
        self._start()
        self._sync()
        self._look()
        self._break()

    def _see(self, kind: str, lines: Iterable[str]) -> None:
        self.found.setdefault(kind, set()).update(lines)

    def _ask(self, situation: str, *arguments: str, **environment: str) -> Result:
        """Run a command and record its exit code in this situation."""
        answer = invoke(*arguments, **environment)
        self._exited(situation, arguments, answer.exit_code)
        return answer

    def _exited(self, situation: str, arguments: tuple[str, ...], code: int) -> None:
        self._see("exit codes in use", [f"stx-pipelines {' '.join(arguments)}: {code}, {situation}"])

    def _start(self) -> None:
        self._ask("a setting is wrong", "status", STX_TARGET_DAYS="many")
        self._ask("a setting is wrong", "health", STX_TARGET_DAYS="many")
        self._ask("no such option", "sync", "--no-such-option")
        self._see("sync --plan --json", _keys(json.loads(invoke("sync", "--plan", "--json").stdout)))
        self._ask("no server answers", "sync", "--chain", "stacks", HIRO_API_URL=NO_SERVER)
        self._ask("nothing has landed", "status")
        self._ask("nothing has landed and nothing runs", "health")
        self._tick()

    def _sync(self) -> None:
        """Sync; the response with the first page of a day waits until the run has been inspected."""
        looked = False

        def look(_: str) -> None:
            nonlocal looked
            if not looked and (self.data / "run" / "transactions.progress.json").exists():
                looked = True
                self._look_at_run()

        self.devnet.knobs.on_request = look
        self._ask("all wanted days are complete", "sync")
        self.devnet.knobs.on_request = None

    def _look_at_run(self) -> None:
        """Run the commands in other processes, because this one runs the sync."""
        self._json(command(["status", "--json"], {}).stdout)
        self._exited("a run works", ("rebuild",), command(["rebuild"], {}).returncode)
        codes = (command(["health", "--stall-threshold", "1"], {}).returncode for _ in range(_TRIES))
        if stalled := next((code for code in codes if code != 0), None):
            self._exited("a run works but nothing lands", ("health",), stalled)

    def _look(self) -> None:
        self._json(self._ask("all wanted days are complete", "status", "--json").stdout)
        told = json.loads(self._ask("all wanted days are complete", "health", "--json").stdout)
        self._see("health --json", _keys(told))
        self._ask("files, table and server agree", "verify")
        self._ask("no server answers", "verify", HIRO_API_URL=NO_SERVER)
        self._ask("every day file is sound", "rebuild")
        for named, *options in _WITH_JSON:
            self._see(f"{named} --json", _keys(json.loads(invoke(named, *options, "--json").stdout)))
        self._files()
        self._contents()
        self._tables()
        self._metadata()
        self._tick(STX_MINIMUM_COHORT="4")

    def _break(self) -> None:
        """Damage a day file, make its day impossible to prove, and at last damage only its rows."""
        day = self.devnet.chain.spec.first_day + timedelta(days=1)
        file = self.data / "days" / "transactions" / f"{day}.parquet"
        sound = file.read_bytes()
        file.write_bytes(b"no Parquet")
        self._ask("a day file is damaged", "status")
        self._ask("a day file is damaged", "health")
        self._ask("a day file is damaged", "rebuild")
        invoke("rebuild", "--force")  # without the day
        self._ask("a day file is damaged", "verify")
        self._tick()
        self.devnet.knobs.hidden_transactions = {self.devnet.chain.transactions(day)[7].tx_id}
        self._ask("a day could not be proved", "sync")
        for _ in range(_TRIES):
            self._json(invoke("status", "--json").stdout)
            if "[].set_aside[].day" in self.found["status --json"]:
                break
            invoke("sync", "--retry")
        self._files()
        self._ask("a day is set aside", "sync")
        self.devnet.knobs.hidden_transactions = set()
        file.write_bytes(sound[:4] + bytes(200) + sound[204:])
        invoke("sync", "--retry")  # renames the damaged file
        self._files()

    def _json(self, told: str) -> None:
        self._see("status --json", _keys(json.loads(told)))

    def _tick(self, **environment: str) -> None:
        """Evaluate every sensor and schedule once, from its last cursor; record the tags of the requested runs."""
        repository = defs.get_repository_def()
        with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.get() as instance:
            for name, value in environment.items():
                patch.setenv(name, value)
            for sensor in repository.sensor_defs:
                cursor = self.cursors.get(sensor.name)
                with dg.build_sensor_context(instance, cursor, repository_def=repository) as context:
                    told = sensor.evaluate_tick(context)
                if told.cursor:
                    self.cursors[sensor.name] = told.cursor
                self._see("run tags", _tags(sensor.name, told.run_requests or []))
            for schedule in repository.schedule_defs:
                now = datetime.now(UTC)
                with dg.build_schedule_context(instance, now, repository_def=repository) as scheduled:
                    self._see("run tags", _tags(schedule.name, schedule.evaluate_tick(scheduled).run_requests or []))

    def _files(self) -> None:
        """Record the files below the data folder, and those that the services of `make up` write."""
        here = (str(path.relative_to(self.data)) for path in self.data.rglob("*") if path.is_file())
        services = (ROOT / "deploy" / "supervisord.conf").read_text()
        self._see("files below the data folder", map(_pattern, here))
        self._see("files below the data folder", re.findall(r"logfile=data/(\S+)", services))

    def _contents(self) -> None:
        """Record the columns and metadata of the Parquet files, and the keys of the chain files."""
        for path in self.data.rglob("*.parquet"):
            name = _pattern(str(path.relative_to(self.data)))
            self._see("Parquet columns", _columns(name, path))
            self._see("Parquet metadata", _file_metadata(name, path))
        for path in self.data.glob("chain-*.json"):
            self._see("chain files", (f"{path.name}: {key}" for key in _keys(json.loads(path.read_text()))))

    def _tables(self) -> None:
        with duckdb.connect(str(self.data / "warehouse.duckdb"), read_only=True) as connection:
            listed = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
            rows = connection.execute(listed).fetchall()
        self._see("tables and columns", (f"{table}.{column} {kind}" for table, column, kind in rows))

    def _metadata(self) -> None:
        with dg.DagsterInstance.get() as instance:
            for key in defs.resolve_asset_graph().get_all_asset_keys():
                for record in instance.fetch_materializations(key, limit=100).records:
                    event = record.asset_materialization
                    known = event.metadata if event else {}
                    self._see("materialization metadata", _described(key, known))


def invoke(*arguments: str, **environment: str) -> Result:
    """Run a command in this process, which has loaded Dagster already."""
    return CliRunner().invoke(main_command(), arguments, env=environment)


def _pattern(path: str) -> str:
    """Replace the parts of a path that differ from day to day, or between states of the wallets."""
    path = re.sub(r"^public/wallets/[0-9a-f]{16}/[0-9A-Z]+\.js$", "public/wallets/DIGEST/BEGINNING.js", path)
    path = re.sub(r"^public/wallets/[0-9a-f]{16}/", "public/wallets/DIGEST/", path)
    return re.sub(r"\d{4}-\d\d-\d\d", "DAY", path)


def _keys(value: Any, at: str = "") -> Iterator[str]:
    """Yield the keys of a JSON value at every level, such as `[].set_aside[].day`."""
    if isinstance(value, list):
        for each in value:
            yield from _keys(each, f"{at}[]")
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{at}.{name}" if at else str(name)
            yield here
            if name not in _OPEN_KEYS:
                yield from _keys(inner, here)


def _typed_keys(body: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {type(value).__name__}" for name, value in body.items()]


def _tags(name: str, requests: Iterable[dg.RunRequest]) -> Iterator[str]:
    """The names of the tags that we set, not Dagster; of the dataset also what it is called."""
    for request in requests:
        for tag, value in request.tags.items():
            if tag not in {"dagster/sensor_name", "dagster/schedule_name"}:
                yield f"{name}: {tag}={value}" if tag == "stx_pipelines/dataset" else f"{name}: {tag}"


def _described(key: dg.AssetKey, metadata: Iterable[str]) -> Iterator[str]:
    """The names of metadata; not the titles of pictures, which come and go with the data."""
    yield from (f"{key.to_user_string()}: {name}" for name in metadata if re.fullmatch(r"[a-z_0-9/]+", name))


def _columns(name: str, path: Path) -> list[str]:
    """As a query sees them: how a column is encoded is no promise."""
    rows = duckdb.sql(f"DESCRIBE FROM read_parquet('{path}', hive_partitioning = false)").fetchall()
    return [f"{name}: {column} {kind}" for column, kind, *_ in rows]


def _file_metadata(name: str, path: Path) -> Iterator[str]:
    """Our own entries, and what a certificate says."""
    for key, content in (pq.read_metadata(path).metadata or {}).items():
        if key.startswith(b"stx_pipelines."):
            yield f"{name}: {key.decode()}"
        if key == b"stx_pipelines.certificate":
            yield from (f"{name}: {key.decode()} {inner}" for inner in _keys(json.loads(content)))


@contextmanager
def _webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps the bodies posted to it."""
    posted: list[dict[str, Any]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keep) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", posted
        finally:
            server.shutdown()
            thread.join()

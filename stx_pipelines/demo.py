"""The offline demo: a devnet, a sync of its whole history, and what came of it. All under one folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from math import ceil
from pathlib import Path

import click
import requests

from stx_pipelines.chains.days import DAY
from stx_pipelines.dashboard.page import page_path
from stx_pipelines.settings import load_settings
from stx_pipelines.store import queries
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import known_identity
from stx_pipelines.sync.survey import open_landing

DAYS = 120
_TRANSACTIONS_PER_DAY = 1_000
_START_SECONDS = 60


def run_demo(folder: Path) -> int:
    """Sync the devnet into `folder` and print what is there. Exit code of the sync."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    first_day = _first_day(folder)
    target_days = (datetime.now(UTC).date() - first_day).days
    with _devnet(first_day) as url:
        environment = os.environ | {
            "HIRO_API_URL": url,
            "HIRO_REQUESTS_PER_MINUTE": "0",
            "HIRO_API_KEY": "",
            "STX_FIRST_DAY": "",
            "STX_DATA_DIR": str(folder),
            "DAGSTER_HOME": str(_dagster_home(folder)),
        }
        code = subprocess.run(
            [*_OURSELVES, "sync", "--target-days", str(target_days)], env=environment, check=False
        ).returncode
    if code == 0:
        _show(folder, time.monotonic() - started)
    return code


_OURSELVES = (sys.executable, "-m", "stx_pipelines.cli")


def _first_day(folder: Path) -> date:
    """A demo of an earlier day goes on with its own chain."""
    known = known_identity(folder)
    return known.first_day if known else datetime.now(UTC).date() - DAYS * DAY


def _dagster_home(folder: Path) -> Path:
    home = (folder / "dagster").absolute()
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


@contextmanager
def _devnet(first_day: date) -> Iterator[str]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    chain = ["--first-day", first_day.isoformat(), "--transactions-per-day", str(_TRANSACTIONS_PER_DAY)]
    server = subprocess.Popen([*_OURSELVES, "devnet", "--port", str(port), *chain], stderr=subprocess.DEVNULL)
    try:
        click.echo(f"a chain of {DAYS} days x ~{_TRANSACTIONS_PER_DAY:,} transactions is being made ...")
        _await_answer(server, url)
        yield url
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            requests.get(f"{url}/extended", timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"the devnet did not start within {_START_SECONDS} s: try `stx-pipelines devnet` by itself")


def _show(folder: Path, seconds: float) -> None:
    settings = load_settings(stx_data_dir=folder)
    landing = open_landing(settings)
    days = list(landing.files.certificates().values())
    seen = sum(day.seen for day in days)
    floor = sum(ceil(day.seen / 50) for day in days)
    spent = sum(day.requests for day in days)
    database = landing.warehouse.path
    query = f'import duckdb; print(duckdb.connect("{database}", read_only=True).sql("""{queries.BY_TYPE}"""))'
    click.echo(
        f"""
days complete   {len(days)}, each proved against the chain's own counts
transactions    {seen:,} ({sum(day.published for day in days):,} successful ones in the table)
wallets         {queries.wallets(database):,}
requests        {spent:,}, proofs included; the floor is {floor:,} (50 transactions a page)
seconds         {seconds:.0f}
files           {database}
                {landing.files.folder}/YYYY-MM-DD.parquet
                {page_path(folder)} (a page to look at)

Try next:
  {_relative(sys.executable)} -c '{query}'
{queries.by_type(database)}
  make dev                        the Dagster UI on http://localhost:3000
  make backfill TARGET_DAYS=30    real data from api.hiro.so"""
    )


def _relative(path: str) -> str:
    here = f"{Path.cwd()}/"
    return path.removeprefix(here)

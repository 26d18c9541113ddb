"""The command `demo`, which starts a devnet, syncs its whole history into a separate folder and shows the result."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stx_pipelines.chains.datasets import BALANCES
from stx_pipelines.chains.days import DAY
from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.store import queries
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import EthereumIdentity, Identity, known_ethereum, known_identity

if TYPE_CHECKING:
    from stx_pipelines.cli.demo_trouble import Trouble
    from stx_pipelines.clients.http import Http

DAYS = 120
ETHEREUM_DAYS = 3
_TRANSACTIONS_PER_DAY = 1_000
_START_SECONDS = 300
_ANSWER_SECONDS = 1.0
_RECIPIENTS_SHOWN = 5
_OURSELVES = (sys.executable, "-m", "stx_pipelines.cli")


@click.command()
@click.option("--parts", is_flag=True, help="Also read what increases are made of. Takes about 30 s more.")
def demo(parts: bool) -> int:
    """Sync made-up chains into data/demo and show the result. This needs no network and no keys.

    With --parts, a new folder has the table increase_parts, and the page ranks fee recipients by their fees.

    \b
    stx-pipelines demo
    """
    return run_demo(Path("data/demo"), parts=parts)


def run_demo(folder: Path, *, parts: bool = False) -> int:
    """Sync the devnet into `folder`, print the result and return the exit code of the sync.

    With `parts`, Ethereum's blocks have whole transactions. They take several times as long to make and to read.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    first_day, ethereum_first_day = _first_days(DataFolder(folder), today)
    stacks_days, ethereum_days = (today - first_day).days, (today - ethereum_first_day).days
    has_bodies = _has_bodies(known_ethereum(DataFolder(folder)), parts)
    traits = ["--life"] if _has_life(known_identity(DataFolder(folder))) else []
    traits += ["--ethereum-bodies"] if has_bodies else []
    with _devnet(first_day, ethereum_days, traits) as http:
        environment = os.environ | _settings(folder, http.base_url, stacks_days, ethereum_days, parts=has_bodies)
        code, trouble = _sync_in_trouble(http, environment)
        if code == DONE:
            _show(Project.load(stx_data_dir=folder), trouble, time.monotonic() - started)
    return code


def _sync_in_trouble(http: Http, environment: Mapping[str, str]) -> tuple[int, Trouble]:
    """Sync while the server is away for some seconds, and again after a reorg. Return the exit code and the trouble."""
    from stx_pipelines.cli.demo_trouble import Trouble

    sync = partial(subprocess.run, env=environment, check=False)
    trouble = Trouble(http)
    with trouble.away_once():
        code = sync([*_OURSELVES, "sync"]).returncode
    if code == DONE:
        trouble.reorg()
        click.echo(f"a reorg replaced the newest {trouble.replaced} Stacks blocks; the next sync:")
        code = sync([*_OURSELVES, "sync", "--chain", STACKS.name]).returncode
    return code, trouble


def _first_days(folder: DataFolder, today: date) -> tuple[date, date]:
    """Return the first day of the Stacks chain and of the Ethereum chain.

    A folder of an earlier demo keeps the first days of that demo.
    """
    stacks, ethereum = known_identity(folder), known_ethereum(folder)
    return (
        stacks.first_day if stacks else today - DAYS * DAY,
        ethereum.first_day if ethereum else today - ETHEREUM_DAYS * DAY,
    )


def _has_life(identity: Identity | None) -> bool:
    """Return whether the Stacks chain of the folder has life. The demos of earlier versions made chains without it."""
    from stx_pipelines.devnet.days import midnight
    from stx_pipelines.devnet.stacks.chain import ChainSpec, StacksChain

    if identity is None:
        return True
    first_hours = midnight(identity.first_day) + timedelta(hours=1)
    earlier = ChainSpec(first_day=identity.first_day, tip=first_hours, transactions_per_day=_TRANSACTIONS_PER_DAY)
    return StacksChain(earlier).blocks[0].index_hash != identity.index_block_hash


def _has_bodies(identity: EthereumIdentity | None, wanted: bool) -> bool:
    """Return whether the Ethereum chain of the folder has whole transactions. That of a new folder is as wanted."""
    from stx_pipelines.devnet.days import midnight
    from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec

    if identity is None:
        return wanted
    first_minute = midnight(identity.first_day) + timedelta(minutes=1)
    chain = EthereumChain(EthereumSpec(first_day=identity.first_day, tip=first_minute, bodies=True))
    return chain.blocks[0].hash == identity.genesis_hash


def _settings(folder: Path, url: str, stacks_days: int, ethereum_days: int, *, parts: bool) -> Mapping[str, str]:
    return {
        "HIRO_API_URL": url,
        "HIRO_REQUESTS_PER_MINUTE": "0",
        "HIRO_API_KEY": "",
        "STX_FIRST_DAY": "",
        "STX_PAGE_NOTE": "The demo made up all data on this page.",
        "STX_CHAINS": "",
        "STX_OUTAGE_HOURS": "1",
        "STX_BALANCES": "1",
        "STX_PRICES": "1",
        "STX_PRICES_FILE": "",
        **dict.fromkeys(("STX_PRICES_URL", "STX_BINANCE_URL", "STX_KRAKEN_URL"), f"{url}/prices"),
        "STX_TARGET_DAYS": str(stacks_days),
        "STX_DATA_DIR": str(folder),
        "ETH_RPC_URL": f"{url}/eth",
        "ETH_RPC_HEADERS": "",
        "ETH_TARGET_DAYS": str(max(1, ethereum_days)),
        "ETH_FIRST_DAY": "",
        "ETH_CALLS_PER_SECOND": "0",
        "ETH_PARTS": "1" if parts else "0",
        "DAGSTER_HOME": str(_dagster_home(folder)),
    }


def _dagster_home(folder: Path) -> Path:
    home = (folder / "dagster").absolute()
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


@contextmanager
def _devnet(first_day: date, ethereum_days: int, traits: Sequence[str]) -> Iterator[Http]:
    """Start a devnet, yield a client of it, and stop the devnet when the `with` block ends."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    chain = ["--first-day", first_day.isoformat(), "--transactions-per-day", str(_TRANSACTIONS_PER_DAY)]
    chain += ["--ethereum-days", str(ethereum_days), *traits]
    server = subprocess.Popen([*_OURSELVES, "devnet", "--port", str(port), *chain], stderr=subprocess.DEVNULL)
    try:
        click.echo(
            f"making a Stacks chain of {DAYS} days x ~{_TRANSACTIONS_PER_DAY:,} transactions, and "
            f"{count_days(ETHEREUM_DAYS)} of Ethereum ..."
        )
        yield _await_answer(server, url)
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(server: subprocess.Popen[bytes], url: str) -> Http:
    """Return a client of the devnet once it responds. Raises `StoreError` if the process ends first or takes long."""
    from stx_pipelines.clients.http import Http
    from stx_pipelines.clients.patience import Patience
    from stx_pipelines.clients.rate_limit import Budget

    once = Patience(attempts=1, timeout=_ANSWER_SECONDS, answer_within=_ANSWER_SECONDS)
    http = Http(url, Budget(url), once)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(ApiError):
            http.get("/extended", bytes)
            return Http(url, Budget(url))
        time.sleep(0.1)
    raise StoreError(f"the devnet did not start within {_START_SECONDS} s; run `stx-pipelines devnet` to see why")


def _show(project: Project, trouble: Trouble, seconds: float) -> None:
    folder, database = project.folder, project.folder.database
    days = list(project.store().files.certificates().values())
    seen = sum(day.seen for day in days)
    floor = sum(ceil(day.seen / 50) for day in days)
    spent = sum(day.requests for day in days)
    blocks = sum(day.seen for day in project.store(BALANCES).files.certificates().values())
    click.echo(
        f"""
days complete   {len(days)}, each proved against the chain's own counts
transactions    {seen:,} ({sum(day.published for day in days):,} successful ones in the table)
wallets         {queries.wallets(database):,} (the page counts those of closed days)
requests        {spent:,} with the proofs by counts; at least {floor:,} are needed (50 transactions a page)
Ethereum        {blocks:,} blocks with their fee recipients' balances before and after, exact to the Wei
trouble         {trouble.sentence(days)}
seconds         {seconds:.0f}
files           {database}
                {folder.path}/days/DATASET/YYYY-MM-DD.parquet
                {folder.page} (open it in a browser)

Fee recipients with the most blocks on the Ethereum days, and the sum of their balance increases in ETH:
{queries.top_fee_recipients(database, _RECIPIENTS_SHOWN)}
The most called contract of the newest closed day:
  {queries.busiest_contract(database)}
{_next_steps(folder)}"""
    )


def _next_steps(folder: DataFolder) -> str:
    database, python = folder.database, Path(sys.executable)
    query = f'import duckdb; print(duckdb.connect("{database}", read_only=True).sql("""{queries.BY_TYPE}"""))'
    return f"""
Try next:
  {_relative(python)} -c '{query}'
{queries.by_type(database)}
  STX_DATA_DIR={folder.path} {_relative(python.with_name("stx-pipelines"))} status
  make dev                        the Dagster UI on http://localhost:3000
  make backfill TARGET_DAYS=30    real data from api.hiro.so"""


def _relative(path: Path) -> str:
    return str(path).removeprefix(f"{Path.cwd()}/")

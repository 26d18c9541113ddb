"""How fast an Ethereum node is read: against a load generator written in C, and against ethereum-etl."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from stx_pipelines.chains.ethereum import BalanceKey
from stx_pipelines.clients.ethereum_rpc import connect
from stx_pipelines_tests.anvil import HOW_TO_GET_IT, Node, binary
from stx_pipelines_tests.benchmarks.anvil_chain import loaded
from stx_pipelines_tests.benchmarks.apart import apart
from stx_pipelines_tests.benchmarks.clients import bare_posts
from stx_pipelines_tests.benchmarks.figure import Figure, Goal, Measured, NotMeasured, Scale, ratio_of_medians
from stx_pipelines_tests.benchmarks.folders import fresh_folder, other_python, run_apart
from stx_pipelines_tests.sync.ethereum.planned import Block, every_twelve_seconds

BATCH, PARALLEL = 500, 8
ETL = ("ethereum-etl==2.4.2", "setuptools<81")  # its old web3 asks setuptools for versions

_FIRST = datetime(2026, 9, 1, tzinfo=UTC)
_WRK_SECONDS = 5


def read_balances(url: str, keys: Sequence[BalanceKey]) -> int:
    """Read balances with the product's client; how many came."""
    return len(connect(url, batch_size=BATCH, parallel=PARALLEL).balances(keys))


def read_blocks(url: str, count: int) -> int:
    """Read blocks with the product's client; how many came."""
    return len(connect(url, batch_size=BATCH, parallel=PARALLEL).blocks(range(1, count + 1)))


def calls(scale: Scale) -> Measured:
    """Balances a second against wrk, which posts the same batches and does not look at the answers."""
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured("wrk is not installed (the Debian package has the same name)")
    with _node(scale) as (node, chain):
        keys = _keys(chain)
        ours, others = [], []
        for _ in range(scale.times):
            others.append(_wrk(program, node.url, keys, scale.of(_WRK_SECONDS, 1)))
            took = apart(read_balances, node.url, keys)
            ours.append(took.result / took.seconds)
    behind = f"{median(ours):,.0f} against {median(others):,.0f} calls/s, {BATCH} a batch, {PARALLEL} batches at once"
    return Measured(ratio_of_medians(ours, others), behind)


def calls_of_a_loop(scale: Scale) -> Measured:
    """Balances a second against threads that post the same batches, prepared before, and discard the answers."""
    with _node(scale) as (node, chain):
        keys = _keys(chain)
        bodies = [_post(keys[first : first + BATCH]) for first in range(0, len(keys), BATCH)]
        ours, others = [], []
        for _ in range(scale.times):
            others.append(apart(bare_posts, node.url, bodies, PARALLEL).seconds)
            ours.append(apart(read_balances, node.url, keys).seconds)
    speed = [len(keys) / median(seconds) for seconds in (ours, others)]
    return Measured(speed[0] / speed[1], f"{speed[0]:,.0f} against {speed[1]:,.0f} calls/s, {PARALLEL} threads")


def blocks(scale: Scale) -> Measured:
    """Blocks a second against ethereum-etl's export, with the batches and workers it has by default."""
    script = Path(__file__).with_name("etl_export.py")
    with other_python(scale, ETL) as python, _node(scale) as (node, chain):
        ours, others = [], []
        for _ in range(scale.times):
            with fresh_folder() as folder:
                folder.mkdir()
                others.append(run_apart(python, script, node.url, str(folder), str(len(chain))))
            ours.append(apart(read_blocks, node.url, len(chain)).seconds)
    speed = [len(chain) / median(seconds) for seconds in (ours, others)]
    return Measured(speed[0] / speed[1], f"{speed[0]:,.0f} against {speed[1]:,.0f} blocks/s ({ETL[0]})")


@contextmanager
def _node(scale: Scale) -> Iterator[tuple[Node, Sequence[Block]]]:
    if binary() is None:
        raise NotMeasured(HOW_TO_GET_IT)
    chain = every_twelve_seconds(scale.of(50_000, 600), first=_FIRST)
    with loaded(chain) as node:
        yield node, chain


def _keys(chain: Sequence[Block]) -> list[BalanceKey]:
    """What the miners' balances take, each once."""
    both = [BalanceKey(row.miner, number) for row, *_ in chain for number in (row.number - 1, row.number)]
    return list(dict.fromkeys(both))


def _wrk(program: str, url: str, keys: Sequence[BalanceKey], seconds: int) -> float:
    """Calls a second that wrk gets from the node."""
    whole = [keys[first : first + BATCH] for first in range(0, len(keys) - BATCH + 1, BATCH)]
    script = Path(__file__).with_name("wrk.lua")
    with tempfile.NamedTemporaryFile("wb") as file:
        file.write(b"\n".join(map(_post, whole)))
        file.flush()
        load = [program, "--threads", "1", "--connections", str(PARALLEL), "--duration", f"{seconds}s"]
        done = subprocess.run(
            [*load, "--script", str(script), url, "--", file.name], capture_output=True, text=True, check=True
        )
    requests, microseconds, failed = map(int, done.stdout.strip().splitlines()[-1].split())
    if failed:
        raise RuntimeError(f"{failed} of wrk's requests failed")
    return requests * BATCH / microseconds * 1_000_000


def _post(keys: Sequence[BalanceKey]) -> bytes:
    return msgspec.json.encode(
        [
            {"jsonrpc": "2.0", "id": number, "method": "eth_getBalance", "params": [key.address, hex(key.number)]}
            for number, key in enumerate(keys)
        ]
    )


FIGURES = [
    Figure("ethereum_calls", "Ethereum calls against wrk on the same node", Goal(">=", 0.7, " x"), calls),
    Figure(
        "ethereum_loop",
        "Ethereum calls against a loop of `requests` that discards the answers",
        Goal(">=", 0.7, " x"),
        calls_of_a_loop,
    ),
    Figure("ethereum_blocks", "Ethereum blocks against ethereum-etl on the same node", Goal(">=", 4, " x"), blocks),
]

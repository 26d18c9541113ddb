"""The speed of reading an Ethereum node, compared with wrk, a loop of `requests`, and ethereum-etl."""

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
from stx_pipelines_tests.benchmarks.compared_clients import bare_posts
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, NotMeasured, Scale, ratio_of_medians
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder, python_with, seconds_of_script
from stx_pipelines_tests.sync.ethereum.planned import Block, every_twelve_seconds

BATCH, PARALLEL = 500, 8
ETL = ("ethereum-etl==2.4.2", "setuptools<81")  # its old web3 imports pkg_resources

_FIRST = datetime(2026, 9, 1, tzinfo=UTC)
_WRK_SECONDS = 5


def read_balances(url: str, keys: Sequence[BalanceKey]) -> int:
    """Read balances with the project's client; return their number."""
    return len(connect(url, batch_size=BATCH, parallel=PARALLEL).balances(keys))


def read_blocks(url: str, count: int) -> int:
    """Read blocks with the project's client; return their number."""
    return len(connect(url, batch_size=BATCH, parallel=PARALLEL).blocks(range(1, count + 1)))


def calls(scale: Scale) -> Measured:
    """Compare balances a second with wrk, which posts the same batches and does not parse the responses."""
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured("wrk is not installed (the Debian package has the same name)")
    with _node(scale) as (node, chain):
        keys = _keys(chain)
        ours, others = [], []
        for _ in range(scale.times):
            others.append(_wrk(program, node.url, keys, scale.of(_WRK_SECONDS, 1)))
            took = in_copied_process(read_balances, node.url, keys)
            ours.append(took.result / took.seconds)
    behind = f"{median(ours):,.0f} against {median(others):,.0f} calls/s, {BATCH} a batch, {PARALLEL} batches at once"
    return Measured(ratio_of_medians(ours, others), behind)


def calls_of_a_loop(scale: Scale) -> Measured:
    """Compare balances a second with threads that post prepared batches and discard the responses."""
    with _node(scale) as (node, chain):
        keys = _keys(chain)
        bodies = [_post(keys[first : first + BATCH]) for first in range(0, len(keys), BATCH)]
        ours, others = [], []
        for _ in range(scale.times):
            others.append(in_copied_process(bare_posts, node.url, bodies, PARALLEL).seconds)
            ours.append(in_copied_process(read_balances, node.url, keys).seconds)
    speed = [len(keys) / median(seconds) for seconds in (ours, others)]
    return Measured(speed[0] / speed[1], f"{speed[0]:,.0f} against {speed[1]:,.0f} calls/s, {PARALLEL} threads")


def blocks(scale: Scale) -> Measured:
    """Compare blocks a second with ethereum-etl's export, with its default batches and workers."""
    script = Path(__file__).with_name("ethereum_etl_export.py")
    with python_with(scale, ETL) as python, _node(scale) as (node, chain):
        ours, others = [], []
        for _ in range(scale.times):
            with fresh_folder() as folder:
                folder.mkdir()
                others.append(seconds_of_script(python, script, node.url, str(folder), str(len(chain))))
            ours.append(in_copied_process(read_blocks, node.url, len(chain)).seconds)
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
    """Return the keys of the fee recipients' balances, each once."""
    both = [BalanceKey(row.miner, number) for row, *_ in chain for number in (row.number - 1, row.number)]
    return list(dict.fromkeys(both))


def _wrk(program: str, url: str, keys: Sequence[BalanceKey], seconds: int) -> float:
    """Return the calls a second of wrk."""
    whole = [keys[first : first + BATCH] for first in range(0, len(keys) - BATCH + 1, BATCH)]
    script = Path(__file__).with_name("wrk_post_lines.lua")
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
        "Ethereum calls against a loop of `requests` that discards the responses",
        Goal(">=", 0.7, " x"),
        calls_of_a_loop,
    ),
    Figure("ethereum_blocks", "Ethereum blocks against ethereum-etl on the same node", Goal(">=", 4, " x"), blocks),
]

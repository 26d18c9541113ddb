"""The memory of the Ethereum syncs above their imports, for 50,000 blocks: `python -m ...ethereum_memory`.

The node is a devnet in this process. The syncs run in a child process, whose peak memory the system reports.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from stx_pipelines.chains.days import days_between
from stx_pipelines.devnet.server import serve
from stx_pipelines_tests.sync.ethereum.world import World, make_chain, stored

BLOCKS = 50_000
GOAL_MIB = 128
FIRST, LAST = date(2026, 9, 1), date(2026, 9, 8)


def peak_mib() -> float:
    """Return this process's peak memory so far (Linux only). `getrusage` would include the parent's peak."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def follow(url: str, data: Path) -> None:
    """Sync every day and print the rows and memory."""
    # Import now what a sync imports late. The first array imports pandas where it is installed.
    import duckdb  # noqa: F401
    import pyarrow.parquet

    pyarrow.array([""])
    imports = peak_mib()
    world, days = World(url, data), days_between(FIRST, LAST)
    for one_sync in (world.blocks_sync(), world.balances_sync()):
        outcomes = stored(one_sync.sync(days))
        rows = sum(one.certificate.seen for one in outcomes.values())
        print(
            f"{one_sync.store.dataset}: {rows} rows, {peak_mib() - imports:.0f} MiB above {imports:.0f} MiB of imports"
        )


def measure() -> None:
    """Serve a chain of a week and run the syncs in a child process."""
    tip = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=12 * BLOCKS * 1.012)
    chain = make_chain(slot_seconds=12, first_day=FIRST, tip=tip, finality_blocks=64)
    with serve(None, ethereum=chain) as devnet, TemporaryDirectory() as data:
        arguments = [sys.executable, "-m", "stx_pipelines_tests.benchmarks.ethereum_memory", devnet.ethereum_url, data]
        subprocess.run(arguments, check=True)
    print(f"goal: less than {GOAL_MIB} MiB")


if __name__ == "__main__":
    if sys.argv[1:]:
        follow(sys.argv[1], Path(sys.argv[2]))
    else:
        measure()

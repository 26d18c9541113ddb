"""The same blocks through ethereum-etl into a CSV file; run by an interpreter that has it, not by ours.

`python etl_export.py URL FOLDER BLOCKS` prints the seconds of the export alone, imports done. Batches and
workers are those it has by default: larger and more of them were slower.
"""

import inspect
import sys
import time
from pathlib import Path


def main(url: str, folder: Path, blocks: int) -> None:
    """Export once."""
    if not hasattr(inspect, "getargspec"):
        # One of its libraries still asks for what Python 3.11 took away; the newer function gives the same and more.
        inspect.getargspec = inspect.getfullargspec  # type: ignore[attr-defined]
    from ethereumetl.cli import cli

    output = folder / "blocks.csv"
    arguments = ["export_blocks_and_transactions", "--start-block", "1", "--end-block", str(blocks)]
    arguments += [
        "--provider-uri",
        url,
        "--blocks-output",
        str(output),
    ]
    started = time.monotonic()
    cli(arguments, standalone_mode=False)
    seconds = time.monotonic() - started
    with output.open() as file:
        exported = sum(1 for _ in file) - 1
    if exported != blocks:
        sys.exit(f"ethereum-etl exported {exported} of {blocks} blocks")
    print(seconds)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

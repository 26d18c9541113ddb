"""The same blocks through ethereum-etl into a CSV file, run by another interpreter that has it.

`python ethereum_etl_export.py URL FOLDER BLOCKS` prints the seconds of the export alone, without imports. It uses the
default batches and workers, because larger batches and more workers were slower.
"""

import inspect
import sys
import time
from pathlib import Path


def main(url: str, folder: Path, blocks: int) -> None:
    """Export the blocks once."""
    if not hasattr(inspect, "getargspec"):
        # One of its libraries needs a function that Python 3.11 removed; the newer function returns the same and more.
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

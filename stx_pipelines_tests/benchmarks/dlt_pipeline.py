"""The same chain through dlt's rest_api source into DuckDB, run by another interpreter that has dlt.

`python dlt_pipeline.py URL FOLDER ROWS` prints the seconds of the pipeline alone, without imports. Rows have the
columns of our day files. dlt reads one page after another, because each page names the next one.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any


def row(tx: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a day file."""
    sponsor = tx["sponsor"]
    return {
        "tx_id": tx["tx_id"],
        "block_time": tx["block"]["time"],
        "block_height": tx["block"]["height"],
        "sender_address": tx["sender"]["address"],
        "fee_ustx": int(tx["fee_rate"]),
        "tx_type": tx["type"],
        "tx_status": tx["status"],
        "burn_block_time": tx["bitcoin_block"]["time"],
        "burn_block_height": tx["bitcoin_block"]["height"],
        "tx_index": tx["block"]["tx_index"],
        "index_block_hash": tx["block"]["index_hash"],
        "nonce": tx["sender"]["nonce"],
        "sponsor_address": sponsor and sponsor["address"],
    }


def main(url: str, folder: Path) -> None:
    """Run the pipeline once, into a new database."""
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    import duckdb
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "paginator": {"type": "cursor", "cursor_path": "cursor.next", "cursor_param": "cursor"},
            },
            "resources": [
                {
                    "name": "transactions",
                    "endpoint": {
                        "path": "/extended/v3/transactions",
                        "params": {"limit": 50},
                        "data_selector": "results",
                    },
                    "processing_steps": [{"map": row}],
                }
            ],
        }
    )
    database = folder / "dlt.duckdb"
    pipeline = dlt.pipeline(
        "stacks", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(database)), dataset_name="stacks"
    )
    started = time.monotonic()
    pipeline.run(source)
    seconds = time.monotonic() - started
    with duckdb.connect(str(database), read_only=True) as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM stacks.transactions").fetchall()
    if rows != int(sys.argv[3]):
        sys.exit(f"dlt stored {rows} rows instead of {sys.argv[3]}")
    print(seconds)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

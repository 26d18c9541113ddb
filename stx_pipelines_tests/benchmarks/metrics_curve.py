"""The cost of the wallet metrics by history size: `python -m stx_pipelines_tests.benchmarks.metrics_curve`.

Synthetic day files are written to a temporary folder. Three steps are then measured, each in a separate process: a
refresh of all metrics, a refresh after one more day, which uses settled rows, and a floor. The floor is the least that
any computation over these files costs: DuckDB reads the needed columns once and counts the distinct senders. Seconds
depend on the machine and its load; the ratio to the floor depends on them much less.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import click
import duckdb
import msgspec

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.cli.__main__ import leave_out_pandas
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store import arrow
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.scratch import Engine
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.benchmarks.separate_process import in_fresh_process
from stx_pipelines_tests.metrics.history import certificate

FIRST_DAY = date(2023, 1, 1)
ENGINE = Engine(threads=2)
ROWS_PER_YEAR = 5_500_000
WALLETS_PER_YEAR = 192_000

_ROWS = """
SELECT
    '0x' || md5(concat($day, '-', i)) || md5(concat(i, '-', $day)) AS tx_id,
    make_timestamp(1000000 * ($start + 86399 * i // $rows + hash(i) % 600)::BIGINT) AS block_time,
    1000000 * $day::BIGINT + i // 50 AS block_height,
    'SP' || upper(md5(wallet::VARCHAR)) || upper(substr(md5((wallet + 1)::VARCHAR), 1, 7)) AS sender_address,
    (100 + hash(i, $day, 2) % 30000)::BIGINT AS fee_ustx,
    ['token_transfer', 'contract_call', 'contract_call', 'coinbase', 'tenure_change'][1 + (hash(i, 3) % 5)::INTEGER]
        AS tx_type,
    true AS canonical,
    CASE WHEN hash(i, $day, 4) % 50 = 0 THEN 'abort_by_response' ELSE 'success' END AS tx_status,
    make_timestamp(1000000 * ($start + 86399 * i // $rows)::BIGINT) AS burn_block_time,
    800000 + 144 * $day + 144 * i // $rows AS burn_block_height,
    2147483647 AS microblock_sequence,
    i % 50 AS tx_index,
    '0x' || md5(concat('block', $day, '-', i // 50)) AS index_block_hash,
    CASE WHEN wallet >= $known THEN 0 ELSE i + 1 END AS nonce,
    NULL AS sponsor_address,
    CASE WHEN tx_type = 'contract_call' THEN 'SP' || upper(md5('deployer')) || '.contract-'
        || floor(2000 * power((hash(i, $day, 5) % 1000003) / 1000003, 2.5))::BIGINT END AS contract_id,
    CASE WHEN tx_type = 'contract_call' THEN 'call' END AS function_name,
    CASE WHEN tx_type = 'token_transfer' THEN 'SP' || upper(md5((hash(i, $day, 6) % 100000)::VARCHAR)) END
        AS recipient_address,
    CASE WHEN tx_type = 'token_transfer' THEN (hash(i, $day, 7) % 1000000000000)::DECIMAL(20, 0) END AS amount_ustx,
    NULL AS sponsor_nonce,
    NULL AS memo
FROM (
    -- Every fifth transaction is of a new wallet until the day's share is used up: its number is 0. The others are of
    -- known wallets, most often of a few busy ones.
    SELECT i,
        CASE WHEN i % 5 = 0 AND i // 5 < $fresh THEN $known + i // 5
        ELSE floor($known * power((hash(i, $day) % 1000003) / 1000003, 2.5))::BIGINT END AS wallet
    FROM range($rows) AS numbers(i)
)
"""


def write_days(folder: Path, first: int, days: int, rows_per_day: int, fresh_per_day: int) -> None:
    """Write these days as a sync does: typed, with certificates."""
    files = _store(folder).files
    connection = duckdb.connect()
    schema = arrow.schema(DATASETS[TRANSACTIONS])
    for number in range(first, first + days):
        day = FIRST_DAY + number * DAY
        known = 1 + number * fresh_per_day
        values = {"day": number, "start": window(day)[0], "rows": rows_per_day, "fresh": fresh_per_day, "known": known}
        rows = connection.execute(_ROWS, values).to_arrow_table().cast(schema)
        [(published,)] = connection.execute("SELECT count(*) FROM rows WHERE tx_status = 'success'").fetchall()
        seen = rows.num_rows
        counts = {"expected": seen, "seen": seen, "published": published}
        files.write(rows, msgspec.structs.replace(certificate(day, []), **counts))


def refresh(folder: Path) -> None:
    """Refresh all metrics, files and tables, over every written day, as the command `metrics` does."""
    leave_out_pandas()
    store = _store(folder)
    refreshed = store.refresh()
    assert refreshed.basis.days == len(store.files.days()), "days were left out: this would measure something else"


def floor(folder: Path) -> None:
    """Read the needed columns once and count the distinct senders."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {ENGINE.threads}")
    connection.execute("SET enable_progress_bar = false")
    needed = "min(block_time), min(burn_block_time), sum(fee_ustx), max(tx_id), min(tx_type), min(tx_status)"
    needed += ", min(contract_id), min(recipient_address), sum(amount_ustx)"
    query = f"SELECT count(DISTINCT sender_address), {needed} FROM read_parquet($files) WHERE canonical"
    connection.execute(query, {"files": f"{_store(folder).files.folder}/????-??-??.parquet"}).fetchall()


def _store(folder: Path) -> MetricStore:
    return MetricStore(
        DataFolder(folder), DayFiles(folder / "days" / "transactions"), Warehouse(DataFolder(folder)), engine=ENGINE
    )


def curve_point(folder: Path, rows: int) -> str:
    """Measure a history of this many rows; return a line of the table."""
    days = max(365, round(365 * rows / ROWS_PER_YEAR))
    per_day, fresh = rows // days, max(1, min(WALLETS_PER_YEAR // 365, rows // days // 6))
    in_fresh_process(write_days, folder, 0, days, per_day, fresh)
    lowest, whole = in_fresh_process(floor, folder), in_fresh_process(refresh, folder)
    in_fresh_process(write_days, folder, days, 1, per_day, fresh)
    more = in_fresh_process(refresh, folder)
    return (
        f"{rows:>12,} {days:>6,} {days * fresh:>9,} {whole.seconds:>9.1f} {whole.peak_mb:>8,.0f} {more.seconds:>13.1f} "
        f"{more.peak_mb:>8,.0f} {lowest.seconds:>9.2f} {whole.seconds / lowest.seconds:>7.1f}"
    )


@click.command()
@click.option("--rows", "sizes", multiple=True, type=int, help="Rows of a history; may be repeated.")
def main(sizes: tuple[int, ...]) -> None:
    """Print the cost for each history size."""
    click.echo("        rows   days   wallets   seconds  peak MB  one day more  peak MB   floor s   ratio")
    for rows in sizes or (1_000_000, 5_500_000, 30_000_000):
        with tempfile.TemporaryDirectory() as folder:
            click.echo(curve_point(Path(folder), rows))


if __name__ == "__main__":
    main()

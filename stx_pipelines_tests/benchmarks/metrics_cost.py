"""The cost of the wallet metrics over a year, and of one more day; metrics_curve.py measures their growth."""

from __future__ import annotations

from stx_pipelines_tests.benchmarks import metrics_curve as curve
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process, in_fresh_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder

MOST_MB = 1000
MOST_MB_OF_A_DAY = 600


def metrics(scale: Scale) -> Measured:
    """Measure all metrics over a year, and one pass over the columns they need."""
    days = scale.of(365, 3)
    rows, wallets = (total // 365 for total in (curve.ROWS_PER_YEAR, curve.WALLETS_PER_YEAR))
    rows, wallets = scale.of((rows, wallets), (400, 20))
    measure = scale.of(in_fresh_process, in_copied_process)
    with fresh_folder() as folder:
        measure(curve.write_days, folder, 0, days, rows, wallets)
        floor, whole = measure(curve.floor, folder), measure(curve.refresh, folder)
    behind = f"{days * rows:,} rows, {whole.peak_mb:,.0f} MB; one pass over the same columns: {floor.seconds:.1f} s"
    return Measured(whole.seconds, behind, also=whole.peak_mb <= MOST_MB)


def one_more_day(scale: Scale) -> Measured:
    """Measure all metrics over 30 million rows, then again after one more day."""
    days, rows, wallets = scale.of((1_990, 15_068, 526), (60, 40, 5))
    measure = scale.of(in_fresh_process, in_copied_process)
    with fresh_folder() as folder:
        measure(curve.write_days, folder, 0, days, rows, wallets)
        whole = measure(curve.refresh, folder)
        measure(curve.write_days, folder, days, 1, rows, wallets)
        more = measure(curve.refresh, folder)
    behind = f"{(days + 1) * rows:,} rows, {more.peak_mb:,.0f} MB; from scratch: {whole.seconds:.1f} s"
    return Measured(more.seconds, f"{behind}, {whole.peak_mb:,.0f} MB", also=more.peak_mb <= MOST_MB_OF_A_DAY)


FIGURES = [
    Figure("metrics", "wallet metrics over 5.5 million rows", Goal("<=", 30, " s", also="<= 1 GB"), metrics),
    Figure(
        "metrics_day",
        "one more day of wallet metrics at 30 million rows",
        Goal("<=", 5, " s", also="<= 600 MB"),
        one_more_day,
    ),
]

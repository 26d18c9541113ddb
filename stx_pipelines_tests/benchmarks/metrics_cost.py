"""The cost of the wallet metrics over a year; metrics_curve.py measures their growth."""

from __future__ import annotations

from stx_pipelines_tests.benchmarks import metrics_curve as curve
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process, in_fresh_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder

MOST_MB = 1000


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


FIGURES = [
    Figure("metrics", "wallet metrics over 5.5 million rows", Goal("<=", 30, " s", also="<= 1 GB"), metrics),
]

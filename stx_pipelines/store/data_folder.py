"""Where files lie below the data folder. Nothing else puts a path together there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolder:
    """A data folder, named by its path. Nothing is opened or made before it is used."""

    path: Path

    @property
    def database(self) -> Path:
        """The DuckDB database."""
        return self.path / "warehouse.duckdb"

    @property
    def run(self) -> Path:
        """The folder of locks, progress and logs: what only a running process needs."""
        return self.path / "run"

    @property
    def page(self) -> Path:
        """The dashboard page."""
        return self.path / "public" / "index.html"

    def days(self, dataset: str) -> Path:
        """The folder of a dataset's day files."""
        return self.path / "days" / dataset

    def coverage(self, name: str) -> Path:
        """The file that says what the database holds of a dataset, or of the metrics."""
        return self.path / "coverage" / f"{name}.json"

    def identity(self, chain: str) -> Path:
        """The file that says which chain of this kind the folder holds."""
        return self.path / f"chain-{chain}.json"

    def metric(self, table: str) -> Path:
        """The result file of a metric table."""
        folder = self.path if table == "first_seen_wallets" else self.path / "metrics"
        return folder / f"{table}.parquet"

    def progress(self, dataset: str) -> Path:
        """The file in which a run of this dataset reports."""
        return self.run / f"{dataset}.progress.json"

    def lock(self, name: str) -> Path:
        """The lock of a dataset's runs, of `sync`, `warehouse`, `coverage`, `metrics` or `spill`."""
        return self.run / f"{name}.lock"

"""The paths of all files below the data folder. No other module builds such a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolder:
    """A data folder, given by its path. Nothing is opened or created here."""

    path: Path

    @property
    def database(self) -> Path:
        """The DuckDB database."""
        return self.path / "warehouse.duckdb"

    @property
    def run(self) -> Path:
        """The folder of locks, progress and logs, which only running processes need."""
        return self.path / "run"

    @property
    def page(self) -> Path:
        """The dashboard page."""
        return self.path / "public" / "index.html"

    def days(self, dataset: str) -> Path:
        """Return the folder of a dataset's day files."""
        return self.path / "days" / dataset

    def coverage(self, name: str) -> Path:
        """Return the file that lists what the database holds of a dataset, or of `metrics`."""
        return self.path / "coverage" / f"{name}.json"

    def identity(self, chain: str) -> Path:
        """Return the file that names the chain the folder holds; `chain` is `stacks` or `ethereum`."""
        return self.path / f"chain-{chain}.json"

    def metric(self, table: str) -> Path:
        """Return the result file of a metric table."""
        folder = self.path if table == "first_seen_wallets" else self.path / "metrics"
        return folder / f"{table}.parquet"

    def progress(self, dataset: str) -> Path:
        """Return the file in which a run of this dataset reports its progress."""
        return self.run / f"{dataset}.progress.json"

    def lock(self, name: str) -> Path:
        """Return a lock file. `name` is a dataset, `sync`, `warehouse`, `coverage`, `metrics` or `spill`."""
        return self.run / f"{name}.lock"

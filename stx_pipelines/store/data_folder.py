"""The paths of all files below the data folder. No other module builds such a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolder:
    """The data folder at `path`. This class neither opens nor creates files."""

    path: Path

    @property
    def database(self) -> Path:
        """The path of the DuckDB database."""
        return self.path / "warehouse.duckdb"

    @property
    def run(self) -> Path:
        """The path of the folder for locks, progress and logs, which only running processes need."""
        return self.path / "run"

    @property
    def page(self) -> Path:
        """The path of the dashboard page."""
        return self.path / "public" / "index.html"

    @property
    def wallets(self) -> Path:
        """The path of the folder beside the page that has a folder of files for its search of wallets."""
        return self.page.with_name("wallets")

    @property
    def pulled(self) -> DataFolder:
        """The folder of the files that `pull` has read but not stored yet, laid out as a data folder."""
        return DataFolder(self.run / "pull")

    @property
    def steps(self) -> DataFolder:
        """The folder of the results of a part of a long history, laid out as a data folder."""
        return DataFolder(self.run / "steps-of-metrics")

    def days(self, dataset: str) -> Path:
        """Return the path of the folder of a dataset's day files."""
        return self.path / "days" / dataset

    def coverage(self, name: str) -> Path:
        """Return the path of the file that lists the loaded days of a dataset, or the loaded tables of `metrics`."""
        return self.path / "coverage" / f"{name}.json"

    def identity(self, chain: str) -> Path:
        """Return the path of the file that identifies the folder's chain. `chain` is `stacks` or `ethereum`."""
        return self.path / f"chain-{chain}.json"

    def metric(self, table: str) -> Path:
        """Return the path of the result file of a metric table."""
        folder = self.path if table == "first_seen_wallets" else self.path / "metrics"
        return folder / f"{table}.parquet"

    def settled(self, name: str) -> Path:
        """Return the path of a file of settled rows, which later computations of the metrics do not compute again."""
        return self.path / "metrics" / "settled" / f"{name}.parquet"

    def progress(self, dataset: str) -> Path:
        """Return the path of the file in which a run of this dataset reports progress."""
        return self.run / f"{dataset}.progress.json"

    def failure(self, dataset: str) -> Path:
        """Return the path of the file that holds the last failure of this dataset's runs."""
        return self.run / f"{dataset}.failure.json"

    def unserved(self, dataset: str) -> Path:
        """Return the path of the file with the newest day of this dataset that its server did not give."""
        return self.run / f"{dataset}.unserved.json"

    def states(self, dataset: str) -> Path:
        """Return the path of the file with the states of accounts that a run of this dataset has read so far."""
        return self.run / f"{dataset}.states.jsonl"

    def pace(self, chain: str) -> Path:
        """Return the path of the file that holds what a chain's server taught about batches and pace."""
        return self.run / f"{chain}.pace.json"

    @property
    def alerts(self) -> Path:
        """The path of the file with the alerts of the last hour."""
        return self.run / "alerts.json"

    def lock(self, name: str) -> Path:
        """Return the path of a lock. `name` is a dataset, a dataset and `.record`, `sync`, `warehouse`, `coverage`,
        `metrics`, `settled`, `page`, `alerts` or `spill`."""
        return self.run / f"{name}.lock"

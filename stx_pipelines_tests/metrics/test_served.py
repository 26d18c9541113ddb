"""The result tables in PostgreSQL equal the result files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from stx_pipelines.metrics.results import RESULTS, tables_of
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.postgres_copy import PostgresCopy
from stx_pipelines_tests.store.made_days import in_order


def test_every_table_of_the_metrics_is_copied_again_only_if_it_has_changed(
    store: MetricStore, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = PostgresCopy(postgres, tmp_path)
    served = replace(store, served=copied)
    served.serve()
    tables = tables_of(RESULTS)
    with psycopg.connect(postgres, options="-c search_path=stx_pipelines") as connection:
        for table in tables:
            expected = pq.read_table(store.path(table))
            names = ", ".join(f'"{name}"' for name in expected.column_names)
            found = connection.execute(f"SELECT {names} FROM {table}").fetchall()
            assert in_order(found) == in_order(row.values() for row in expected.to_pylist())
    assert copied.loaded_results().keys() == set(tables)

    written: list[str] = []
    monkeypatch.setattr(copied, "results", lambda files: written.extend(file.table for file in files))
    served.serve()
    assert written == []
    served.serve(again=True)
    assert written == tables

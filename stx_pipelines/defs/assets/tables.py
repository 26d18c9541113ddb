"""Definition metadata of the assets: owner, versions, table names and columns, as Dagster's own keys.

Belongs here: what is known without a run. Not here: the metadata of a stored day (`metadata`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, get_args, get_type_hints

import dagster as dg

from stx_pipelines.chains.certificate import VERSION
from stx_pipelines.chains.datasets import DATASETS, Dataset, Details
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.options import DEFINITIONS_VERSION
from stx_pipelines.store.statements import Described, described_columns, described_details

OWNERS = ("team:stx-pipelines",)
"""Dagster accepts an email address or `team:NAME`."""

DAYS_VERSION = f"certificate-{VERSION}"
"""The code version of the daily assets: how a day is proved."""

METRICS_VERSION = f"definitions-{DEFINITIONS_VERSION}"
"""The code version of the metrics and of the dashboard: how they are computed."""


def dataset_options(name: str) -> dict[str, Any]:
    """Give the options of `dg.asset` that follow from a dataset: owner, tags, code version, table and columns."""
    dataset = DATASETS[name]
    return {
        "owners": OWNERS,
        "tags": {"chain": dataset.chain},
        "code_version": DAYS_VERSION,
        "metadata": {
            **_table(name, _dataset_schema(dataset, described_columns(dataset))),
            **(_details(dataset, dataset.details) if dataset.details else {}),
        },
    }


def result_options(tables: Sequence[str]) -> dict[str, Any]:
    """Give the options of `dg.AssetSpec` for a metric: the schema of its first table, and its further tables."""
    first, *further = tables
    return {
        "owners": OWNERS,
        "tags": {"chain": "stacks"},
        "code_version": METRICS_VERSION,
        "metadata": {
            **_table(first, _result_schema(first)),
            **{f"columns_{table}": dg.MetadataValue.table_schema(_result_schema(table)) for table in further},
        },
    }


def _table(name: str, schema: dg.TableSchema) -> dict[str, object]:
    return {"dagster/table_name": f"warehouse.main.{name}", "dagster/column_schema": schema}


def _details(dataset: Dataset, details: Details) -> dict[str, object]:
    schema = _dataset_schema(dataset, described_details(dataset, details))
    return {f"columns_{details.name}": dg.MetadataValue.table_schema(schema)}


def _dataset_schema(dataset: Dataset, columns: Iterable[Described]) -> dg.TableSchema:
    """Give the columns of a dataset's table. A column is nullable if its row's field is.

    Columns that decide whether a row is shown are never null: a row without one is not shown.
    """
    hints = get_type_hints(dataset.row)
    nullable = {name for name, hint in hints.items() if NoneType in get_args(hint)} - set(dataset.shown_by)
    return _schema((name, kind, comment, name in nullable) for name, kind, comment in columns)


def _result_schema(table: str) -> dg.TableSchema:
    return _schema(COLUMNS[table])


def _schema(columns: Iterable[tuple[str, str, str, bool]]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, comment, dg.TableColumnConstraints(nullable=nullable))
            for name, kind, comment, nullable in columns
        ]
    )

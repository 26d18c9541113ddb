"""Definition metadata of the assets: owner, code version, table name and columns, under Dagster's own keys.

This module holds the metadata that is known without a run. It does not hold the metadata of a stored day (`metadata`).
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
"""The owner of every asset. Dagster accepts an e-mail address or `team:NAME`."""

DAYS_VERSION = f"certificate-{VERSION}"
"""The code version of the daily assets. It changes when the certificate of a day changes."""

METRICS_VERSION = f"definitions-{DEFINITIONS_VERSION}"
"""The code version of the metrics and of the dashboard. It changes when a metric's definition changes."""


def dataset_options(name: str) -> dict[str, Any]:
    """Return the options of `dg.asset` for a dataset: owner, tags, code version, table and columns."""
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
    """Return the options of `dg.AssetSpec` for a metric with these tables.

    The first table gives the asset's table name and columns. The columns of further tables are separate metadata.
    """
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
    """Return the columns of a dataset's table. A column may be null if the field of the dataset's row type may be None.

    A column that decides whether a row is shown is never null, because a row without a value there is not shown.
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

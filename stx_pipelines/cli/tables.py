"""The command `tables`, which describes the tables of the database."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.store.statements import Described, described_columns, described_details


class Column(msgspec.Struct, frozen=True):
    """A column of a table. `type` is DuckDB's, `meaning` includes the unit."""

    name: str
    type: str
    meaning: str


class Table(msgspec.Struct, frozen=True):
    """A table of the database. `meaning` is empty for results, whose columns say all."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the tables with their columns.")
def tables(name: str | None, as_json: bool) -> int:
    """Describe the tables of the database: columns, types, units and meanings.

    Without NAME, list all tables. The command needs no database.

    \b
    stx-pipelines tables
    stx-pipelines tables wallets_daily
    """
    known = [table for table in all_tables() if name in (None, table.name)]
    if not known:
        click.echo(f"error: there is no table {name}: `stx-pipelines tables` lists all tables", err=True)
        return ERROR
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(known), indent=2))
    else:
        click.echo("\n".join(_list(known) if name is None else _describe(known[0])))
    return DONE


def all_tables() -> Iterator[Table]:
    """Yield every table that this version makes: those of the datasets, then the metrics' results."""
    for dataset in DATASETS.values():
        yield Table(dataset.name, dataset.comment, _columns(described_columns(dataset)))
        if dataset.details:
            columns = _columns(described_details(dataset, dataset.details))
            yield Table(dataset.details.name, dataset.details.comment, columns)
    for name, described in COLUMNS.items():
        yield Table(name, "", _columns([column[:3] for column in described]))


def _columns(described: list[Described]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in described)


def _list(known: list[Table]) -> Iterator[str]:
    width = max(len(table.name) for table in known)
    for table in known:
        yield f"{table.name:{width}}  {', '.join(column.name for column in table.columns)}"


def _describe(table: Table) -> Iterator[str]:
    if table.meaning:
        yield table.meaning
    names, types = (
        max(len(text) for text in texts) for texts in zip(*((c.name, c.type) for c in table.columns), strict=True)
    )
    for column in table.columns:
        yield f"  {column.name:{names}}  {column.type:{types}}  {column.meaning}"

"""The IO manager of our assets. It gives stored rows to a user's own asset that names one of ours as its input.

Our assets store their rows themselves, so that it never writes. A user's own outputs stay with the user's own manager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import dagster as dg

from stx_pipelines import read
from stx_pipelines.chains.days import DAY
from stx_pipelines.defs.resources import OfProject
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError

_FORMS: Mapping[tuple[str, str], Callable[[read.Rows], Any]] = {
    ("pandas", "DataFrame"): lambda rows: rows.df(),
    ("polars", "DataFrame"): lambda rows: rows.pl(),
    ("pyarrow", "Table"): lambda rows: rows.arrow(),
    ("duckdb", "DuckDBPyRelation"): lambda rows: rows.relation,
    ("stx_pipelines", "Rows"): lambda rows: rows,
}
"""How rows are given, by the package and the name of the input's type."""

_PARTIAL = "partial"


class HistoryIOManager(dg.IOManager):
    """A manager that reads the rows of our assets from the data folder of `source`."""

    def __init__(self, source: OfProject) -> None:
        self._source = source

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Do nothing: our assets have stored their rows already."""

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the rows of an asset of ours in the form that the input's type asks for.

        In a run of partitions, these are the days of the partitions; otherwise all that is covered. With the metadata
        `partial` of the input (`dg.AssetIn(metadata={"partial": True})`), days may be open or missing. Raises
        `dg.Failure` with one sentence.
        """
        try:
            return _form_of(context)(self._rows(context))
        except (SettingsError, StoreError, ModuleNotFoundError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None

    def _rows(self, context: dg.InputContext) -> read.Rows:
        history = read.open(self._source.project().folder.path)
        name, partial = context.asset_key.to_user_string(), bool((context.definition_metadata or {}).get(_PARTIAL))
        if not context.has_asset_partitions:
            return history.table(name)
        if not context.has_partition_key and not context.step_context.has_partition_key_range:
            return history.table(name, partial=partial)
        days = [date.fromisoformat(key) for key in context.asset_partition_keys]
        return history.table(name, min(days), max(days) + DAY, partial=partial)


def history_io(resource: str) -> dg.IOManagerDefinition:
    """Return the IO manager for assets that use the resource of this name."""

    @dg.io_manager(required_resource_keys={resource})
    def manager(context: dg.InitResourceContext) -> HistoryIOManager:
        return HistoryIOManager(getattr(context.resources, resource))

    return manager


def _form_of(context: dg.InputContext) -> Callable[[read.Rows], Any]:
    wanted = context.dagster_type.typing_type
    if wanted is Any:
        return _FORMS["pyarrow", "Table"]
    key = (getattr(wanted, "__module__", "").split(".")[0].removeprefix("_"), getattr(wanted, "__name__", ""))
    if key not in _FORMS:
        raise StoreError(
            f"the input {context.name} cannot be a {getattr(wanted, '__name__', wanted)}: annotate it with "
            "pandas.DataFrame, polars.DataFrame, pyarrow.Table, duckdb.DuckDBPyRelation or stx_pipelines.read.Rows"
        )
    return _FORMS[key]

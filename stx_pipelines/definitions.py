"""The Dagster code location: what exists, and with which resources. Read this first.

`build_defs` is shared by production and tests; anything given replaces the production resource of that name.
"""

from __future__ import annotations

import dagster as dg

from stx_pipelines.assets.stacks import transactions
from stx_pipelines.resources import StacksApi, read_only_warehouse


def build_defs(**resources: object) -> dg.Definitions:
    """Everything Dagster knows of this project."""
    return dg.Definitions(
        assets=[transactions],
        resources={"stacks_api": StacksApi(), "duckdb": read_only_warehouse(), **resources},
        # One process per run: a day's work is one thread of network and one short transaction, so a process per
        # step would only add seconds.
        executor=dg.in_process_executor,
    )


defs = build_defs()

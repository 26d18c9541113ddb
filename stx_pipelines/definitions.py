"""The Dagster code location of this project: `dagster dev -m stx_pipelines.definitions`. Read `defs.build` next."""

from stx_pipelines.defs.build import build_defs

__all__ = ["build_defs", "defs"]

defs = build_defs()

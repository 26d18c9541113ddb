"""The Dagster code location of this project. Start it with `dagster dev -m stx_pipelines.definitions`.

The module `defs.build` defines its contents.
"""

from stx_pipelines.defs.build import build_defs

__all__ = ["build_defs", "defs"]

defs = build_defs()

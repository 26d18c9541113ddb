"""The Dagster code location of this project. Start it with `dagster dev -m stx_pipelines.definitions`.

Its contents are defined in `stx_pipelines.defs.build`.
"""

from stx_pipelines.defs.build import build_defs

__all__ = ["build_defs", "defs"]

defs = build_defs()

"""What code gives a resource and run config cannot: addresses, folders, budgets.

Whoever reaches the UI writes run config, and a key goes where the address says.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import dagster as dg

from stx_pipelines.settings import SettingsError

T = TypeVar("T")

# Dagster's mark of a field that holds another resource, which may be a plain value. Such a field is no config: a
# keyword of the constructor as any other, kept when Dagster copies the resource for a run, and refused in run config.
Fixed = Annotated[T, "resource_dependency"]
"""A field of a resource that is set in code only."""


def value_of(given: str | int | None) -> str | int | None:
    """What was given, or the value of the environment variable that it names. Raises `SettingsError` without one."""
    if not isinstance(given, (dg.EnvVar, type(dg.EnvVar.int("")))):
        return given
    # Dagster reads these for config alone.
    if (value := given.get_value()) is None:
        raise SettingsError(f"{given.env_var_name} is not set in the environment, and a resource is to have its value")
    return value

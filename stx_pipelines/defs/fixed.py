"""Fields of resources that code sets and run config cannot: addresses, folders and budgets.

Everyone who can open the UI can write run config, and a key is sent to the address that it names.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import dagster as dg

from stx_pipelines.settings import SettingsError

T = TypeVar("T")

# Dagster's mark of a field that holds another resource, which may also be a plain value. Such a field is no config: it
# is a keyword of the constructor, is kept when Dagster copies the resource for a run, and is refused in run config.
Fixed = Annotated[T, "resource_dependency"]
"""A field of a resource that is set in code only."""


def value_of(given: str | int | None) -> str | int | None:
    """Return a value given in code, or that of the environment variable it names. Raises `SettingsError` if unset."""
    if not isinstance(given, (dg.EnvVar, type(dg.EnvVar.int("")))):
        return given
    # Dagster itself reads environment variables for config fields only.
    if (value := given.get_value()) is None:
        raise SettingsError(f"{given.env_var_name} is not set in the environment, but a resource needs its value")
    return value

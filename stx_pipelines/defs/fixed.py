"""Fields of resources that only code can set, not run config: addresses, folders and budgets.

Every user of the UI can write run config. If run config could set the address of a server, every user of the
UI could have the secret API key sent to any address.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import dagster as dg

from stx_pipelines.settings import SettingsError

T = TypeVar("T")

# Dagster uses this mark for a field that contains another resource, but it also accepts a plain value. Such a field is
# a keyword of the constructor, is kept when Dagster copies the resource for a run, and is refused in run config.
Fixed = Annotated[T, "resource_dependency"]
"""The type of a resource's field that only code can set."""


def value_of(given: str | int | None) -> str | int | None:
    """Return the given value. For a Dagster `EnvVar`, return the value of that environment variable.

    Raises `SettingsError` if the environment variable is not set.
    """
    if not isinstance(given, (dg.EnvVar, type(dg.EnvVar.int("")))):
        return given
    # Dagster itself reads environment variables only for fields of run config.
    if (value := given.get_value()) is None:
        raise SettingsError(f"{given.env_var_name} is not set in the environment, but a resource needs its value")
    return value

"""The environment that settings come from, and misspelled names in it. The settings are in `settings.py`."""

from __future__ import annotations

import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import cache

_EXPORTED = "_STX_EXPORTED"
_PREFIXES = ("HIRO_", "STX_", "ETH_")
_NEARLY = 0.9  # similarity of two names, from 0 to 1


def environment() -> Mapping[str, str]:
    """Return the environment, as it was before Dagster copied `.env` over it if that is known."""
    kept = os.environ.get(_EXPORTED)
    return {str(name): str(value) for name, value in json.loads(b64decode(kept)).items()} if kept else os.environ


def export(settings: Collection[str]) -> str:
    """Return these settings of the environment in one line, for the variable `_STX_EXPORTED` of Dagster's processes.

    Dagster copies `.env` over its environment when it starts. With this variable, the environment still overrides
    `.env`, and a changed `.env` applies to processes that run already.
    """
    given = {name: value for name, value in environment().items() if name.upper() in settings}
    return b64encode(json.dumps(given).encode()).decode()


def misspelled(name: str, settings: Collection[str]) -> str | None:
    """Return the setting that a name misspells; None for the name of a setting and for other names."""
    near = get_close_matches(name.upper(), settings, 1, _NEARLY)
    return near[0] if near and name.upper() != near[0] else None


def warn_of_misspelled(names: Iterable[str], settings: Collection[str]) -> None:
    """Print a warning, once in a process, for a name in the environment that misspells a setting.

    Names that only begin like a setting of Ethereum, such as ETH_RPC_URL_2, belong to other tools.
    """
    for name in names:
        near = misspelled(name, settings) if name.upper().startswith(_PREFIXES) else None
        if near and not (near.startswith("ETH_") and name.startswith(near)):
            _warn(f"warning: {name} in the environment is not a setting; did you mean {near}? (see .env.example)")


@cache
def _warn(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")

"""A history of Stacks transactions and of Ethereum blocks and balances, proved to be complete.

The package exports the names in `__all__`. Each name is loaded at its first use, so that importing the package is fast.
Start reading the code at `stx_pipelines.definitions`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["EthereumNodeResource", "EthereumRpc", "HiroResource", "StacksApi", "build_defs"]

if TYPE_CHECKING:
    from stx_pipelines.clients.ethereum_rpc import EthereumRpc
    from stx_pipelines.clients.stacks_api import StacksApi
    from stx_pipelines.defs.build import build_defs
    from stx_pipelines.defs.resources import EthereumNodeResource, HiroResource
else:
    _MODULES = {
        "EthereumNodeResource": "defs.resources",
        "EthereumRpc": "clients.ethereum_rpc",
        "HiroResource": "defs.resources",
        "StacksApi": "clients.stacks_api",
        "build_defs": "defs.build",
    }

    def __getattr__(name: str) -> object:
        """Load and return a public name. Raises `AttributeError` for any other name."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

    def __dir__() -> list[str]:
        """Return the names of the package, including public names that are not loaded yet."""
        return sorted({*globals(), *__all__})

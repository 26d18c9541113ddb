"""The identity of each chain in a data folder: one small file per chain, written at the first use."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec

from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_json, replace_file

_Identity = TypeVar("_Identity", bound=msgspec.Struct)


class Identity(msgspec.Struct, frozen=True):
    """The identity of a Stacks chain: the height and hash of one of its first blocks, and its first UTC day."""

    height: int
    index_block_hash: str
    first_day: date

    @property
    def name(self) -> str:
        """The name of this chain in certificates."""
        return f"stacks:{self.index_block_hash}"


class EthereumIdentity(msgspec.Struct, frozen=True, omit_defaults=True):
    """The identity of an Ethereum chain. `first_day` is the UTC day of block 1, as block 0 may not have a real time.

    If `is_given`, the node did not have block 1, and `first_day` is the setting ETH_FIRST_DAY.
    """

    chain_id: int
    genesis_hash: str
    first_day: date
    is_given: bool = False

    @property
    def name(self) -> str:
        """The name of this chain in certificates."""
        return f"ethereum:{self.chain_id}:{self.genesis_hash}"


def known_identity(folder: DataFolder) -> Identity | None:
    """Return the identity of the folder's Stacks chain, None before the first use. Raises `StoreError`."""
    return _read(folder.identity("stacks"), Identity)


def known_ethereum(folder: DataFolder) -> EthereumIdentity | None:
    """Return the identity of the folder's Ethereum chain, None before the first use. Raises `StoreError`."""
    return _read(folder.identity("ethereum"), EthereumIdentity)


def keep_identity(folder: DataFolder, identity: Identity | EthereumIdentity) -> None:
    """Write the identity of a chain to the data folder. Raises `StoreError`."""
    path = folder.identity("stacks" if isinstance(identity, Identity) else "ethereum")
    replace_file(path, lambda aside: aside.write_bytes(msgspec.json.encode(identity)))


def _read(path: Path, kind: type[_Identity]) -> _Identity | None:
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged ({error}); delete it, and the next sync makes it again") from error

"""The identity of each chain in a data folder: one small file per chain, written at the first use.

If there is a record, it has the same files, and the first data folder that uses it writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_json, replace_file

if TYPE_CHECKING:
    from stx_pipelines.store.record import Record

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


_KINDS: Mapping[str, tuple[str, type[Identity | EthereumIdentity]]] = {
    "stacks": ("stacks", Identity),
    "stacks_balances": ("stacks", Identity),
    "ethereum": ("ethereum", EthereumIdentity),
}
"""The name and the form of the identity by the chain of a dataset. Prices are of no chain."""


class OtherChain(StoreError):
    """The record holds days of another chain than the data folder."""


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


def is_same_chain(folder: DataFolder, record: Record, chain: str) -> bool:
    """Write the identity of the chain where it is missing, to the data folder or to the record.

    Return False if neither has it yet. Raises `OtherChain` if they have different ones, and `ObjectsError`.
    """
    from stx_pipelines.store.record import Overtaken

    if chain not in _KINDS:
        return True
    name, kind = _KINDS[chain]
    path = folder.identity(name)
    own, found = _read(path, kind), record.fetch(path.name)
    if found is None:
        if own is not None:
            with suppress(Overtaken):
                record.put(path.name, msgspec.json.encode(own), over=None)
                return True
            return is_same_chain(folder, record, chain)  # another machine was first
        return False
    try:
        theirs = msgspec.json.decode(found.content, type=kind)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{path.name} of {record.name} is damaged ({error}); nothing was read or put there: delete it there, and "
            "the next run of a machine that knows its chain writes it again"
        ) from error
    if own is None:
        keep_identity(folder, theirs)
    elif own.name != theirs.name:
        raise OtherChain(
            f"{record.name} holds days of the chain {theirs.name}, but {folder.path} those of {own.name}; nothing was "
            "read or put there: set STX_RECORD_URL or STX_DATA_DIR to another place"
        )
    return True


def _read(path: Path, kind: type[_Identity]) -> _Identity | None:
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged ({error}); delete it, and the next sync makes it again") from error

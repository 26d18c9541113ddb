"""Which chain a data folder holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from stx_pipelines.store.files import StoreError, read_json, replace_file


class Identity(msgspec.Struct, frozen=True):
    """Names a chain by one of its first blocks; `first_day` is the first UTC day it has."""

    height: int
    index_block_hash: str
    first_day: date


def identity_file(data_folder: Path) -> Path:
    """Where the data folder remembers which chain it holds."""
    return data_folder / "chain-stacks.json"


def known_identity(data_folder: Path) -> Identity | None:
    """The chain this data folder holds; None before the first use."""
    try:
        return read_json(identity_file(data_folder), Identity)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{identity_file(data_folder)} is damaged ({error}); delete it, it is written anew from the server"
        ) from error


def keep_identity(data_folder: Path, identity: Identity) -> None:
    """Remember the chain, at the first use of the folder."""
    replace_file(identity_file(data_folder), lambda aside: aside.write_bytes(msgspec.json.encode(identity)))

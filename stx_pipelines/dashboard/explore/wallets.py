"""The files of the wallet search, which the page loads at the first search.

Each file has the wallets whose addresses begin with its name. A folder holds the files of one state of the wallets, and
its name is a digest of that state. The page names the folder, so that an older page never reads newer files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from stx_pipelines.metrics.wallet_lines import WalletLines
from stx_pipelines.store.files import StoreError, flush

MOST_BYTES = 1_000_000
"""The largest size of a file."""

INDEX = "index.js"
"""The file that lists the other files, with the number of their wallets."""

_CALL = 'stxWallets("{}",`\n{}\n`);\n'
_ROOM = len(_CALL) + 128  # an address has 128 characters at most


def write_wallets(folder: Path, lines: WalletLines) -> str:
    """Write the files of the wallets into a folder below `folder`, unless it exists. Return the folder's name.

    The folder gets its name when all of its files are written, so that a killed process leaves no half of it. Only one
    process at a time may call this. Raises `StoreError`.
    """
    name = lines.digest()
    if (folder / name).is_dir():
        return name
    aside = folder / f".{name}.tmp"
    shutil.rmtree(aside, ignore_errors=True)  # of a killed process
    try:
        aside.mkdir(parents=True)
        _write_files(aside, lines.read())
        flush(aside)
        aside.replace(folder / name)
        flush(folder)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise StoreError(
            f"{folder / name} could not be written ({error.strerror or error}); the old page and its wallets are "
            "kept: make room or fix the permissions, then run the same command again"
        ) from error
    return name


def sweep_wallets(folder: Path, kept: str | None) -> None:
    """Remove the folders of older pages and of killed processes, all but `kept`."""
    with suppress(FileNotFoundError):
        for old in folder.iterdir():
            if old.name != kept:
                shutil.rmtree(old, ignore_errors=True)


def shards(lines: Iterable[str], most: int = MOST_BYTES - _ROOM) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines in groups of `most` bytes at most, each with the beginning that all of its addresses have.

    The lines must be in the order of their addresses. A beginning is as short as possible, and its wallets are all in
    its group. Only one group is in memory at a time.
    """
    divided = set[str]()
    beginning, held, size = "", list[str](), 0
    for line in lines:
        if held and not line.startswith(beginning):
            yield beginning, held
            held, size = [], 0
        if not held:
            beginning = _shortest(line, divided)
        held.append(line)
        size += len(line) + 1
        while size > most and not held[-1].startswith(f"{beginning} "):
            divided.add(beginning)
            *done, (beginning, held) = _divide(held, len(beginning) + 1)
            size = sum(len(each) + 1 for each in held)
            yield from done
    if held:
        yield beginning, held


def _divide(lines: list[str], length: int) -> list[tuple[str, list[str]]]:
    return [(beginning, list(group)) for beginning, group in groupby(lines, lambda line: _beginning(line, length))]


def _shortest(line: str, divided: set[str]) -> str:
    """Return the shortest beginning of the line's address that is not in `divided`, or the whole address."""
    length = 1
    while _beginning(line, length) in divided and line[length] != " ":
        length += 1
    return _beginning(line, length)


def _beginning(line: str, length: int) -> str:
    return line[:length].partition(" ")[0]


def _write_files(folder: Path, lines: Iterable[str]) -> None:
    """Write a file per group of lines, then the file that lists them. Raises `OSError`."""
    listed = []
    for beginning, group in shards(lines):
        _write(folder / f"{beginning}.js", _CALL.format(beginning, "\n".join(group)))
        listed.append(f"{beginning} {len(group)}")
    _write(folder / INDEX, _CALL.format("", "\n".join(listed)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, "ascii")
    flush(path)

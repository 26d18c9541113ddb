"""The folder of a dataset's day files as a copy of the record: newer files are pulled, files written here are pushed.

Attempts and evidence travel as the day files do. Attempts that were cleared are an empty object in the record.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DamagedDayFile, NewerDayFile, check
from stx_pipelines.store.files import first_line, mark_of, read_if_sound, replace_file
from stx_pipelines.store.identity import is_same_chain
from stx_pipelines.store.locks import Busy, holder, locked
from stx_pipelines.store.objects import ObjectsError
from stx_pipelines.store.record import Overtaken, Record, Version

log = logging.getLogger(__name__)

_FILE = re.compile(r"\d{4}-\d\d-\d\d\.(parquet|attempts\.json|evidence\.json)")
_AT_ONCE = 8  # requests
_PART = 64  # files between two writes of the memory


class _Known(msgspec.Struct, frozen=True):
    """A version of an object, and the mark (see `mark_of`) of the local file that has its content.

    `mark` is None if there is no such file: the object is empty, or it is damaged and `fault` is the reason.
    """

    version: Version
    mark: tuple[int, int] | None = None
    fault: str | None = None


class _Memory(msgspec.Struct):
    """The known objects of a record, and the time when they were last compared with the record."""

    record: str
    pulled_at: datetime | None = None
    known: dict[str, _Known] = {}


class DayCopy:
    """The day folder of one dataset, as a copy of the folder with this name in the record.

    `wait` is the number of seconds to wait for a process that pulls or pushes the same dataset.
    """

    def __init__(self, folder: DataFolder, dataset: str, record: Record, wait: float) -> None:
        self.url = record.name
        self._record = record
        self._dataset = dataset
        self._data = folder
        self._folder = folder.days(dataset)
        self._below = self._folder.relative_to(folder.path).as_posix()
        self._memory_file = self._folder / ".record.json"
        self._wait = wait
        self._is_same_chain = False

    def refresh(self, older_than: timedelta) -> None:
        """Pull, unless the last pull is younger or a run is in progress, which has pulled. Log a failure."""
        pulled_at = self._memory().pulled_at
        if pulled_at and datetime.now(UTC) - pulled_at < older_than:
            return
        if holder(self._data.lock(self._dataset)):
            return
        with suppress(Busy):
            self._try(lambda: self.pull(wait=0))

    def bring_up_to_date(self) -> None:
        """Pull, then push what waits. Log a sentence if the record is away."""
        self._try(self.pull)
        self._try(self.push_waiting)

    def push_if_there(self) -> None:
        """Push what waits. Log a sentence if the record is away."""
        self._try(self.push_waiting)

    def pull(self, wait: float | None = None) -> int:
        """Take every file of which the record has another version. Return the number of files taken.

        Raises `OtherChain`, `Busy` after `wait` seconds, and other `StoreError`s.
        """
        with self._locked(self._wait if wait is None else wait):
            memory = self._memory()
            memory.pulled_at = datetime.now(UTC)
            self._keep(memory)  # also if the record is away, so that the next look waits
            self._refuse_other_chain()
            marks = self._record.marks(self._below)
            memory.known = {name: known for name, known in memory.known.items() if name in marks}
            wanted = [name for name, etag in marks.items() if _is_copied(name) and self._lacks(memory, name, etag)]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for start in range(0, len(wanted), _PART):
                    part = wanted[start : start + _PART]
                    for name, known in zip(part, pool.map(self._take, part), strict=True):
                        self._note(memory, name, known)
                    self._keep(memory)
            return len(wanted)

    def push_waiting(self) -> int:
        """Put every file that waits. Return the number of files put. Raises `OtherChain` and other `StoreError`s."""
        return self._push(self._waiting(self._memory()))

    def changed(self, path: Path) -> None:
        """Put a file that was written or removed. Log a sentence if it must wait because the record is away."""
        self._try(lambda: self._push([path.name]))

    def waiting(self) -> list[date]:
        """Return the days with files that are not in the record yet, newest first. No request is sent."""
        return sorted({_day_of(name) for name in self._waiting(self._memory())}, reverse=True)

    def damaged(self) -> dict[date, str]:
        """Return the days whose object in the record is damaged, each with a sentence. No request is sent."""
        return {_day_of(name): known.fault for name, known in self._memory().known.items() if known.fault}

    def _lacks(self, memory: _Memory, name: str, etag: str) -> bool:
        """Return whether the local file is not made from this version, or was lost."""
        known = memory.known.get(name)
        if known is None or known.version.etag != etag:
            return True
        return known.mark is not None and not _is_cleared(name) and not (self._folder / name).exists()

    def _take(self, name: str) -> _Known | None:
        """Replace the local file by the object, unless the object is damaged. Return None if there is no object."""
        found = self._record.fetch(f"{self._below}/{name}")
        if found is None:
            return None
        if not found.content and _is_cleared(name):
            (self._folder / name).unlink(missing_ok=True)
            return _Known(found.version)
        mark: tuple[int, int] | None = None

        def write(aside: Path) -> None:
            nonlocal mark
            if found.has_changed:
                raise DamagedDayFile("its bytes have changed since they were put")
            aside.write_bytes(found.content)
            if _is_day(name) and found.sha256 is None:  # no machine checked it before it was put
                with suppress(NewerDayFile):  # it is kept, and `DayFiles.newer` reports it
                    check(aside, _day_of(name))
            mark = mark_of(aside)

        try:
            replace_file(self._folder / name, write)
        except DamagedDayFile as error:
            fault = (
                f"{self._below}/{name} of {self.url} is damaged ({_reason(error)}); it was not stored here, and the "
                "next sync reads the day again and replaces it"
            )
            log.warning("%s", fault)
            return _Known(found.version, fault=fault)
        return _Known(found.version, mark)

    def _push(self, names: Sequence[str]) -> int:
        with self._locked(self._wait):
            memory = self._memory()
            put = 0
            for start in range(0, len(names), _PART):
                try:
                    put += sum(self._put(memory, name) for name in names[start : start + _PART])
                finally:
                    self._keep(memory)
            return put

    def _put(self, memory: _Memory, name: str) -> bool:
        """Put a local file over the version that it was made from. Return whether the record has it now.

        If the record has another version, take that one. A damaged file is not put.
        """
        path, known = self._folder / name, memory.known.get(name)
        mark, content = _read(path)
        if mark == (known.mark if known else None) or (mark is None and not _is_cleared(name)):
            return False
        if mark and _is_day(name):
            try:
                check(path, _day_of(name))
            except (DamagedDayFile, NewerDayFile) as error:
                log.warning("%s; it was not put into %s", error, self.url)
                return False
        try:
            self._refuse_other_chain()
            version = self._record.put(f"{self._below}/{name}", content, known.version if known else None)
        except Overtaken as error:
            log.info("%s; that version was taken", error)
            self._note(memory, name, self._take(name))
            return False
        self._note(memory, name, _Known(version, mark))
        return True

    def _waiting(self, memory: _Memory) -> list[str]:
        """Return the names of the files that no known object has. A cleared file has an empty object."""
        marks = {}
        for path in self._folder.glob("????-??-??.*"):
            with suppress(FileNotFoundError):  # removed since the folder was listed
                if _is_copied(path.name):
                    marks[path.name] = mark_of(path)
        known = {name: each.mark for name, each in memory.known.items()}
        cleared = [name for name in known.keys() - marks.keys() if known[name] and _is_cleared(name)]
        return sorted([*(name for name, mark in marks.items() if known.get(name) != mark), *cleared])

    def _refuse_other_chain(self) -> None:
        """Raise `OtherChain` if the record holds days of another chain than this data folder."""
        chain = DATASETS[self._dataset].chain
        self._is_same_chain = self._is_same_chain or is_same_chain(self._data, self._record, chain)

    def _memory(self) -> _Memory:
        memory = read_if_sound(self._memory_file, _Memory)
        return memory if memory and memory.record == self.url else _Memory(self.url)

    @staticmethod
    def _note(memory: _Memory, name: str, known: _Known | None) -> None:
        if known is None:
            memory.known.pop(name, None)
        else:
            memory.known[name] = known

    def _keep(self, memory: _Memory) -> None:
        content = msgspec.json.encode(memory)
        replace_file(self._memory_file, lambda aside: aside.write_bytes(content), durable=False)

    @contextmanager
    def _locked(self, wait: float) -> Iterator[None]:
        lock = self._data.lock(f"{self._dataset}.record")
        with locked(lock, f"the copy of {self._dataset}", wait, leave_name=False):
            yield

    def _try(self, work: Callable[[], object]) -> None:
        """Do this unless the record was away a moment ago. Log a sentence if it is away now."""
        if self._record.is_away:
            return
        try:
            work()
        except ObjectsError as error:
            self._record.note_away()
            log.warning("%s; days stored here are kept and put there later", error)


def _reason(error: DamagedDayFile) -> str:
    """Return the reason without the name of the temporary file."""
    cause = error.__cause__
    return first_line(cause if isinstance(cause, Exception) else error)


def _is_copied(name: str) -> bool:
    """Return whether a file of this name belongs to a day. Other files stay where they are."""
    if not _FILE.fullmatch(name):
        return False
    try:
        _day_of(name)
    except ValueError:
        return False
    return True


def _is_day(name: str) -> bool:
    return name.endswith(".parquet")


def _is_cleared(name: str) -> bool:
    """Return whether a missing file of this name was cleared here. Any other missing file was lost, and is pulled."""
    return name.endswith(".attempts.json")


def _day_of(name: str) -> date:
    return date.fromisoformat(name[:10])


def _read(path: Path) -> tuple[tuple[int, int] | None, bytes]:
    """Return the mark and the content of a file; None and nothing if it does not exist."""
    try:
        return mark_of(path), path.read_bytes()
    except FileNotFoundError:
        return None, b""

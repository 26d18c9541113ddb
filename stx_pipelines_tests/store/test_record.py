"""The record has whole files, no newer day is replaced by an older one, and each machine gets what others store.

The same claims hold for a store in memory, for moto and for a real server of S3.
"""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.chains.evidence import Round
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore, open_store
from stx_pipelines.store.day_copy import DayCopy
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import EthereumIdentity, OtherChain, keep_identity, known_ethereum
from stx_pipelines.store.record import Overtaken, Record, open_record
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.buckets import KEY, SECRET, Server, moto, seaweed
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.store.ethereum_days import DAYS, block_hash, blocks_of, blocks_table, certificate
from stx_pipelines_tests.waiting import ended

DAY = DAYS[0]
NAME = f"days/{BLOCKS}/{DAY}.parquet"
CHAIN = EthereumIdentity(1, block_hash(0), DAY)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seaweed(tmp_path_factory.mktemp("weed") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def moto_server() -> Iterator[Server]:
    with moto() as server:
        yield server


class Place(NamedTuple):
    """A record, and its server; the store in memory has none."""

    record: Record
    server: Server | None


@pytest.fixture(params=["memory", "moto", "a real server"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "memory":
        from obstore.store import MemoryStore

        return Place(Record("memory", MemoryStore()), None)
    server: Server = request.getfixturevalue("moto_server" if request.param == "moto" else "real_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Place(open_record(server.new_url()), server)


@pytest.fixture
def record(place: Place) -> Record:
    return place.record


class Machine(NamedTuple):
    """A data folder with a copy of the blocks of a record."""

    folder: DataFolder
    store: DatasetStore[Any]
    copy: DayCopy

    def write(self, fork: str = "0", day: int = 0) -> str:
        """Store a day, and return the id of its certificate."""
        blocks = blocks_of(DAYS[day], fork)
        return self.store.files.write(blocks_table(blocks), certificate(BLOCKS, DAYS[day], blocks)).id

    @property
    def ids(self) -> list[str]:
        return [known.id for known in self.store.files.certificates().values()]


def machine(data: Path, record: Record, identity: EthereumIdentity | None = CHAIN) -> Machine:
    folder = DataFolder(data)
    if identity:
        keep_identity(folder, identity)
    copy = DayCopy(folder, BLOCKS, record, wait=0)
    return Machine(folder, open_store(folder, Warehouse(folder), BLOCKS, copy), copy)


def damage(record: Record, kind: str) -> None:
    """Change bytes in the middle of an object, and keep the digest with which it was put or remove it."""
    import obstore

    found = record.fetch(NAME)
    assert found
    middle = len(found.content) // 3
    content = b"" if kind == "empty" else found.content[:middle] + bytes(9) + found.content[middle + 9 :]
    attributes = {"sha256": found.sha256 or ""} if kind == "changed" else None
    obstore.put(record._store, NAME, content, attributes=attributes)


@pytest.fixture
def a(tmp_path: Path, record: Record) -> Machine:
    return machine(tmp_path / "a", record)


@pytest.fixture
def b(tmp_path: Path, record: Record) -> Machine:
    return machine(tmp_path / "b", record, identity=None)


class TestRecord:
    def test_an_object_is_put_only_over_the_version_it_was_made_from(self, record: Record) -> None:
        first = record.put(NAME, b"one", over=None)
        second = record.put(NAME, b"two", over=first)
        for stale in (None, first):
            with pytest.raises(Overtaken):
                record.put(NAME, b"three", over=stale)
        with pytest.raises(Overtaken):
            record.put(f"{NAME}.gone", b"three", over=first)
        assert (record.fetch(NAME) or ())[:2] == (b"two", second)
        assert record.marks(f"days/{BLOCKS}") == {f"{DAY}.parquet": second.etag}
        assert record.fetch("none") is None

    def test_a_reader_sees_whole_objects_only(self, record: Record) -> None:
        versions = [bytes([number]) * 300_000 for number in range(6)]
        seen: list[bytes] = []
        version = record.put(NAME, versions[0], over=None)
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                found = record.fetch(NAME)
                assert found
                seen.append(found.content)

        reader = threading.Thread(target=read)
        reader.start()
        for content in versions[1:]:
            version = record.put(NAME, content, over=version)
        over.set()
        assert ended(reader)
        assert seen
        assert all(content in versions for content in seen)

    def test_a_put_that_is_cut_changes_nothing(self, place: Place) -> None:
        if place.server is None:
            pytest.skip("a store in memory is not sent to")
        version = place.record.put(NAME, b"one", over=None)
        address = urlsplit(place.server.endpoint)
        assert address.hostname
        path = f"/{place.record.name.removeprefix('s3://')}/{NAME}"
        connection = http.client.HTTPConnection(address.hostname, address.port)
        connection.putrequest("PUT", path)
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b"half of it")
        connection.close()
        assert (place.record.fetch(NAME) or ())[:2] == (b"one", version)

    def test_another_machines_day_arrives_with_its_attempts_and_evidence(self, a: Machine, b: Machine) -> None:
        now, identified = datetime(2026, 10, 2, tzinfo=UTC), known_ethereum(b.folder)
        stored = a.write()
        of = a.store.files.certificate(DAY)
        assert of
        a.store.evidence.add(of, Round("node", now, (7, 8)))
        a.store.attempts.add(DAYS[1], "no answer", now)
        assert b.copy.pull() == 3
        assert (b.ids, b.store.evidence.counts({DAY: of})) == ([stored], {DAY: 2})
        assert b.store.attempts.all() == a.store.attempts.all() != {}
        assert (identified, known_ethereum(b.folder)) == (None, CHAIN)
        assert b.copy.pull() == 0
        b.store.attempts.clear(DAYS[1])
        assert a.copy.pull() == 1
        assert a.store.attempts.all() == {}
        assert (a.copy.waiting(), b.copy.waiting()) == ([], [])

    def test_a_newer_day_is_never_replaced_by_an_older_one(self, a: Machine, b: Machine, record: Record) -> None:
        a.write("1")
        b.copy.pull()
        newer = a.write("2")
        b.write("3")  # made from the version that has been replaced
        assert (a.ids, b.ids) == ([newer], [newer])
        found = record.fetch(NAME)
        assert found
        assert found.content == a.store.files.path(DAY).read_bytes() == b.store.files.path(DAY).read_bytes()
        newest = b.write("4")
        a.copy.bring_up_to_date()
        assert a.ids == [newest]

    def test_a_lost_or_damaged_local_day_comes_back(self, a: Machine) -> None:
        stored = a.write()
        a.store.files.put_aside(DAY)
        assert (a.ids, a.copy.waiting()) == ([], [])
        assert a.copy.pull() == 1
        assert a.ids == [stored]

    @pytest.mark.parametrize("kind", ["changed", "put by another program", "empty"])
    def test_a_damaged_object_is_named_and_not_stored(
        self, a: Machine, b: Machine, record: Record, caplog: pytest.LogCaptureFixture, kind: str
    ) -> None:
        a.write()
        damage(record, kind)
        b.copy.pull()
        [sentence] = b.copy.damaged().values()
        assert sentence.startswith(f"{NAME} of {record.name} is damaged (")
        assert sentence in caplog.text
        assert str(b.folder.path) not in sentence
        assert list(b.store.files.folder.glob("*.parquet")) == []
        assert b.copy.pull() == 0, "it is read once"
        stored = b.write()
        assert (b.copy.damaged(), b.ids) == ({}, [stored])
        a.copy.pull()
        assert a.ids == [stored]

    def test_a_damaged_day_is_not_pushed(self, a: Machine, record: Record) -> None:
        a.write()
        before = record.fetch(NAME)
        path = a.store.files.path(DAY)
        path.write_bytes(path.read_bytes()[:-9])
        assert a.copy.push_waiting() == 0
        assert record.fetch(NAME) == before

    def test_the_record_of_another_chain_is_refused(self, a: Machine, tmp_path: Path, record: Record) -> None:
        stored = a.write()
        other = machine(tmp_path / "other", record, EthereumIdentity(5, block_hash(0), DAY))
        for work in (other.copy.pull, other.copy.bring_up_to_date, lambda: other.write("1")):
            with pytest.raises(OtherChain, match="nothing was read or put there") as refused:
                work()
            assert_shown("`... holds days of the chain ..., but ... those of ...`", str(refused.value))
        assert a.copy.pull() == 0
        assert a.ids == [stored]

    def test_another_record_gets_everything(self, a: Machine, tmp_path: Path) -> None:
        from obstore.store import MemoryStore

        stored = a.write()
        other = Record("another", MemoryStore())
        moved = machine(a.folder.path, other)
        assert moved.copy.waiting() == [DAY]
        moved.copy.bring_up_to_date()
        assert (moved.copy.waiting(), moved.ids) == ([], [stored])
        found = machine(tmp_path / "c", other, None)
        found.copy.pull()
        assert found.ids == [stored]


def test_days_wait_while_the_server_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with moto() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        record = open_record(server.new_url())
        here = machine(tmp_path / "a", record)
        here.write()
    with caplog.at_level(logging.WARNING):
        here.write(day=1)
        here.write(day=2)
    assert here.copy.waiting() == [DAYS[2], DAYS[1]]
    assert len(here.ids) == 3
    [said] = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert "days stored here are kept and put there later" in said
    assert_shown("`... days stored here are kept and put there later`", said)
    assert KEY not in said
    assert SECRET not in said
    with moto(urlsplit(server.endpoint).port or 0):
        here = machine(tmp_path / "a", open_record(record.name))  # the next run
        here.copy.bring_up_to_date()
        assert here.copy.waiting() == []
        assert len(record.marks(f"days/{BLOCKS}")) == 3


@contextmanager
def refusing(body: bytes) -> Iterator[str]:
    """Answer every request with 403 and this body."""

    class Refusing(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = _refuse  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_a_refused_key_is_said_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{KEY}</AWSAccessKeyId></Error>".encode()
    with refusing(body) as endpoint:
        for name, value in Server(endpoint).environment.items():
            monkeypatch.setenv(name, value)
        record = open_record("s3://history")
        works: list[Callable[[], object]] = [
            lambda: record.marks("days"),
            lambda: record.fetch(NAME),
            lambda: record.put(NAME, b"one", over=None),
        ]
        for work in works:
            with pytest.raises(StoreError, match="InvalidAccessKeyId") as refused:
                work()
            assert not {KEY, SECRET} & set(str(refused.value).replace(">", " ").replace("<", " ").split())
            assert "\n" not in str(refused.value)

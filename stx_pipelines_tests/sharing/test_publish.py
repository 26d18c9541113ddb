"""`publish` sends the page, the results and the closed days to a folder or a bucket; the manifest lists them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.sharing.manifest import NAME, decode
from stx_pipelines.sharing.publish import Published, publish, published
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import known_identity
from stx_pipelines.store.objects import Objects, open_objects
from stx_pipelines_tests.buckets import SECRET, moto
from stx_pipelines_tests.world import World, make_chain

MakeWorld = Callable[..., World]


@pytest.fixture
def full(make_world: MakeWorld) -> World:
    """Some days, the newest open, with a result and a page of two files."""
    world = make_world(make_chain(3, transactions_per_day=60), stx_tip_age_minutes=0)
    world.stored()
    open_metrics(world.project()).refresh(["network_daily"])
    page = world.folder.page
    (page.parent / "wallets").mkdir(parents=True)
    (page.parent / "wallets" / "SP1.js").write_text("wallets()")
    (page.parent / ".index.html.1.tmp").write_text("of a killed run")
    (page.parent / "wallets" / ".0123.1.tmp").mkdir()
    (page.parent / "wallets" / ".0123.1.tmp" / "SP2.js").write_text("of a killed run")
    page.write_text("<h1>one</h1>")
    return world


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def send(world: World, target: Path, *, with_days: bool = True) -> Published:
    return publish(world.project(), open_objects(str(target), writes=True), with_days=with_days)


def test_every_listed_file_is_there_with_its_bytes(full: World, site: Path) -> None:
    result = send(full, site)
    manifest = decode((site / NAME).read_bytes(), "site")
    assert {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()} == {
        *manifest.by_name,
        NAME,
    }
    assert (result.files, result.sent, result.removed) == (len(manifest.files), len(manifest.files), 0)
    for entry in manifest.files:
        content = (site / entry.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.bytes, entry.sha256)
    certificates = full.certificates()
    assert {entry.day: entry.certificate for entry in manifest.files if entry.day} == {
        day: known.id for day, known in certificates.items() if known.is_closed
    }
    assert manifest.stacks == known_identity(full.folder)
    assert {"index.html", "wallets/SP1.js", "metrics/network_daily.parquet"} <= manifest.by_name.keys()


def test_a_csv_file_has_the_rows_of_its_parquet_file(full: World, site: Path) -> None:
    send(full, site, with_days=False)
    rows = pq.read_table(site / "metrics" / "network_daily.parquet").to_pylist()
    with (site / "metrics" / "network_daily.csv").open(newline="") as file:
        texts = list(csv.DictReader(file))
    assert len(rows) == len(texts) > 0
    assert [{name: text for name, text in row.items() if "fee" in name} for row in texts] == [
        {name: "" if value is None else str(value) for name, value in row.items() if "fee" in name} for row in rows
    ]


def test_only_what_changed_is_sent_and_what_is_gone_is_removed(full: World, site: Path) -> None:
    send(full, site)
    before = (site / NAME).read_bytes()
    assert send(full, site)[1:] == (0, 0, 0)
    assert (site / NAME).read_bytes() == before
    full.folder.page.write_text("<h1>two</h1>")
    (full.folder.page.parent / "wallets" / "SP1.js").unlink()
    assert send(full, site)[1:3] == (1, 1)
    assert (site / "index.html").read_text() == "<h1>two</h1>"
    assert not (site / "wallets" / "SP1.js").exists()


def test_published_days_stay_without_days(full: World, site: Path) -> None:
    days = send(full, site).files
    full.folder.page.write_text("<h1>two</h1>")
    assert send(full, site, with_days=False)[:3] == (days, 1, 0)
    closed = [day for day, known in full.certificates().items() if known.is_closed]
    assert len(list((site / "days" / "transactions").iterdir())) == len(closed) > 0


def test_a_manifest_is_written_after_the_files(full: World, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send(full, site)
    before = (site / NAME).read_bytes()
    full.folder.page.write_text("<h1>two</h1>")
    monkeypatch.setattr(Objects, "write", _fail)
    with pytest.raises(StoreError, match="no room"):
        send(full, site)
    assert (site / NAME).read_bytes() == before


def test_the_page_is_sent_after_the_files_of_its_search(
    full: World, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(Objects, "write", lambda _, name, *__: names.append(name))
    send(full, site)
    assert names[-3:] == ["wallets/SP1.js", "index.html", NAME]


def _fail(*_: object) -> None:
    raise StoreError("no room")


def test_a_later_manifest_is_not_replaced(full: World, site: Path) -> None:
    send(full, site)
    later = (site / NAME).read_bytes().replace(b'"version": 1', b'"version": 2')
    (site / NAME).write_bytes(later)
    with pytest.raises(StoreError, match="later version"):
        send(full, site)
    assert (site / NAME).read_bytes() == later


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve S3 on this machine and return the address of a folder in a bucket."""
    with moto() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server.new_url()


def test_a_bucket_gets_the_same_files(full: World, bucket: str) -> None:
    target = open_objects(bucket, writes=True)
    publish(full.project(), target, with_days=True)
    manifest = published(target)
    assert manifest is not None
    for entry in manifest.files:
        content = target.read(entry.name)
        assert content is not None
        assert hashlib.sha256(content).hexdigest() == entry.sha256
    assert publish(full.project(), target, with_days=True)[1:] == (0, 0, 0)
    with pytest.raises(StoreError) as refused:
        open_objects("s3://none/stacks", writes=True).write("a", b"", "text/plain")
    assert "could not be written" in str(refused.value)
    assert str(refused.value).endswith("what was published before is kept: run the same command again")
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["s3://key:secretword@bucket/x", "s3://bucket/x?sig=secretword", "ftp://secretword/x", "s3://"]
)
def test_an_address_of_another_form_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(StoreError) as refused:
        open_objects(address, writes=True)
    assert "secretword" not in str(refused.value)

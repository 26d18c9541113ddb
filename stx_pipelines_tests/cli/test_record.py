"""Two machines share a record: what one of them stores, the other has, and a lost data folder comes back whole."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines_tests.buckets import KEY, SECRET, Server, moto
from stx_pipelines_tests.cli.folders import DONE, ERROR, Run, day_file, shown
from stx_pipelines_tests.world import World, recent_chain, table_rows, world

DAYS = 2


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with moto() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def a(bucket: Server, tmp_path: Path) -> Iterator[World]:
    settings: dict[str, Any] = {"stx_target_days": DAYS, "stx_tip_age_minutes": 0, "stx_record_url": bucket.new_url()}
    with world(recent_chain(DAYS, transactions_per_day=60), tmp_path / "a", **settings) as made:
        yield made


@pytest.fixture
def b(a: World, tmp_path: Path) -> World:
    """Another machine with the same settings and an empty disk."""
    return World(a.url, tmp_path / "b", devnet=a.devnet, overrides=a.overrides)


def test_days_of_one_machine_are_those_of_the_other_and_of_a_new_disk(
    a: World, b: World, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        done = run(a, "sync")
        assert done.exit_code == DONE, done.output
        a.requests()
        status = shown(run, b)
        assert (status["days_landed"], status["waiting_to_push"]) == (len(a.days), [])
        assert f"  record        {a.overrides['stx_record_url']}\n" in run(b, "status").stdout
        assert a.requests() == 0
        done = run(b, "sync")
        assert done.exit_code == DONE, done.output
        assert [route for route in a.devnet.stats.by_route if "transactions" in route] == []
        b.assert_true()
        before = table_rows(a.data)
        shutil.rmtree(a.data)
        done = run(a, "rebuild")
        assert done.exit_code == DONE, done.output
        assert f"files taken from {a.overrides['stx_record_url']}, 0 sent to it" in done.output
        assert table_rows(a.data) == before
    assert not [word for word in (KEY, SECRET) if word in caplog.text + done.output]


def test_a_folder_that_was_filled_before_is_sent_by_rebuild(a: World, b: World, run: Run, bucket: Server) -> None:
    url = a.overrides.pop("stx_record_url")
    a.stored()
    a.overrides["stx_record_url"] = url
    assert run(a, "status").stdout.count(f"{url}, to which {len(a.days)} days must be pushed") == 1
    assert f"{len(a.days)} days must be pushed to {url}" in run(a, "health").stdout
    path = day_file(a, a.days[0])
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert run(a, "rebuild", "--force").exit_code == ERROR
    assert shown(run, a)["waiting_to_push"] == [a.days[0].isoformat()]
    path.write_bytes(content)
    done = run(a, "rebuild")
    assert done.exit_code == DONE, done.output
    assert f"0 files taken from {url}, 1 sent to it" in done.output
    assert run(b, "rebuild").exit_code == DONE
    assert table_rows(b.data) == table_rows(a.data)


def test_a_sync_without_the_record_stores_its_days_and_says_that_they_wait(
    a: World, bucket: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    done = run(a, "sync")
    assert done.exit_code == DONE, done.output
    assert f"{len(a.days)} days must be pushed to {a.overrides['stx_record_url']}; the next sync does so" in done.stderr
    assert run(a, "rebuild").exit_code == ERROR
    monkeypatch.setenv("AWS_ENDPOINT", bucket.endpoint)
    assert run(a, "sync").exit_code == DONE
    assert shown(run, a)["waiting_to_push"] == []

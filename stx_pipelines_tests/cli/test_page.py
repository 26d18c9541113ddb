"""`page` makes the page if it is missing or old, and opens or serves it; `metrics` computes everything again."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from http import HTTPStatus

import click
import pytest
import requests

from stx_pipelines_tests.cli.folders import DONE, ERROR, MakeWorld, Run
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import ROOT, World, child_environment, recent_chain


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return two stored and loaded days, and today; no page."""
    world = make_world(recent_chain(2, transactions_per_day=60), stx_target_days=2)
    world.stored()
    return world


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the addresses that a command opened in the browser."""
    addresses: list[str] = []
    monkeypatch.setattr(click, "launch", addresses.append)
    return addresses


def test_a_missing_page_is_made_and_opened_without_a_request(world: World, run: Run, opened: list[str]) -> None:
    world.requests()
    done = run(world, "page")
    assert done.exit_code == DONE, done.output
    assert world.requests() == 0
    assert opened == [world.folder.page.resolve().as_uri()]
    assert done.stdout.strip().endswith(opened[0])
    assert "<h1" in world.folder.page.read_text()


def test_a_fresh_page_is_not_made_again(world: World, run: Run, opened: list[str]) -> None:
    assert run(world, "page").exit_code == DONE
    before = world.folder.page.stat().st_mtime_ns
    assert run(world, "page", "--no-open").exit_code == DONE
    assert world.folder.page.stat().st_mtime_ns == before
    assert len(opened) == 1


def test_metrics_computes_everything_again(world: World, run: Run) -> None:
    assert run(world, "metrics").exit_code == DONE
    results = [world.folder.metric("wallets_daily"), world.folder.page]
    before = [path.stat().st_mtime_ns for path in results]
    settled = world.folder.settled("settled_accounts")
    settled.parent.mkdir()
    settled.touch()
    done = run(world, "metrics", "--from-scratch")
    assert done.exit_code == DONE
    assert str(world.folder.page) in done.stdout
    assert not settled.exists()
    assert all(path.stat().st_mtime_ns > then for path, then in zip(results, before, strict=True))


@pytest.mark.parametrize("command", ["page", "metrics"])
def test_without_a_stored_day_the_command_says_what_to_do(
    make_world: MakeWorld, run: Run, opened: list[str], command: str
) -> None:
    done = run(make_world(recent_chain(1)), command)
    assert done.exit_code == ERROR
    assert "run `stx-pipelines sync` first" in done.stderr
    assert opened == []


def test_the_page_is_served_on_this_machine_until_the_command_is_stopped(world: World) -> None:
    command = [sys.executable, "-m", "stx_pipelines.cli", "page", "--serve", "--port", "0", "--no-open"]
    environment = child_environment(world.environment)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
            assert "<h1" in requests.get(address, timeout=LONGEST).text
            [wallets] = world.folder.wallets.iterdir()
            listed = requests.get(f"{address}wallets/{wallets.name}/index.js", timeout=LONGEST)
            assert listed.text == (wallets / "index.js").read_text()
            assert listed.headers["Content-Type"] == "text/javascript"
            assert "default-src 'none'" in listed.headers["Content-Security-Policy"]
            assert requests.get(f"{address}wallets/", timeout=LONGEST).status_code == HTTPStatus.NOT_FOUND
        finally:
            process.kill()


def test_a_taken_port_is_named(world: World, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(world, "page", "--serve", "--port", str(port), "--no-open")
    assert done.exit_code == ERROR
    assert f"127.0.0.1:{port}" in done.stderr
    assert "choose another --port" in done.stderr

"""The command `publish` makes the page if needed and sends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stx_pipelines.cli import publish as command
from stx_pipelines_tests.cli.folders import DONE, ERROR, MakeWorld, Run
from stx_pipelines_tests.world import World, recent_chain


@pytest.fixture
def world(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return two stored days with a page that was made elsewhere."""
    world = make_world(recent_chain(2, transactions_per_day=60), stx_target_days=2)
    world.stored()
    world.folder.page.parent.mkdir()
    world.folder.page.write_text("<h1>one</h1>")
    monkeypatch.setattr(command, "make_page", lambda _: [])
    return world


def test_the_numbers_of_files_are_said(world: World, run: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = run(world, "publish", str(site), "--json")
    assert done.exit_code == DONE, done.output
    said = json.loads(done.stdout)
    assert (said["files"], said["sent"], said["removed"], said["target"]) == (1, 1, 0, str(site))
    assert f"1 of 1 files were sent (0.0 MiB) to {site}" in done.stderr
    assert (site / "index.html").read_text() == "<h1>one</h1>"


def test_a_folder_inside_the_data_folder_is_refused(world: World, run: Run) -> None:
    done = run(world, "publish", str(world.data / "public" / "site"))
    assert done.exit_code == ERROR
    assert "is inside the data folder" in done.output
    assert not (world.data / "public" / "site").exists()

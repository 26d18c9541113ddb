"""Dagster's history is opened by one process at a time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stx_pipelines.cli import materialize
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines_tests.world import ROOT


def test_two_processes_never_make_dagsters_tables_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(materialize, "_OPENING_SECONDS", 0.0)
    with locked(Path(".dagster") / "opening.lock", "test", wait=0), pytest.raises(Busy, match="Dagster's history"):
        materialize.open_instance()
    with materialize.open_instance() as instance:
        assert instance.get_runs() == []

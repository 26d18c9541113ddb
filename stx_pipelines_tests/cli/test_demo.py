"""The demo: a devnet of its own, its whole history, and what came of it. Here with fewer days."""

from __future__ import annotations

from pathlib import Path

import pytest

from stx_pipelines.cli import demo
from stx_pipelines_tests.world import ROOT, query


def test_the_demo_shows_its_whole_history_and_can_be_run_twice(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(demo, "DAYS", 3)
    monkeypatch.setattr(demo, "ETHEREUM_DAYS", 1)
    monkeypatch.setattr(demo, "_TRANSACTIONS_PER_DAY", 400)
    for _ in range(2):
        assert demo.run_demo(data) == 0
        said = capfd.readouterr().out
        assert "days complete   4" in said
        assert "token_transfer" in said
        assert str(data / "warehouse.duckdb") in said
    [(blocks, balances)] = query(data, "SELECT (SELECT max(number) FROM blocks), count(*) FROM miners_balance")
    assert blocks == balances > 7_000
    [(transactions,)] = query(data, "SELECT count(*) FROM transactions")
    assert transactions > 1_000
    assert not (Path.cwd() / "data").exists()

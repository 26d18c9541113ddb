"""`status --watch`: a live screen until Ctrl-C."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stx_pipelines.cli import watch
from stx_pipelines_tests.cli.folders import DONE, Run, day_file
from stx_pipelines_tests.world import World


def test_the_live_screen_shows_status_and_a_square_a_day_until_ctrl_c(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=ctrl_c))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "60")
    day_file(full, full.days[1]).unlink()
    done = run(full, "status", "--watch")
    assert done.exit_code == DONE
    drawn, legend = done.stdout.split("· missing")
    assert [drawn.count(sign) for sign in "■○·"] == [2, 1, 1]
    assert "Mon" in drawn
    assert "■ closed" in legend
    assert "transactions: 3 of 4 days complete (75 %)" in done.stdout
    assert f"holes         {full.days[1]}" in done.stdout
    stored = [day for day in full.days if day != full.days[1]]
    assert all(f"  {day} " in done.stdout.split("last stored")[1] for day in stored)

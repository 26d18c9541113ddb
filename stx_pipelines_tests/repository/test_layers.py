"""Imports only go down: the contracts in `.importlinter` hold."""

from __future__ import annotations

import os

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from stx_pipelines_tests.world import ROOT


def test_the_layers_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out[-3000:]
    assert os.path.samefile(ROOT, ".")  # noqa: PTH121 - the linter reads its working folder

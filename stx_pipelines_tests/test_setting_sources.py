"""The environment overrides `.env` in every process, and a name in it that misspells a setting is a warning."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from stx_pipelines.settings import exported, load_settings
from stx_pipelines_tests.world import ROOT, command


def test_a_misspelled_name_in_the_environment_is_a_warning_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STX_TARGETS_DAYS", "5")
    assert load_settings().stx_target_days == load_settings().stx_target_days == 180
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "warning: STX_TARGETS_DAYS in the environment is not a setting; did you mean STX_TARGET_DAYS? (see "
        ".env.example)\n"
    )


@pytest.mark.parametrize("name", ["ETH_RPC_ULR", "HIRO_API_KEYS", "STX_DATADIR"])
def test_a_command_warns_on_stderr_and_works(name: str) -> None:
    done = command(["status", "--json"], {name: "x"})
    assert json.loads(done.stdout)[0]["dataset"] == "transactions"
    assert done.stderr.count("warning: ") == 1
    assert f"warning: {name} in the environment is not a setting; did you mean " in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("ETH_RPC_URL_2", "ETH_RPC_URLS", "ETH_RPC_TIMEOUT", "ETH_RPC_JWT_SECRET", "ETH_FROM", "ETH_KEYSTORE"),
        *("ETH_PASSWORD", "ETH_GAS_PRICE", "ETH_TIMESTAMP", "ETH_NODE_URL", "STXENV", "hiro_api_key", "HIRO_NETWORK"),
    ],
)
def test_names_of_other_tools_and_settings_in_lower_case_are_no_warning(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "5")
    load_settings()
    assert capsys.readouterr().err == ""


def test_in_dagsters_processes_the_environment_overrides_a_file_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster copies `.env` over its environment when it starts."""
    monkeypatch.setenv("STX_FRESHNESS", "7")
    kept = exported()
    Path(".env").write_text("STX_TARGET_DAYS=11\nSTX_FRESHNESS=8\nSTX_OPEN_EVERY=9\n")
    for name, value in (("STX_TARGET_DAYS", "11"), ("STX_FRESHNESS", "8"), ("STX_OPEN_EVERY", "9")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_STX_EXPORTED", kept)
    assert exported() == kept
    settings = load_settings()
    assert (settings.stx_target_days, settings.stx_freshness, settings.stx_open_every) == (11, 7, 9)
    Path(".env").write_text("STX_TARGET_DAYS=12\nSTX_FRESHNESS=8\n")
    settings = load_settings()
    assert (settings.stx_target_days, settings.stx_freshness, settings.stx_open_every) == (12, 7, 10)


def test_make_dev_and_make_up_keep_the_environment() -> None:
    said = subprocess.run(["make", "-n", "dev"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "_STX_EXPORTED=$(" in said
    assert "export _STX_EXPORTED\n" in (ROOT / "deploy/services.sh").read_text()

"""Targets, commands, settings, assets and files that the documents name exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from stx_pipelines.cli.main import main
from stx_pipelines.definitions import defs
from stx_pipelines.settings import Settings
from stx_pipelines_tests.world import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("**/*.md"))]
TARGETS = {
    target
    for targets in re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in targets.split()
}
MAKE_VARIABLES = set(re.findall(r"^([A-Z_]+)\s*[?:]?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
SETTINGS = {name.upper() for name in Settings.model_fields}
OURS = re.compile(r"\b(?:HIRO|STX|ETH|ETHEREUM)_[A-Z][A-Z_0-9]*\b")
NOT_OURS = ("pypi" + ".org", "files.python" + "hosted.org", "/wo" + "rk/", "sha" + "red/")


def code_in(text: str) -> str:
    """Return the text of code blocks and between backticks: the places of commands."""
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", rest)])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_make_target_exists(path: Path) -> None:
    code = code_in(path.read_text())
    mentioned = {
        word
        for words in re.findall(r"^[ \t$]*make((?:[ \t]+[A-Za-z_=0-9.-]+)+)", code, re.MULTILINE)
        for word in words.split()
        if "=" not in word
    }
    assert mentioned <= TARGETS
    variables = set(re.findall(r"\bmake [^\n#]*?\b([A-Z_]+)=", code))
    assert variables <= MAKE_VARIABLES | SETTINGS


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_command_and_its_options_exist(path: Path) -> None:
    for word, rest in re.findall(r"\bstx-pipelines ([a-z][a-z-]*)([^\n`#|&;]*)", code_in(path.read_text())):
        assert word in main.commands, f"stx-pipelines {word}"
        known = {opt for param in main.commands[word].params if isinstance(param, click.Option) for opt in param.opts}
        options = set(re.findall(r"(--[a-z][a-z-]*)", rest))
        assert options <= known | {"--help"}, f"stx-pipelines {word}{rest}"


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / ".env.example", ROOT / "Makefile"], ids=name)
def test_every_setting_exists(path: Path) -> None:
    assert set(OURS.findall(path.read_text())) <= SETTINGS


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_selected_asset_exists(path: Path) -> None:
    assets = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    for selected in re.findall(r"--select[= ]([a-z_,]+)", code_in(path.read_text())):
        assert set(selected.split(",")) <= assets


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_linked_file_exists(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_target_the_makefile_calls_phony_exists() -> None:
    phony = re.findall(r"^\.PHONY:(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(" ".join(phony).split()) <= TARGETS


def test_no_file_names_places_that_only_exist_where_it_was_written() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = {
        (path, word)
        for path in listed.split("\0")
        if path and (ROOT / path).is_file()
        for word in NOT_OURS
        if word.encode() in (ROOT / path).read_bytes()
    }
    assert found == set()

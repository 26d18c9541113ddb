"""Files stay short, and texts for people use the words of the glossary."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from stx_pipelines_tests.world import ROOT

PACKAGE, TESTS = ROOT / "stx_pipelines", ROOT / "stx_pipelines_tests"
MOST_LINES = {PACKAGE: 300, TESTS: 350}

BANNED = re.compile(
    r"\b(lands?|landed|landing|walk(s|ed|ing)?|homewards?|(bring|brings|brought|bringing) .{0,40}\bhome)\b",
    re.IGNORECASE,
)
"""Words for which the glossary has another one: store, stored, sync."""

CODE = re.compile(r"`[^`]*`")
"""Names in backquotes, which are promises and stay."""


def sources(folder: Path) -> list[Path]:
    """Return the Python and SQL files of a folder."""
    return sorted(path for ending in ("py", "sql") for path in folder.rglob(f"*.{ending}"))


def banned_in(path: Path) -> list[str]:
    """Return the lines of comments and texts that contain a banned word; of documents all lines."""
    content = path.read_text()
    if path.suffix == ".py":
        lines = sorted(_comments_and_texts(content))
    elif path.suffix == ".sql":
        lines = [(number, line.partition("--")[2]) for number, line in enumerate(content.splitlines(), 1)]
    else:
        lines = list(enumerate(content.splitlines(), 1))
    return [f"{number}: {line.strip()}" for number, line in lines if BANNED.search(CODE.sub("", line))]


def _comments_and_texts(content: str) -> Iterator[tuple[int, str]]:
    """Yield comments and strings with their line numbers, except strings of one word, which are names."""
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\s", node.value):
            yield from enumerate(node.value.splitlines(), node.lineno)


def name(path: Path) -> str:
    """Return a path as the tests' names show it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", MOST_LINES, ids=name)
def test_files_are_short(folder: Path) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in folder.rglob("*.py")}
    long = [f"{name(path)}: {lines}" for path, lines in lengths.items() if lines > MOST_LINES[folder]]
    assert sorted(long) == [], f"split files of more than {MOST_LINES[folder]} lines"


@pytest.mark.parametrize(
    "path",
    [*sources(PACKAGE), ROOT / "README.md", ROOT / ".env.example", *sorted((ROOT / "docs").glob("*.md"))],
    ids=name,
)
def test_texts_use_the_words_of_the_glossary(path: Path) -> None:
    assert banned_in(path) == [], "use store, stored, load or sync instead"


@pytest.mark.parametrize(
    ("file", "text", "is_plain"),
    [
        ("a.py", '"""Bring days home."""', False),
        ("a.py", "# the walk stops here", False),
        ("a.py", 'message = f"{day} has landed"', False),
        ("a.py", 'walk = row["landed"]  # names may stay', True),
        ("a.py", "# the sidewalk of an island", True),
        ("a.py", '"""The figure `landing`."""', True),
        ("a.sql", "SELECT landed -- the column stays", True),
        ("a.sql", "SELECT 1 -- landed days", False),
        ("a.md", "Landed days, newest first", False),
    ],
)
def test_banned_words_are_found_in_texts_and_not_in_names(file: str, text: str, is_plain: bool, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text + "\n")
    assert (banned_in(tmp_path / file) == []) is is_plain

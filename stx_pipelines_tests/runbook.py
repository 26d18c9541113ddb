"""The symptoms of docs/runbook.md, and what a test says when it has produced one. Not here: tests (test_*.py)."""

from __future__ import annotations

import re
from itertools import dropwhile, takewhile

from stx_pipelines_tests.world import ROOT

_ROW = re.compile(r"\| (?P<symptom>.+?) \|")
_MESSAGE = re.compile(r"(?:`health` ends with \d: )?`(?P<message>.+)`(?: \(.*\))?")
_OPEN = re.compile(r"(\.\.\.|\d[\d,-]*|\bN\b)")
"""The parts of a quoted message that differ from case to case: dots, numbers and days."""


def symptoms() -> list[str]:
    """Return the first column of the runbook's table of symptoms."""
    lines = (ROOT / "docs" / "runbook.md").read_text().splitlines()
    table = dropwhile(lambda line: not line.startswith("| you see |"), lines)
    rows = list(takewhile(lambda line: line.startswith("|"), table))[2:]
    return [found["symptom"] for row in rows if (found := _ROW.match(row))]


def assert_shown(symptom: str, said: str) -> None:
    """Assert that the program said what the runbook quotes. A symptom without a quoted message is only a name.

    `repository/test_runbook.py` asserts that a test calls this for each symptom, with the runbook's words.
    """
    assert symptom in symptoms(), f"docs/runbook.md has no such symptom: {symptom}"
    if found := _MESSAGE.fullmatch(symptom):
        parts = _OPEN.split(found["message"])
        pattern = "".join(".+" if number % 2 else re.escape(part) for number, part in enumerate(parts))
        assert re.search(pattern, said, re.DOTALL), f"{pattern} is not in: {said}"

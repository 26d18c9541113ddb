"""Every name in `promised_names.txt` is present, and every present name is in it."""

from __future__ import annotations

import subprocess

import pytest

from stx_pipelines_tests.repository.present_data import names_in_use
from stx_pipelines_tests.repository.present_names import names_without_data
from stx_pipelines_tests.repository.promised_names import COMMAND, FILE, WITHDRAWN, grown, names, read, write
from stx_pipelines_tests.world import ROOT

TEXT = FILE.read_text()
PROMISED = read(TEXT)
ADD_THEM = f"run `{COMMAND}` and commit the file: names that users can see are never removed"


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the present names, by kind."""
    return names_without_data() | names_in_use(tmp_path_factory.mktemp("names"))


@pytest.mark.parametrize("kind", PROMISED)
def test_every_promised_name_is_present(present: dict[str, set[str]], kind: str) -> None:
    missing = sorted(names(PROMISED[kind]) - present.get(kind, set()))
    assert not missing, f"promised but missing ({kind}): {', '.join(missing)}"


def test_every_present_name_is_promised(present: dict[str, set[str]]) -> None:
    new = {kind: sorted(lines - PROMISED.get(kind, set())) for kind, lines in present.items()}
    found = {kind: lines for kind, lines in new.items() if lines}
    assert not found, f"not promised yet: {found}; {ADD_THEM}"


def test_no_line_of_the_file_was_ever_removed() -> None:
    """The available git history is searched. A name that was never released may be withdrawn in a comment."""
    log = ["git", "log", "-p", "--format=", "--no-color", "--no-ext-diff", "--", f":(glob)**/{FILE.name}"]
    shown = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    once = {line[1:] for line in shown if line.startswith("+") and not line.startswith(("+++", "+#"))} - {""}
    now = {line.removeprefix(WITHDRAWN) for line in TEXT.splitlines()}
    assert sorted(once - now) == []


def test_the_file_is_as_the_command_writes_it() -> None:
    """A new name is therefore one new line in the diff."""
    assert write(PROMISED) == TEXT, f"run `{COMMAND}`, which sorts the lines"


def test_the_command_adds_names_and_removes_none() -> None:
    promised = {"commands": {"old", "kept", f"{WITHDRAWN}mistaken"}}
    together = grown(promised, {"commands": {"kept", "new"}, "tables": {"blocks"}})
    assert together == {"commands": {"old", "kept", "new", f"{WITHDRAWN}mistaken"}, "tables": {"blocks"}}
    assert read(write(together)) == together
    assert names(together["commands"]) == {"old", "kept", "new"}

"""Every option has a help text, every command has examples that work, and the shell completes them."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from stx_pipelines.cli.main import main
from stx_pipelines_tests.cli.folders import DONE
from stx_pipelines_tests.world import ROOT


def help_of(*command: str) -> str:
    done = CliRunner().invoke(main, [*command, "--help"])
    assert done.exit_code == DONE
    return done.stdout


@pytest.mark.parametrize("name", main.commands)
def test_every_option_has_a_help_text(name: str) -> None:
    options = [each for each in main.commands[name].params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", main.commands)
def test_the_examples_of_a_command_are_on_lines_of_their_own_and_can_be_typed(name: str) -> None:
    examples = re.findall(rf"^  stx-pipelines {name}\b(.*)$", help_of(name), re.MULTILINE)
    assert examples, f"the help of {name} has no example"
    for arguments in examples:
        main.commands[name].make_context(name, shlex.split(arguments))  # raises a usage error for a wrong option


def test_the_help_of_the_program_has_examples_too() -> None:
    assert re.search(r"^  stx-pipelines sync --target-days 30$", help_of(), re.MULTILINE)


SHELLS = re.findall(r"(_\w+_COMPLETE)=(\w+)_source", (ROOT / "docs" / "runbook.md").read_text())


@pytest.mark.parametrize(("variable", "shell"), SHELLS)
def test_the_runbook_names_the_variable_that_completes_options(variable: str, shell: str) -> None:
    answers = {}
    for words, number in (("stx-pipelines sy", 1), ("stx-pipelines sync --pl", 2)):
        place = words.split()[-1] if shell == "fish" else str(number)
        environment = {variable: f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": place}
        answers[words] = CliRunner().invoke(main, [], prog_name="stx-pipelines", env=environment).stdout
    assert "sync" in answers["stx-pipelines sy"]
    assert "--plan" in answers["stx-pipelines sync --pl"]
    assert "--retry" not in answers["stx-pipelines sync --pl"]


def test_the_runbook_describes_three_shells() -> None:
    assert [shell for _, shell in SHELLS] == ["bash", "zsh", "fish"]

"""Known errors end in one sentence and an exit code; unknown errors are not hidden."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stx_pipelines.cli.exit_codes import in_one_sentence, worst
from stx_pipelines.clients.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET
from stx_pipelines_tests.world import child_environment

AGAIN = "; stored days are kept; run the same command again"


def failing(error: Exception) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (Unreachable("no answer"), NOT_YET, f"stopped: no answer{AGAIN}"),
        (Unreachable("no answer: try again"), NOT_YET, "stopped: no answer: try again"),
        (RateLimited("wait", datetime.now(UTC)), NOT_YET, f"stopped: wait{AGAIN}"),
        (Interrupted("ended"), NOT_YET, "stopped: ended"),
        (Busy("in use", "process 1"), NOT_YET, "stopped: in use"),
        (SettingsError("wrong"), ERROR, "error: wrong"),
        (ApiError("refused"), ERROR, "error: refused"),
        (StoreError("damaged"), ERROR, "error: damaged"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_a_known_error_is_one_sentence_and_its_code(
    error: Exception, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_one_sentence(failing, error) == code
    assert capsys.readouterr() == ("", f"{sentence}\n")


def test_an_unknown_error_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        in_one_sentence(failing, ZeroDivisionError())


def test_of_several_codes_an_error_counts_before_what_is_not_done() -> None:
    assert worst([DONE, NOT_YET, ERROR]) == ERROR
    assert worst([DONE, NOT_YET, DONE]) == NOT_YET
    assert worst([DONE]) == DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("arguments", [["--help"], ["tables", "--json"]])
def test_output_that_cannot_be_written_is_one_sentence_and_the_code_of_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stx_pipelines.cli", *arguments],
            env=child_environment({}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        ERROR,
        "error: the output could not be written (No space left on device); stored days are kept: make room, or write "
        "it to another place\n",
    )

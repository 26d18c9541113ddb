"""Known errors end in one sentence and an exit code; unknown errors are not hidden."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stx_pipelines.cli.exit_codes import in_one_sentence, worst
from stx_pipelines.clients.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET

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

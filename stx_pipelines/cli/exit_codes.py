"""Exit codes of the commands, and the errors that each code stands for.

The codes of `health` are in `coverage/health.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, ParamSpec

import click

from stx_pipelines.clients.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy
from stx_pipelines.store.shared import SharedError

P = ParamSpec("P")

DONE = 0
ERROR = 1
NOT_YET = 2  # days remain, or the command was stopped

KNOWN_ERRORS = (ApiError, Busy, SettingsError, StoreError)
"""The errors that end a command with one sentence."""


class Ending(NamedTuple):
    """The sentence and the exit code of an error."""

    sentence: str
    code: int


def worst(codes: Collection[int]) -> int:
    """Return the worst of several exit codes. `ERROR` is worse than `NOT_YET`, which is worse than `DONE`."""
    return max(codes, key=(DONE, NOT_YET, ERROR).index)


def in_one_sentence(work: Callable[P, int], *args: P.args, **options: P.kwargs) -> int:
    """Call `work` with the arguments and return its exit code.

    If `work` raises a known error, print the error as one sentence and return the exit code of the error.
    """
    try:
        return work(*args, **options)
    except KNOWN_ERRORS as error:
        return say_ending(error).code


def say_ending(error: Exception) -> Ending:
    """Print the sentence of a known error. Return the sentence and the exit code."""
    ending = ending_of(error)
    click.echo(ending.sentence, err=True)
    return ending


def ending_of(error: Exception) -> Ending:
    """Return the sentence and the exit code of a known error."""
    if isinstance(error, Unreachable | RateLimited):
        what_to_do = "" if "try again" in str(error) else "; stored days are kept; run the same command again"
        return Ending(f"stopped: {error}{what_to_do}", NOT_YET)
    if isinstance(error, Interrupted | Busy | SharedError):
        return Ending(f"stopped: {error}", NOT_YET)
    return Ending(f"error: {error}", ERROR)

"""The option `--json`: one JSON object on stdout at the end of a command, and everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import click
import msgspec

from stx_pipelines.cli.exit_codes import KNOWN_ERRORS, ending_of

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and everything else on stderr."
)
"""The option; the command gets whether it was given."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The object that a command prints. Scripts rely on the fields: fields may be added, never changed.

    `code` is the exit code. `error` is the sentence of the error that ended the command, or None.
    """

    code: int
    error: str | None = None


Show = Callable[[Answer], None]
"""A function that prints an object on stdout, or prints nothing without `--json`."""


@contextmanager
def json_on_stdout(as_json: bool, failed: Callable[..., Answer] = Answer) -> Iterator[Show]:
    """Yield the function that prints the object. With `as_json`, print all other lines of the block on stderr.

    If the block raises a known error, print the object that `failed` makes from the code and the error's sentence.
    """
    if not as_json:
        yield lambda _: None
        return
    stdout = sys.stdout

    def show(answer: Answer) -> None:
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2), file=stdout)

    with redirect_stdout(sys.stderr):
        try:
            yield show
        except KNOWN_ERRORS as error:
            ending = ending_of(error)
            show(failed(code=ending.code, error=ending.sentence))
            raise

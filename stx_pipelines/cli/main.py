"""The command line: the group of all commands.

The work of each command is in a separate file. Importing a command must not import Dagster, DuckDB or PyArrow, so that
`status` starts quickly.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

import click

from stx_pipelines.cli.demo import demo
from stx_pipelines.cli.devnet import devnet
from stx_pipelines.cli.exit_codes import ERROR, in_one_sentence
from stx_pipelines.cli.health import health
from stx_pipelines.cli.page import page
from stx_pipelines.cli.publish import publish
from stx_pipelines.cli.pull import pull
from stx_pipelines.cli.query import query
from stx_pipelines.cli.rebuild import rebuild
from stx_pipelines.cli.results import metrics
from stx_pipelines.cli.statement import statement
from stx_pipelines.cli.status import status
from stx_pipelines.cli.sync import sync
from stx_pipelines.cli.tables import tables
from stx_pipelines.cli.verify import verify
from stx_pipelines.version import VERSION

click.UsageError.exit_code = ERROR  # click's default is 2, which means NOT_YET here


class Commands(click.Group):
    """A group of commands. Each command returns its exit code, and a known error is printed as one sentence."""

    def invoke(self, ctx: click.Context) -> NoReturn:
        """Run the given command and exit with its code."""
        sys.exit(in_one_sentence(super().invoke, ctx))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Read the command line and run its command. If stdout cannot be written, exit with the code of a full disk."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)][-1] is not click.echo.__code__:
                raise
            with suppress(OSError):  # stderr may be on the same disk
                why = f"error: the output could not be written ({error.strerror})"
                click.echo(f"{why}; stored days are kept: make room, or write it to another place", err=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest at its end
            sys.exit(ERROR)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="stx-pipelines", message="%(prog)s %(version)s")
def main() -> None:
    """Keep a history, proved complete, of the Stacks chain and of Ethereum's fee recipients.

    \b
    stx-pipelines sync --target-days 30
    stx-pipelines status
    stx-pipelines COMMAND --help
    """


for command in (
    *(sync, status, health, page, query, tables, verify, metrics, rebuild, publish, pull, statement),
    *(devnet, demo),
):
    main.add_command(command)

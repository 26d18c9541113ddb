"""The command `query`, which runs a query of the database."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import get_args

import click

from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.queries import FileFormat, result_text, write_result

TABLE = "table"
_FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)


@click.command()
@click.argument("sql", metavar="SQL")
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, *_FILE_FORMATS]),
    help="The form of the result. [table; with --output, the ending of the file's name]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result to this file and print its number of rows.",
)
def query(sql: str, form: str | None, output: Path | None) -> int:
    """Run a query of the database and print its result.

    SQL is one query in DuckDB's dialect, or - to read it from the standard input. The database is opened read-only. The
    format `table` shortens long results; all other formats are complete, and their numbers keep every digit.

    \b
    stx-pipelines query "FROM wallets_daily"
    stx-pipelines query "SELECT * FROM transactions" --output transactions.parquet
    """
    project = Project.load()
    database, wait = project.folder.database, project.settings.stx_lock_wait_seconds
    text = sys.stdin.read() if sql == "-" else sql
    if output is not None:
        rows = write_result(database, text, output, _form_of(form, output), wait=wait)
        click.echo(f"{rows:,} rows written to {output}")
    elif form == "parquet":
        raise SettingsError("--format parquet needs --output FILE")
    elif form in _FILE_FORMATS:
        _print_file(database, text, form, wait)
    else:
        click.echo(result_text(database, text, wait=wait))
    return DONE


def _form_of(form: str | None, output: Path) -> FileFormat:
    """Return the format of the file: the given one, or else that of its name's ending."""
    named = form or output.suffix.removeprefix(".")
    for known in _FILE_FORMATS:
        if named == known:
            return known
    raise SettingsError(f"--output {output}: give --format {', '.join(_FILE_FORMATS)}, or a name with that ending")


def _print_file(database: Path, sql: str, form: FileFormat, wait: float) -> None:
    """Print the result in this format. DuckDB writes files only, and /dev/stdout would replace a file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        write_result(database, sql, path, form, wait=wait)
        sys.stdout.flush()
        with path.open("rb") as result:
            shutil.copyfileobj(result, sys.stdout.buffer)

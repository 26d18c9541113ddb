"""The command `statement`, which prints everything that changed the balance of a Stacks account."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stx_pipelines.cli.exit_codes import DONE, NOT_YET
from stx_pipelines.cli.options import day_option
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import replace_file

if TYPE_CHECKING:
    from stx_pipelines.sharing.statement import Line, Statement

_HEAD = ("time", "height", "type", "status", "sent STX", "received STX", "fee STX", "balance STX", "transaction")
_COLUMNS = (
    *("time", "height", "tx_id", "tx_type", "status", "involvement"),
    *("sent_ustx", "received_ustx", "fee_ustx", "balance_ustx"),
)
_MICRO = Decimal(1_000_000)


@click.command()
@click.argument("address")
@day_option("--from", "first", help="First day.")
@day_option("--to", "last", help="Last day, included.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv"]),
    default="table",
    show_default=True,
    help="The form of the lines.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the lines to this file.")
def statement(address: str, first: date | None, last: date | None, form: str, output: Path | None) -> int:
    """Print every transaction that changed the balance of a Stacks account, and whether it all adds up.

    The balances after the last block before --from and after the last block of --to are asked from the server. A day is
    the UTC date of the Stacks block. A transaction is listed if the account sent it or paid its fee, or if it moved the
    account's STX. In CSV, amounts are whole microSTX. What is sent includes the fee. The last line, on stderr for CSV,
    says whether opening balance, transactions and closing balance agree. This needs no stored day.

    Exit code 0: it adds up; 1: an error; 2: it does not add up.

    \b
    stx-pipelines statement SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7 --from 2026-11-01 --to 2026-11-30
    stx-pipelines statement SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7 --from 2026-11-01 --to 2026-11-30 --format csv
    """
    from stx_pipelines.chains.stacks_accounts import is_principal
    from stx_pipelines.sharing.statement import make_statement

    if first is None or last is None or first > last:
        raise SettingsError("--from and --to are needed, and --from is not after --to")
    if not is_principal(address):
        raise SettingsError(f"{address[:150]!r} is not a Stacks address")
    project = Project.load()
    api = project.stacks_api()
    made = make_statement(api, project.stacks_node(api.http), address, first, last)
    text = _csv(made.lines) if form == "csv" else _table(made)
    if output is not None:
        replace_file(output, lambda aside: aside.write_text(text, encoding="utf-8"))
        click.echo(f"{len(made.lines):,} transactions written to {output}")
    else:
        click.echo(text, nl=False)
    click.echo(_verdict(made), err=form == "csv" and output is None)
    return NOT_YET if made.unexplained_ustx else DONE


def _csv(lines: Iterable[Line]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((_time(line).isoformat().replace("+00:00", "Z"), *line[1:]) for line in lines)
    return file.getvalue()


def _time(line: Line) -> datetime:
    return datetime.fromtimestamp(line.time, UTC)


def _table(made: Statement) -> str:
    rows = [_HEAD, *(_row(line) for line in made.lines)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    numbers = range(_HEAD.index("sent STX"), _HEAD.index("transaction"))
    return "".join(f"{_aligned(row, widths, numbers)}\n" for row in rows)


def _aligned(row: tuple[str, ...], widths: list[int], numbers: range) -> str:
    cells = (
        text.rjust(width) if at in numbers else text.ljust(width)
        for at, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()


def _row(line: Line) -> tuple[str, ...]:
    amounts = (line.sent_ustx, line.received_ustx, line.fee_ustx, line.balance_ustx)
    shown = [_stx(amount) if amount or at == len(amounts) - 1 else "" for at, amount in enumerate(amounts)]
    return (f"{_time(line):%Y-%m-%d %H:%M}", str(line.height), line.tx_type, line.status, *shown, line.tx_id)


def _stx(ustx: int) -> str:
    return f"{Decimal(ustx) / _MICRO:,.6f}"


def _verdict(made: Statement) -> str:
    return " ".join(_sentences(made))


def _sentences(made: Statement) -> Iterator[str]:
    opening = f"after block {made.opening.height:,}" if made.opening else "before the chain's first block"
    yield (
        f"{_stx(made.opening_ustx)} STX {opening} + {_stx(made.received_ustx)} received - {_stx(made.sent_ustx)} sent "
        f"in {len(made.lines):,} transactions;"
    )
    yield f"{_stx(made.closing_ustx)} STX after block {made.closing.height:,}:"
    if not made.unexplained_ustx:
        yield "it adds up to the microSTX."
        return
    yield f"{_stx(made.unexplained_ustx)} STX are not explained by transactions."
    yield "Block rewards, the allocations of the genesis block and their unlocks are no transactions."

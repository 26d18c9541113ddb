"""Results as a file, as a table in the terminal and as a table in the README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stx_pipelines.store.files import replace_file
from stx_pipelines_tests.benchmarks.machine import Machine

BEGIN, END = "<!-- performance: begin -->", "<!-- performance: end -->"

_WORDS = {True: "yes", False: "no", None: "-"}
_COLUMNS = ("figure", "measured", "goal", "met")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one figure. `value` is in the goal's unit; `measured` says why where there is none."""

    name: str
    figure: str
    measured: str
    behind: str = ""
    goal: str
    value: float | None = None
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The figure's row in a table."""
        behind = f" ({self.behind})" if self.behind else ""
        return self.figure, self.measured + behind, self.goal, _WORDS[self.met]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a run; `machine` is None where nothing has been measured yet."""

    quick: bool
    minutes: float
    machine: Machine | None
    figures: tuple[Result, ...]


def save(results: Results, path: Path) -> None:
    """Write the results as indented JSON."""
    content = msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n"
    replace_file(path, lambda aside: aside.write_bytes(content))


def load(path: Path) -> Results:
    """Read the results. Raises FileNotFoundError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table(*_COLUMNS)
    for result in results:
        table.add_row(*map(escape, result.cells), style="red" if result.met is False else None)
    Console().print(table)


def markdown(results: Results) -> str:
    """Return the table and a sentence about the machine."""
    head = [" | ".join(_COLUMNS), " | ".join("---" for _ in _COLUMNS)]
    rows = [" | ".join(cell.replace("|", "\\|") for cell in result.cells) for result in results.figures]
    table = "\n".join(f"| {line} |" for line in head + rows)
    return f"{table}\n\n{_measured_on(results)}"


def _measured_on(results: Results) -> str:
    machine = results.machine
    if machine is None:
        return "Not measured yet: `make bench`."
    libraries = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"Measured on {machine.day} in {results.minutes:.0f} minutes: {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_gib} GiB, {machine.system}, Python {machine.python}, {libraries}."
    )


def table_in(text: str) -> str:
    """Return the text between the markers. Raises ValueError without them."""
    _, _, rest = text.partition(BEGIN)
    between, marker, _ = rest.partition(END)
    if not marker:
        raise ValueError(f"{BEGIN} and {END} are missing")
    return between.strip()


def with_table(text: str, table: str) -> str:
    """Return the text with another table between the markers."""
    table_in(text)
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"

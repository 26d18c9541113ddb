"""The file of promised names and the command that adds new ones. Not here: finding the present names (present_*.py).

    python -m stx_pipelines_tests.repository.promised_names

adds every new name to `promised_names.txt` and removes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

FILE = Path(__file__).with_suffix(".txt")

COMMAND = "python -m stx_pipelines_tests.repository.promised_names"

WITHDRAWN = "# withdrawn: "
"""The start of the line of a name that was added by mistake and never released; the reason follows."""

_HEAD = f"""\
# The names that other people's scripts, queries and data folders rely on: by kind, one a line, in order.
# None is ever renamed or dropped. New ones are added by: {COMMAND}
"""


def read(text: str) -> dict[str, set[str]]:
    """Return the lines of each kind, including comments."""
    _, *parts = re.split(r"^\[([^\[\]\n]+)\]$", text, flags=re.MULTILINE)
    return {
        kind: {line for line in lines.splitlines() if line} for kind, lines in zip(parts[::2], parts[1::2], strict=True)
    }


def names(lines: Iterable[str]) -> set[str]:
    """Return the lines that are not comments."""
    return {line for line in lines if not line.startswith("#")}


def grown(promised: Mapping[str, set[str]], present: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the promised and the present names together."""
    kinds = [*promised, *(kind for kind in present if kind not in promised)]
    return {kind: promised.get(kind, set()) | present.get(kind, set()) for kind in kinds}


def write(kinds: Mapping[str, set[str]]) -> str:
    """Return the text of the file."""
    return "\n".join([_HEAD, *("\n".join([f"[{kind}]", *sorted(lines), ""]) for kind, lines in kinds.items())])


def main() -> None:
    """Add the present names to the file."""
    from stx_pipelines_tests.repository.present_data import names_in_use
    from stx_pipelines_tests.repository.present_names import names_without_data

    promised = read(FILE.read_text()) if FILE.exists() else {}
    with TemporaryDirectory() as folder:
        present = names_without_data() | names_in_use(Path(folder))
    new = grown(promised, present)
    FILE.write_text(write(new))
    for kind, lines in new.items():
        for line in sorted(lines - promised.get(kind, set())):
            print(f"added to [{kind}]: {line}")


if __name__ == "__main__":
    main()

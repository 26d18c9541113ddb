"""The Python example of the README. Run over the demo's folder, this module writes the outputs into the README again:

make demo && .venv/bin/python -m stx_pipelines_tests.repository.readme_example
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from doctest import DocTestParser, Example

from stx_pipelines_tests.world import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- read: begin -->\n```python\n)(.*?)(```\n<!-- read: end -->)", re.DOTALL)


def examples(text: str) -> list[Example]:
    """Return the statements of the README's example, each with the output that the README shows."""
    found = BLOCK.search(text)
    assert found is not None
    return DocTestParser().get_examples(found[2])


def run(statements: list[Example]) -> Iterator[str]:
    """Run the statements in the present folder and yield what each prints."""
    names: dict[str, object] = {}
    for each in statements:
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(each.source, "README.md", "single"), names)
        yield printed.getvalue()


def refreshed(text: str) -> str:
    """Return the README with the outputs of a new run."""
    statements = examples(text)
    lines = [f">>> {each.source}{_plain(output)}" for each, output in zip(statements, run(statements), strict=True)]
    return BLOCK.sub(lambda found: found[1] + "".join(lines) + found[3], text)


def _plain(output: str) -> str:
    """Return an output without spaces at the ends of lines."""
    return re.sub(r" +$", "", output, flags=re.MULTILINE)


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text()))

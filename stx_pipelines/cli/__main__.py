"""Run the command line as `stx-pipelines` or `python -m stx_pipelines.cli`."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

from stx_pipelines.cli.main import main


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("no command of stx-pipelines uses pandas", name=fullname)


def leave_out_pandas() -> None:
    """Make imports of pandas fail in this process, as if it were not installed. No command uses it.

    DuckDB and pyarrow import pandas when they convert the first value. That takes 0.2 s and 50 MB.
    """
    sys.meta_path.insert(0, _WithoutPandas())


def run() -> None:
    """Run the command that the arguments name."""
    leave_out_pandas()
    main()


if __name__ == "__main__":
    run()

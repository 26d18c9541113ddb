"""The versions of running processes that differ from the installed version. Versions of files are in `store`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.coverage.progress import Progress
from stx_pipelines.coverage.services import listens
from stx_pipelines.store.shared import Shared
from stx_pipelines.version import VERSION

_EARLIER = "<0.2.0"  # these versions of the package do not report their version


def other_versions(shared: Shared, services: Path) -> dict[str, str]:
    """Return the running processes of other versions than this process, each with its version.

    Processes are the runs that share the locks, and `make up`, which keeps its socket and its version in `services`.
    Raises `StoreError` for a file that cannot be read.
    """
    found = {}
    for dataset in DATASETS:
        report, process = shared.reported(dataset, Progress), shared.holder(dataset)
        if report and process == report.process:
            found[process] = report.version or _EARLIER
    if listens(services / "ctl"):
        found["make up"] = _text(services / "version") or _EARLIER
    return {process: version for process, version in found.items() if version != VERSION}


def versions_sentence(others: Mapping[str, str]) -> str:
    """Return a sentence that names the processes of other versions and says what to do."""
    running = ", ".join(f"{process} runs version {version}" for process, version in others.items())
    return f"{running}, but version {VERSION} is installed: restart with `make down && make up`"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""

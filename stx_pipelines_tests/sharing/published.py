"""A published folder that tests change as a forger would, and pulls from it. Not here: tests (test_*.py)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.project import Project
from stx_pipelines.sharing.manifest import NAME, Manifest, decode, encode
from stx_pipelines.sharing.offer import Place
from stx_pipelines.sharing.pull import Pull, plan_pull
from stx_pipelines.sharing.sample import Goal
from stx_pipelines.store.arrow import from_arrow, to_arrow
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.objects import open_objects

GOAL = Goal(Decimal("0.999"), Decimal("0.0001"))  # all rows are compared, so that one forged row is always found

Rows = list[Any]


class Done(NamedTuple):
    """The result of a pull: the stored days, the reasons for refused days, and the requests expected and sent."""

    stored: list[Place]
    refused: dict[Place, str]
    expected: int
    sent: int


def pull(project: Project, site: Path, days: Sequence[date], chain: Chain = STACKS) -> Done:
    source = open_objects(str(site), writes=False)
    plan = plan_pull(project, source, [chain], days[0], days[-1], GOAL)
    work = Pull(project, source, GOAL)
    stored = work.run(plan) if plan.parts else []
    expected = sum(part.requests for part in plan.parts)
    return Done(stored, work.refused, expected, work.requests)


def copy_of(site: Path, folder: Path) -> Path:
    return Path(shutil.copytree(site, folder))


@contextmanager
def changed_manifest(site: Path) -> Iterator[dict[str, Any]]:
    """Yield the fields of the manifest, and write those that were changed."""
    manifest = decode((site / NAME).read_bytes(), "site")
    fields = {name: getattr(manifest, name) for name in Manifest.__struct_fields__}
    yield fields
    (site / NAME).write_bytes(encode(Manifest(**fields)))


def forge(
    site: Path,
    day: date,
    change: Callable[[Rows], Rows] = lambda rows: rows,
    dataset: str = TRANSACTIONS,
    **facts: Any,
) -> None:
    """Change the rows of a published day and the certificate's `facts`, and make the manifest fit to the file."""
    files = DayFiles(site / "days" / dataset, remembers=False)
    rows = change(from_arrow(DATASETS[dataset], files.read(day)))
    certificate = files.certificate(day)
    assert certificate is not None
    write(site, to_arrow(DATASETS[dataset], rows), msgspec.structs.replace(certificate, **facts))


def write(site: Path, table: pa.Table, certificate: Certificate) -> None:
    """Replace a published day, and make the manifest fit to the file."""
    files = DayFiles(site / "days" / certificate.dataset, remembers=False)
    stored = files.write(table, certificate)
    content = files.path(certificate.day).read_bytes()
    facts: Mapping[str, Any] = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": table.num_rows,
        "certificate": stored.id,
    }
    name = f"days/{certificate.dataset}/{certificate.day}.parquet"
    with changed_manifest(site) as fields:
        fields["files"] = [
            msgspec.structs.replace(entry, **facts) if entry.name == name else entry for entry in fields["files"]
        ]

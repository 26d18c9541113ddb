"""How far the copy of the tables in PostgreSQL is. This module asks the server; no other one of this package does."""

from __future__ import annotations

import msgspec

from stx_pipelines.coverage.status import DatasetStatus
from stx_pipelines.project import Project
from stx_pipelines.store.served import NotCopied


def with_copy(project: Project, status: DatasetStatus) -> DatasetStatus:
    """Return the status with the number of copied days, or the reason why it is not known."""
    if project.served is None:
        return status
    try:
        copied = project.served.loaded(status.dataset)
    except NotCopied as error:
        return msgspec.structs.replace(status, copied_to=project.served.name, not_copied=str(error))
    stored = project.store(status.dataset).files.certificates()
    count = sum(copied.get(day) == known.id for day, known in stored.items())
    return msgspec.structs.replace(status, copied_to=project.served.name, days_copied=count)

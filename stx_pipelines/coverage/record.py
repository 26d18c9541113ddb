"""A sentence about the days that are not in the record yet. No request is sent."""

from __future__ import annotations

from collections.abc import Sequence

from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project


def waiting_to_push(project: Project, chains: Sequence[Chain]) -> str | None:
    """Return how many days of these chains wait to be pushed, and where; None without such days or without a record.

    Each day of each dataset counts.
    """
    copies = [project.store(dataset.name).copy for chain in chains for dataset in chain.wanted(project)]
    count = sum(len(copy.waiting()) for copy in copies if copy)
    if not count:
        return None
    return f"{count_days(count)} must be pushed to {project.settings.stx_record_url}; the next sync does so"

"""Looking at the server's newest block: every look notes the block's own time, and an old one has no later days."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from stx_pipelines.chains.stacks import Tip
from stx_pipelines.clients.errors import Behind
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import behind_sentence
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.sync.outcome import FailedDay

log = logging.getLogger(__name__)


def note_tip(landing: DatasetStore[Any], server: str, unix_seconds: int, now: datetime, limit: timedelta) -> Sighting:
    """Note beside the dataset's coverage of when the server's newest block is."""
    time = datetime.fromtimestamp(unix_seconds, UTC)
    landing.mark_tip(time, now, limit)
    seen = Sighting(server, time, since=now, seen=now, limit=limit)
    if seen.is_stale:
        log.warning("%s", behind_sentence(seen))
    return seen


def note_stacks_tip(
    api: StacksApi, landing: DatasetStore[Any], tip: Tip, now: datetime, limit: timedelta
) -> Sighting | None:
    """The same for Stacks, by the block's own time: its burn block's stays old through an extended tenure.

    None where the server does not give that block: one of several behind an address may lag.
    """
    block = api.block_if_there(tip.block_height)
    return note_tip(landing, api.http.name, block.block_time, now, limit) if block else None


def out_of_reach(landing: DatasetStore[Any], days: Iterable[date], seen: Sighting | None) -> list[FailedDay]:
    """The days after a stale newest block's, newest first: read now, they would become empty files.

    Those that have landed already are compared with the chain like any other.
    """
    if seen is None or not seen.is_stale:
        return []
    landed = landing.files.certificates()
    late = sorted((day for day in days if day > seen.day and day not in landed), reverse=True)
    return [FailedDay(day, Behind(behind_sentence(seen))) for day in late]

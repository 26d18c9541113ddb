"""The frame of every walk: closed days cost nothing, failures are remembered, what has landed is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.clients.errors import Behind, Interrupted, RateLimited, Unreachable
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile, NewerDayFile
from stx_pipelines.sync.outcome import FailedDay, Landed, Outcome

log = logging.getLogger(__name__)
Row = TypeVar("Row")


def bring_home(
    landing: DatasetStore[Row],
    days: Iterable[date],
    closed: Callable[[date], Certificate | None],
    fetch: Callable[[Sequence[date]], Iterator[Outcome]],
    remember: Callable[[FailedDay], None],
) -> Iterator[Outcome]:
    """Each day as it lands, newest first: `closed` ones are here already, the others are fetched.

    Failed days are told apart from landed ones and do not stop the others.
    """
    wanted = sorted(set(days), reverse=True)
    newer = landing.files.newer()
    here = {day: known for day in wanted if day not in newer and (known := closed(day))}
    landing.reconcile()
    landing.load(wait=0.0)
    for known in here.values():
        landing.attempts.clear(known.day)
        yield Landed(known, fetched=False)
    yield from (FailedDay(day, NewerDayFile(newer[day])) for day in wanted if day in newer)
    rest = [day for day in wanted if day not in here and day not in newer]
    for result in fetch(rest) if rest else ():
        if isinstance(result, FailedDay):
            remember(result)
        yield result
    landing.load()


def count_failure(landing: DatasetStore[Row], failed: FailedDay, probe: Callable[[], object], now: datetime) -> None:
    """Count a failed proof. What could not be read counts only while the server answers such questions.

    A day that the server does not have yet was not tried at all.
    """
    if isinstance(failed.error, Behind):
        return
    if isinstance(failed.error, RateLimited | Interrupted):
        raise failed.error
    if isinstance(failed.error, Unreachable):
        probe()  # raises if the server is down: then no other day can be read either
    landing.attempts.add(failed.day, str(failed.error), now)


def known_certificate(landing: DatasetStore[Row], day: date) -> Certificate | None:
    """The day's certificate; None if it has not landed, if its file is damaged, or if only a later version reads it."""
    try:
        return landing.files.certificate(day)
    except (DamagedDayFile, NewerDayFile) as error:
        log.warning("%s", error)
        return None

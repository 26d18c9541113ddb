"""The ticks that Dagster recorded while this machine's clock was ahead.

A sensor waits for the interval after its last tick. After a tick in the future it would wait until then.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg
from dagster._core.scheduler.instigation import SensorInstigatorData
from sqlalchemy.exc import SQLAlchemyError

from stx_pipelines.chains.clock import is_past

_SECONDS_BETWEEN_LOOKS = 60.0

_log = logging.getLogger(__name__)


def forget_future_ticks(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Forget the times of last ticks that are in the future, and log their sensors. Return them. Cursors are kept."""
    forgotten = []
    for state in instance.all_instigator_state():
        data = state.instigator_data
        if isinstance(data, SensorInstigatorData) and not is_past(_last(data), now):
            without = data._replace(last_tick_timestamp=None, last_tick_start_timestamp=None)
            instance.update_instigator_state(state.with_data(without))
            forgotten.append(state.instigator_name)
    if forgotten:
        names = ", ".join(forgotten)
        _log.warning("the clock was ahead when these sensors ran last, so they run again now: %s", names)
    return forgotten


def watch() -> None:
    """Forget future ticks every minute, in a thread that ends with the process."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    time.sleep(_SECONDS_BETWEEN_LOOKS)  # by then the daemon has made the storage of a new history
    with dg.DagsterInstance.get() as instance:
        while True:
            with suppress(SQLAlchemyError):  # the daemon reports that its storage is away
                forget_future_ticks(instance, datetime.now(UTC))
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _last(data: SensorInstigatorData) -> datetime:
    return datetime.fromtimestamp(max(data.last_tick_timestamp or 0, data.last_tick_start_timestamp or 0), UTC)

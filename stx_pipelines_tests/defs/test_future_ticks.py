"""Sensors that ran while the clock was ahead run again after it was corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
)
from dagster._daemon.sensor import get_elapsed

from stx_pipelines.defs.future_ticks import forget_future_ticks
from stx_pipelines_tests.runbook import assert_shown

RUNNING = InstigatorStatus.RUNNING


def test_a_clock_that_was_a_year_ahead_stops_no_sensor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A tick in the future is forgotten, whether it ended or not. Cursors and other sensors are as before.

    A sensor that STX_AUTOSTART started has another status than one that a person started.
    """
    now = datetime.now(UTC)
    ahead, before = (now + timedelta(days=365)).timestamp(), (now - timedelta(seconds=20)).timestamp()
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def add(name: str, status: InstigatorStatus = RUNNING, **times: float) -> InstigatorState:
            data = SensorInstigatorData(cursor=f"cursor of {name}", min_interval=30, **times)
            origin = RemoteInstigatorOrigin(repository, name)
            return instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status, data))

        def found(state: InstigatorState) -> InstigatorState:
            again = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
            assert again is not None
            return again

        ended = add(
            "ended", InstigatorStatus.DECLARED_IN_CODE, last_tick_timestamp=ahead, last_tick_start_timestamp=ahead
        )
        killed = add("killed", last_tick_timestamp=before, last_tick_start_timestamp=ahead)
        usual = add("usual", last_tick_timestamp=before, last_tick_start_timestamp=before)
        assert (get_elapsed(ended) or 0) < 0  # the daemon would wait for a year

        assert set(forget_future_ticks(instance, now)) == {"ended", "killed"}
        assert_shown(
            "`the clock was ahead when these sensors ran last, so they run again now: ...` (in the daemon's log)",
            caplog.text,
        )
        for state in (ended, killed):
            assert get_elapsed(found(state)) is None
            assert found(state).instigator_data.cursor == f"cursor of {state.instigator_name}"  # type: ignore[union-attr]
        assert found(usual) == usual
        assert forget_future_ticks(instance, now) == []

"""Dagster's daemon with a short log without colours. A clock that was ahead stops none of its sensors.

Start it with `python -m stx_pipelines.defs.daemon` and the options of `dagster-daemon`.
"""

from __future__ import annotations

import logging

from dagster._daemon.cli import main as dagster_daemon

from stx_pipelines.defs import future_ticks
from stx_pipelines.defs.service_logs import OnlyNews, use_plain_logs


def main() -> None:
    """Run `dagster-daemon` with these logs and this watch."""
    use_plain_logs()
    logging.getLogger("dagster.daemon.SensorDaemon").addFilter(OnlyNews())
    future_ticks.watch()
    dagster_daemon()


if __name__ == "__main__":
    main()

"""The check that burn blocks are not of the future."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import BurnBlock
from stx_pipelines.chains.stacks_proof import CLOCK_DRIFT

_WRONG_CLOCK = timedelta(minutes=10)


def refuse_future(burns: Iterable[BurnBlock], now: datetime, date: str) -> None:
    """Raise `ProofError` for a burn block more than two hours after `now` and after the server's `date` header.

    If the two differ by more than ten minutes, the message says so, because this machine's clock may be wrong.
    """
    server = _time_of(date)
    latest = (max(now, server) if server else now).timestamp() + CLOCK_DRIFT
    late = next((burn for burn in burns if burn.burn_block_time > latest), None)
    if late is None:
        return
    clock = ""
    if server and abs(now - server) > _WRONG_CLOCK:
        ours, theirs = f"{now:%Y-%m-%d %H:%M} UTC", f"{server:%Y-%m-%d %H:%M} UTC"
        clock = f"; check the clock of this machine: it shows {ours}, the server's {theirs}"
    raise ProofError(
        f"burn block {late.burn_block_height} has the time {late.burn_block_time}, more than two hours from now{clock}",
        {late.burn_block_height},
    )


def _time_of(date: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

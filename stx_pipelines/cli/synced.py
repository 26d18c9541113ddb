"""The JSON object of `sync`."""

from __future__ import annotations

from datetime import date

import msgspec

from stx_pipelines.cli.answers import Answer


class SyncedChain(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a `sync` for one chain. Scripts rely on the fields: fields may be added, never changed.

    `code` is the exit code for this chain, `sentence` its coverage, or the reason why it ended. `stored` are the days
    that this command stored, `failing` the days that wait for their next attempt. `failures` has a sentence for each
    failed run. The counts are None if the chain's coverage is not known.
    """

    chain: str
    code: int
    sentence: str
    days_wanted: int | None = None
    days_complete: int | None = None
    stored: list[date] = []
    failing: list[date] = []
    set_aside: list[date] = []
    failures: list[str] = []


class Synced(Answer, frozen=True, kw_only=True):
    """The result of `sync`. `failures` has a sentence for each failure of the metrics or of the page."""

    chains: list[SyncedChain]
    failures: list[str]

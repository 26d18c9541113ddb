"""The compared clients: our sync, a sequential pager, threads that discard responses.

Each is a step for a separate process (separate_process.py). The heavy libraries are imported here, before any clock
starts. `python -m ...compared_clients URL FOLDER DAY...` is a process that only syncs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb  # noqa: F401 - a sync imports it where it is used
import pandas as pd  # noqa: F401 - duckdb imports it at the first connection
import pyarrow.csv  # noqa: F401
import pyarrow.parquet as pq  # noqa: F401
import requests

from stx_pipelines.project import Project
from stx_pipelines.settings import load_settings
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines.sync.stacks.sync import StacksSync, open_stacks

T = TypeVar("T")

PAGE = "/extended/v3/transactions"


class Synced(NamedTuple):
    """The requests of a sync, and the transactions and days it stored."""

    requests: int
    transactions: int
    days: int


def open_sync(url: str, folder: Path, requests_per_minute: int = 0, readers: int | None = None) -> StacksSync:
    """Open the project's own Stacks sync into `folder`."""
    settings = load_settings(
        hiro_api_url=url,
        hiro_api_key="",
        hiro_requests_per_minute=requests_per_minute,
        hiro_readers=readers,
        stx_data_dir=folder,
    )
    return open_stacks(Project(settings))


def sync(
    url: str, folder: Path, days: Sequence[date], requests_per_minute: int = 0, readers: int | None = None
) -> Synced:
    """Fetch, prove and store days in `folder`. Raises RuntimeError for a day that fails."""
    stacks = open_sync(url, folder, requests_per_minute, readers)
    seen = count = 0
    for outcome in stacks.sync(days):
        if isinstance(outcome, FailedDay):
            raise RuntimeError(f"{outcome.day}: {outcome.error}")  # noqa: TRY004 - no caller gave a wrong type
        seen += outcome.certificate.seen
        count += 1
    return Synced(stacks.client.http.sent, seen, count)


def requests_of_a_sync(url: str, folder: Path, days: Sequence[date]) -> list[str]:
    """Return the URLs that a sync of these days requests, in its order."""
    stacks = open_sync(url, folder)
    asked: list[str] = []
    get: Callable[..., Any] = stacks.client.http.get

    def noting(path: str, *arguments: Any, **named: Any) -> Any:
        parameters = named.get("params")
        asked.append(requests.Request("GET", url + path, params=parameters).prepare().url or "")
        return get(path, *arguments, **named)

    stacks.client.http.get = noting  # type: ignore[method-assign]
    list(stacks.sync(days))
    return asked


def naive_pager(url: str) -> int:
    """Read every transaction of the chain as JSON, page after page; return the number of requests."""
    rows: list[dict[str, Any]] = []
    count, cursor = 0, None
    with requests.Session() as session:
        while count == 0 or cursor is not None:
            parameters = {"limit": 50} | ({"cursor": cursor} if cursor else {})
            page = session.get(url + PAGE, params=parameters, timeout=30).json()
            rows += page["results"]
            cursor = page["cursor"]["next"]
            count += 1
    return count


def bare_threads(urls: Sequence[str], threads: int) -> int:
    """Request these URLs with threads and discard the responses; return their total number of bytes."""
    return _discard(lambda session, url: session.get(url, timeout=30), urls, threads)


def bare_posts(url: str, bodies: Sequence[bytes], threads: int) -> int:
    """Post these JSON bodies to one URL with threads, discard the responses; return their number of bytes."""
    json = {"content-type": "application/json"}
    return _discard(lambda session, body: session.post(url, data=body, headers=json, timeout=30), bodies, threads)


def _discard(ask: Callable[[requests.Session, T], requests.Response], items: Sequence[T], threads: int) -> int:
    local = threading.local()

    def read(item: T) -> int:
        session: requests.Session | None = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
        answer = ask(session, item)
        answer.raise_for_status()
        return len(answer.content)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(read, items))


if __name__ == "__main__":
    sync(sys.argv[1], Path(sys.argv[2]), [date.fromisoformat(day) for day in sys.argv[3:]])

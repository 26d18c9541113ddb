"""Clients that are compared, as steps for a process of their own (apart.py): our sync, and what others would write.

The heavy libraries are imported here, before any clock starts. `python -m ...clients URL FOLDER DAY...` is the sync
alone as a process.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb  # noqa: F401 - the walk imports it where it is used
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
    """What a sync brought home."""

    requests: int
    transactions: int
    days: int


def open_walk(url: str, folder: Path, requests_per_minute: int = 0) -> StacksSync:
    """The product's own walk into `folder`."""
    settings = load_settings(
        hiro_api_url=url, hiro_api_key="", hiro_requests_per_minute=requests_per_minute, stx_data_dir=folder
    )
    return open_stacks(Project(settings))


def sync(url: str, folder: Path, days: Sequence[date], requests_per_minute: int = 0) -> Synced:
    """Bring days home into `folder`: read, proved, landed. RuntimeError for a day that fails."""
    walk = open_walk(url, folder, requests_per_minute)
    seen = count = 0
    for outcome in walk.sync(days):
        if isinstance(outcome, FailedDay):
            raise RuntimeError(f"{outcome.day}: {outcome.error}")  # noqa: TRY004 - no caller gave a wrong type
        seen += outcome.certificate.seen
        count += 1
    return Synced(walk.client.http.sent, seen, count)


def requests_of_a_sync(url: str, folder: Path, days: Sequence[date]) -> list[str]:
    """What a sync of these days asks for, in its order."""
    walk = open_walk(url, folder)
    asked: list[str] = []
    get: Callable[..., Any] = walk.client.http.get

    def noting(path: str, *arguments: Any, **named: Any) -> Any:
        parameters = named.get("params")
        asked.append(requests.Request("GET", url + path, params=parameters).prepare().url or "")
        return get(path, *arguments, **named)

    walk.client.http.get = noting  # type: ignore[method-assign]
    list(walk.sync(days))
    return asked


def naive_pager(url: str) -> int:
    """Every transaction of the chain as JSON objects, one page after another; how many requests it took."""
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
    """Read these addresses with so many threads and forget the answers; how many bytes they had."""
    return _discard(lambda session, url: session.get(url, timeout=30), urls, threads)


def bare_posts(url: str, bodies: Sequence[bytes], threads: int) -> int:
    """The same of these JSON bodies, posted to one address."""
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

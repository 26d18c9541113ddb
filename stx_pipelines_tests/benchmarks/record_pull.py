"""The speed of a pull of days from the record in object storage, compared with fetching the same objects bare."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.store import from_url

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_copy import DayCopy
from stx_pipelines.store.record import open_record
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, NotMeasured, Scale, ratio_of_medians
from stx_pipelines_tests.benchmarks.metrics_curve import write_days
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process, running_beside
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder
from stx_pipelines_tests.buckets import Server, moto
from stx_pipelines_tests.ports import free_port
from stx_pipelines_tests.waiting import wait_until

_AT_ONCE = 8  # requests, as many as a pull sends


def push(server: Server, url: str, folder: Path) -> int:
    """Push every day of a folder; return their number."""
    return _copy(server, url, folder).push_waiting()


def pull(server: Server, url: str, folder: Path) -> int:
    """Pull every day into an empty folder, where each is checked; return their number."""
    return _copy(server, url, folder).pull()


def fetch_bare(server: Server, url: str) -> int:
    """List and fetch the same objects with obstore alone; return their bytes."""
    os.environ.update(server.environment)
    store = from_url(url, client_options={"allow_http": True})
    names = [meta["path"] for part in obstore.list(store, f"days/{TRANSACTIONS}/") for meta in part]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(lambda name: len(obstore.get(store, name).bytes()), names))


def _copy(server: Server, url: str, folder: Path) -> DayCopy:
    os.environ.update(server.environment)
    return DayCopy(DataFolder(folder), TRANSACTIONS, open_record(url), wait=0)


def _serve(port: int) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints every request
    with moto(port) as server:
        wait_until(lambda: False, server.endpoint)


@contextmanager
def _s3() -> Iterator[Server]:
    """Serve S3 from another process until the block ends."""
    try:
        import moto.server  # noqa: F401
    except ImportError:
        raise NotMeasured("moto is not installed") from None
    server = Server(f"http://127.0.0.1:{free_port()}")
    with running_beside(_serve, int(server.endpoint.rpartition(":")[2])):
        wait_until(server.answers, "moto answers")
        yield server


def pulling(scale: Scale) -> Measured:
    """Compare a pull with fetching the same bytes, which checks and writes nothing."""
    days, rows = scale.of((100, 15_000), (3, 400))
    pulls, bare = list[float](), list[float]()
    with _s3() as server, fresh_folder() as folder:
        url = server.new_url()
        in_copied_process(write_days, folder, 0, days, rows, rows // 30)
        in_copied_process(push, server, url, folder)
        size = 0
        for _ in range(scale.times):
            with fresh_folder() as empty:
                found = in_copied_process(pull, server, url, empty)
                assert found.result == days
                pulls.append(found.seconds)
            fetched = in_copied_process(fetch_bare, server, url)
            size = fetched.result
            bare.append(fetched.seconds)
    behind = f"{days} days of {rows:,} rows, {size / 1e6:.0f} MB: {min(pulls):.1f} s against {min(bare):.1f} s"
    return Measured(ratio_of_medians(pulls, bare), behind)


FIGURES = [
    Figure("record_pull", "pull of 100 days from S3 against fetching the bytes", Goal("<=", 3, " x"), pulling),
]

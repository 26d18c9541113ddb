"""Servers of S3 on this machine, for tests. Not here: tests (test_*.py)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import pytest

from stx_pipelines_tests.waiting import wait_until

BUCKET = "history"
KEY, SECRET = "key-of-the-test", "secret-of-the-test"

_WEED_PORTS = ("master", "volume", "filer", "s3")


class Server(NamedTuple):
    """A server of S3 with a bucket."""

    endpoint: str

    @staticmethod
    def new_url() -> str:
        """Return the address of an empty folder in the bucket."""
        return f"s3://{BUCKET}/{uuid4().hex}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that a client needs."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT": self.endpoint,
            "AWS_REGION": "us-east-1",
        }

    def answers(self) -> bool:
        """Return whether the server answers requests."""
        try:
            with urllib.request.urlopen(self.endpoint):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def make_bucket(self) -> Self:
        """Make the bucket, unless it is there."""
        import boto3

        client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
        client.create_bucket(Bucket=BUCKET)
        return self


@contextmanager
def moto(port: int = 0) -> Iterator[Server]:
    """Serve S3 by moto, in threads of this process. All servers of this process have the same objects."""
    found = pytest.importorskip("moto.server")
    server = found.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Server(f"http://{host}:{port}").make_bucket()
    finally:
        server.stop()


@contextmanager
def seaweed(folder: Path) -> Iterator[Server]:
    """Serve S3 by SeaweedFS, a real server, with its files in `folder`. Skip the test if it is not installed."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        pytest.skip("SeaweedFS (`weed`) is not installed")
    folder.mkdir()
    ports = _free_ports(2 * len(_WEED_PORTS))
    options = [f"-{name}.port={ports.pop()}" for name in _WEED_PORTS]
    s3 = options[-1].rpartition("=")[2]
    options += [f"-{name}.port.grpc={ports.pop()}" for name in _WEED_PORTS]
    fixed = [f"-dir={folder}", "-s3", "-s3.port.iceberg=0", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=5"]
    server = subprocess.Popen(
        [weed, "server", *fixed, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    try:
        found = Server(f"http://127.0.0.1:{s3}")
        wait_until(lambda: found.answers() or server.poll() is not None, "weed answers")
        yield found.make_bucket()
    finally:
        server.kill()
        server.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]

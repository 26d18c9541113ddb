"""Helpers for tests of both chains: the first response of a server, sleeps that take no time.

Not here: tests (test_*.py), chains and servers (conftest.py).
"""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from stx_pipelines_tests.waiting import LONGEST, wait_until


def keep_sleeps(patch: pytest.MonkeyPatch, place: str) -> list[float]:
    """Replace a server's sleeps; return the list of their seconds."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    patch.setattr(place, SimpleNamespace(sleep=sleep))
    return slept


def first_answer(process: subprocess.Popen[Any], url: str) -> bytes:
    """Return the first response of a server that is still starting."""

    def ask() -> requests.Response | None:
        assert process.poll() is None, "the server has ended"
        try:
            return requests.get(url, timeout=LONGEST)
        except requests.ConnectionError:
            return None

    answer = wait_until(lambda: ask() is not None, "the server answers") and ask()
    assert answer is not None
    return answer.content

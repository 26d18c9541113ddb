"""What a refusal taught one client is known to the next client of the same server, for an hour."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stx_pipelines.clients import learned
from stx_pipelines.clients.ethereum_rpc import connect
from stx_pipelines.clients.learned import Learned, Lesson
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Node
from stx_pipelines_tests.clients.node_faults import instead
from stx_pipelines_tests.clients.test_pace import INFURA


def test_clients_share_the_rate_and_the_size_that_one_of_them_learned(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "run" / "pace.json"
    early, teller = connect(node.url, learned=file), connect(f"{node.url}/v3/secret-key", learned=file)
    node.faults = [instead({"error": {**INFURA["error"], "data": {"rate": {"allowed_rps": 4}}}}, 429)]
    assert teller.balances(KEYS) == TRUTH
    node.asked.clear()
    late = connect(node.url, learned=file)
    assert early.balances(KEYS[:3]) == {key: TRUTH[key] for key in KEYS[:3]}
    for client in (early, late):
        assert (client.batch_size, client.http.budget.calls_per_second) == (4, 4)
    assert b"secret" not in file.read_bytes()
    assert connect("http://127.0.0.1:1", learned=file).batch_size == 100


def test_a_lesson_ends_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Learned(tmp_path / "pace.json", "http://node")
    kept.keep(25, 0)
    found = kept.lesson()
    assert found is not None
    assert (found.batch_size, found.calls_per_second) == (25, 0)
    monkeypatch.setattr(learned.time, "time", lambda: found.until)
    assert kept.lesson() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", msgspec.json.encode({"server": "x"})])
def test_a_damaged_file_is_not_used_and_the_log_says_why(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "pace.json"
    file.write_bytes(content)
    kept = Learned(file, "http://node")
    assert kept.lesson() is None
    assert f"{file} is not used (" in caplog.text
    kept.keep(1, 2)
    assert isinstance(kept.lesson(), Lesson)

"""Each alert is delivered once to each channel, also by two daemons, and no channel delays another."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from stx_pipelines.clients.notify import AlertError
from stx_pipelines.defs import delivery
from stx_pipelines.defs.delivery import Post
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines_tests.waiting import LONGEST

LOG = logging.getLogger("test")


class Chat:
    """A channel that delivers after it has failed this number of times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tried: list[str] = []

    def send(self, sentence: str) -> None:
        self.tried.append(sentence)
        if len(self.tried) <= self.failures:
            raise AlertError("no answer")


class Mail(Chat):
    """A channel of another kind."""


def test_what_could_not_be_delivered_is_sent_once_more_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_BETWEEN_ATTEMPTS", timedelta(0))
    for failures, attempts in ((0, 1), (1, 2), (9, 2)):
        chat, mail = Chat(), Mail(failures)
        for daemon in range(4):  # each begins anew, as after a restart
            post = Post(DataFolder(tmp_path / str(failures)), lambda here=(chat, mail): here)  # type: ignore[misc]
            post.deliver({"event": "it fell"} if daemon < 2 else {}, LOG)
        assert chat.tried == ["it fell"]
        assert mail.tried == ["it fell"] * attempts


def test_a_channel_that_hangs_delays_no_other_and_no_attempt_overlaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LONGEST_SENDING", 0.1)
    heard, end = threading.Event(), threading.Event()

    class Hanging(Chat):
        def send(self, sentence: str) -> None:
            super().send(sentence)
            assert heard.wait(LONGEST), "the other channel was not reached meanwhile"
            end.wait(LONGEST)

    class Other(Chat):
        def send(self, sentence: str) -> None:
            super().send(sentence)
            heard.set()

    hanging, other = Hanging(), Other()
    post = Post(DataFolder(tmp_path), lambda: [hanging, other])
    post.deliver({"event": "it fell"}, LOG)
    post.deliver({"event": "it fell"}, LOG)  # a second daemon, while the first one is still sending
    assert heard.wait(LONGEST)
    end.set()
    assert (hanging.tried, other.tried) == (["it fell"], ["it fell"])


def test_a_full_disk_does_not_stop_the_alert_about_it(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder can be made here")
    chat = Chat()
    Post(DataFolder(tmp_path), lambda: [chat]).deliver({"event": "the disk is full"}, LOG)
    assert chat.tried == ["the disk is full"]

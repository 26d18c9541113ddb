"""The delivery of alerts: once to each channel, and once more to a channel that could not be reached.

The alerts of the last hour are in a small file of the data folder, so that a daemon that was started again and a second
daemon know them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from stx_pipelines.clients.notify import AlertError
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_if_sound, replace_file
from stx_pipelines.store.locks import locked

_MOST_ATTEMPTS = 2
_REMEMBERED = timedelta(hours=1)
_BETWEEN_ATTEMPTS = timedelta(seconds=30)
_LONGEST_SENDING = 20.0  # seconds
_LOCK_SECONDS = 5.0


class Channel(Protocol):
    """A channel that sends alerts."""

    def send(self, sentence: str) -> None:
        """Send a sentence as an alert. Raises `AlertError`."""


class Alert(msgspec.Struct):
    """The sentence about an event, the channels that have not got it, and the number and time of the attempts."""

    event: str
    sentence: str
    waiting: list[str]
    at: datetime
    attempts: int = 0

    def is_due(self, now: datetime) -> bool:
        """Return whether to send it now. An attempt may be in progress in another process."""
        if not self.waiting or self.attempts >= _MOST_ATTEMPTS:
            return False
        return self.attempts == 0 or now - self.at > _BETWEEN_ATTEMPTS


@dataclass(frozen=True)
class Post:
    """The channels of a project, one of each kind, and the file of its alerts."""

    folder: DataFolder
    channels: Callable[[], Sequence[Channel]]

    def deliver(self, sentences: Mapping[str, str], log: logging.Logger) -> None:
        """Send the sentences of new events, and those that could not be delivered before. `sentences` is by event.

        All are written to the log too. A channel that fails is reported in the log.
        """
        channels, now = {type(channel).__name__: channel for channel in self.channels()}, datetime.now(UTC)
        new = [Alert(event, sentence, list(channels), now) for event, sentence in sentences.items()]
        try:
            with locked(self.folder.lock("alerts"), "the list of alerts", _LOCK_SECONDS, leave_name=False):
                due = self._begin(new, now)
        except StoreError as error:  # the alert may be about the full disk
            log.error(str(error))  # noqa: TRY400 - a sentence
            due = new
        for alert in due:
            if alert.attempts <= 1:
                log.warning(alert.sentence)
        delivered = _send(
            [(alert, name, channels[name]) for alert in due for name in alert.waiting if name in channels], log
        )
        if delivered:
            self._end(delivered, log)

    def _begin(self, new: Sequence[Alert], now: datetime) -> list[Alert]:
        """Keep the new alerts and count an attempt at each that is due. Return these. The caller holds the lock."""
        known = [alert for alert in self._read() if abs(now - alert.at) < _REMEMBERED]
        events = {alert.event for alert in known}
        known += [alert for alert in new if alert.event not in events]
        due = [alert for alert in known if alert.is_due(now)]
        for alert in due:
            alert.attempts, alert.at = alert.attempts + 1, now
        if due:
            self._write(known)
        return due

    def _end(self, delivered: set[tuple[str, str]], log: logging.Logger) -> None:
        """Record the pairs of event and channel that were delivered."""
        try:
            with locked(self.folder.lock("alerts"), "the list of alerts", _LOCK_SECONDS, leave_name=False):
                known = self._read()
                for alert in known:
                    alert.waiting = [name for name in alert.waiting if (alert.event, name) not in delivered]
                self._write(known)
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - a sentence

    def _read(self) -> list[Alert]:
        return read_if_sound(self.folder.alerts, list[Alert]) or []

    def _write(self, alerts: Sequence[Alert]) -> None:
        content = msgspec.json.encode(alerts)
        replace_file(self.folder.alerts, lambda aside: aside.write_bytes(content), durable=False)


def _send(letters: Sequence[tuple[Alert, str, Channel]], log: logging.Logger) -> set[tuple[str, str]]:
    """Send all alerts at the same time, so that no channel delays another. Return those that were delivered in time."""
    delivered: set[tuple[str, str]] = set()

    def send(alert: Alert, name: str, channel: Channel) -> None:
        try:
            channel.send(alert.sentence)
        except AlertError as error:
            log.error(str(error))  # noqa: TRY400 - a traceback could name the webhook
        else:
            delivered.add((alert.event, name))

    threads = [threading.Thread(target=send, args=letter, daemon=True) for letter in letters]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _LONGEST_SENDING
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return set(delivered)

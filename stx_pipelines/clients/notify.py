"""Telling people: a webhook and e-mail, if they are configured. The log is always told by the caller."""

from __future__ import annotations

import html
import json
import re
import smtplib
import socket
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, BinaryIO

from stx_pipelines.clients.exchange import Exchange, Late, hold
from stx_pipelines.clients.redaction import hide_paths_from_the_log
from stx_pipelines.clients.response import Broken, Limits, NoAddress

_JSON = {"content-type": "application/json"}
_SECONDS = 10.0
_BYTES = 1024 * 1024
"""Of all that a mail server says: it has no end of its own."""

_UNSEEN = "\u200b"
_MEANT = re.compile(r"@|\](?=[(\[:])|:(?=//)")  # of a call of people, of a link or an image, of an address


class AlertError(Exception):
    """A message could not be delivered; the text names the way, never its secrets."""


def for_chat(sentence: str) -> str:
    """The sentence with what Slack, Mattermost and Discord make links, images and calls of people from taken apart.

    It may hold the words of a server. A space without width is not seen, and ends what they look for.
    """
    escaped = html.escape(" ".join(sentence.split()), quote=False)  # what Slack asks for: its links stand in <>
    return _MEANT.sub(rf"\g<0>{_UNSEEN}", escaped)


@dataclass(frozen=True)
class Webhook:
    """A URL that takes `{"text": ...}`; it may contain a secret. `within` seconds it must have answered."""

    url: str = field(repr=False)
    within: float = 15.0

    def send(self, sentence: str) -> None:
        """Post the sentence as plain text. Raises `AlertError`."""
        from stx_pipelines.clients.transport import Connections

        hide_paths_from_the_log()
        body = json.dumps({"text": for_chat(sentence)}).encode()
        limits = Limits(_SECONDS, self.within)
        try:
            status = Connections(self.url, {}).exchange("POST", "", _JSON, body, limits, read_body=False).status
        except (Broken, NoAddress) as error:
            raise AlertError(f"the alert webhook failed ({error})") from None
        if 300 <= status < 400:
            raise AlertError(
                f"the alert webhook failed (HTTP {status}, which points to another address: no message is sent there; "
                "check STX_ALERT_WEBHOOK)"
            )
        if status >= 400:
            raise AlertError(f"the alert webhook failed (HTTP {status})")


@dataclass(frozen=True)
class Email:
    """An SMTP server and the addresses; with a user the connection is encrypted first. It has `within` seconds."""

    host: str
    port: int
    sender: str
    to: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    within: float = 15.0

    def send(self, sentence: str) -> None:
        """Send the sentence as a mail. Raises `AlertError`."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, self.to, "stx_pipelines"
        message.set_content(sentence)
        try:
            with Exchange(self.within), _Smtp(self.host, self.port, timeout=_SECONDS) as server:
                if self.user:
                    server.starttls()
                    server.login(self.user, self.password or "")
                server.send_message(message)
        except Late as error:
            raise AlertError(f"the alert mail through {self.host} failed ({error})") from None
        except (smtplib.SMTPException, OSError) as error:
            raise AlertError(f"the alert mail through {self.host} failed ({type(error).__name__})") from None


class _Smtp(smtplib.SMTP):
    """A connection whose socket the exchange under way can shut down, and that reads a bounded number of bytes."""

    _lines: _Lines | None = None

    @property
    def file(self) -> _Lines | None:
        """What the server says. The base class keeps a reply of many lines in memory, however many they are."""
        return self._lines

    @file.setter
    def file(self, opened: BinaryIO | None) -> None:
        self._lines = _Lines(opened) if opened else None

    def _get_socket(self, *args: Any) -> socket.socket:
        sock: socket.socket = super()._get_socket(*args)  # type: ignore[misc]
        hold(sock, copy=True)
        return sock


class _Lines:
    """Lines of a file, `_BYTES` at most; the base class knows what to do with an `OSError`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _BYTES
        self.close = file.close

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"the mail server said more than {_BYTES // 1024} KiB")
        return line

"""Alerts by webhook and by e-mail. The caller also writes each alert to the log."""

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
"""The limit of bytes read from a mail server, because its replies may be endless."""

_UNSEEN = "\u200b"
_MEANT = re.compile(r"@|\](?=[(\[:])|:(?=//)")  # the start of a mention, a link or image, or an address


class AlertError(Exception):
    """The alert could not be delivered. The message names the channel and contains no secret."""


def for_chat(sentence: str) -> str:
    """Return the sentence changed so that Slack, Mattermost and Discord show it as plain text.

    The sentence may contain text from a server. A zero-width space is inserted into each pattern that these programs
    would show as a link, an image or a mention.
    """
    escaped = html.escape(" ".join(sentence.split()), quote=False)  # Slack requires this: it writes links as <...>
    return _MEANT.sub(rf"\g<0>{_UNSEEN}", escaped)


@dataclass(frozen=True)
class Webhook:
    """A URL that accepts `{"text": ...}` by POST and may contain a secret. Sending takes at most `within` seconds."""

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
                f"the alert webhook failed (HTTP {status}, a redirect, which is not followed; check STX_ALERT_WEBHOOK)"
            )
        if status >= 400:
            raise AlertError(f"the alert webhook failed (HTTP {status})")


@dataclass(frozen=True)
class Email:
    """An SMTP server, a sender and a recipient. The connection is encrypted if `user` is given.

    Sending takes at most `within` seconds.
    """

    host: str
    port: int
    sender: str
    to: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    within: float = 15.0

    def send(self, sentence: str) -> None:
        """Send the sentence as an e-mail. Raises `AlertError`."""
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
    """An SMTP connection that the current exchange can shut down. It reads at most `_BYTES` bytes."""

    _lines: _Lines | None = None

    @property
    def file(self) -> _Lines | None:
        """The server's replies. They are limited because the base class keeps every line of a reply in memory."""
        return self._lines

    @file.setter
    def file(self, opened: BinaryIO | None) -> None:
        self._lines = _Lines(opened) if opened else None

    def _get_socket(self, *args: Any) -> socket.socket:
        sock: socket.socket = super()._get_socket(*args)  # type: ignore[misc]
        hold(sock, copy=True)
        return sock


class _Lines:
    """The lines of a file, up to `_BYTES` bytes. Further lines raise `OSError`, which `smtplib.SMTP` handles."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _BYTES
        self.close = file.close

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"the mail server sent more than {_BYTES // 1024} KiB")
        return line

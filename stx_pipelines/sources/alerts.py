"""Telling people: a webhook and e-mail, if they are configured. The log is always told by the caller."""

from __future__ import annotations

import html
import re
import smtplib
from dataclasses import dataclass, field
from email.message import EmailMessage

_SECONDS = 10
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
    """A URL that takes `{"text": ...}`; it may contain a secret."""

    url: str = field(repr=False)

    def send(self, sentence: str) -> None:
        """Post the sentence as plain text. Raises `AlertError`."""
        import requests

        try:
            requests.post(self.url, json={"text": for_chat(sentence)}, timeout=_SECONDS).raise_for_status()
        except requests.RequestException as error:
            raise AlertError(f"the alert webhook failed ({type(error).__name__})") from None


@dataclass(frozen=True)
class Email:
    """An SMTP server and the addresses; with a user the connection is encrypted first."""

    host: str
    port: int
    sender: str
    to: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def send(self, sentence: str) -> None:
        """Send the sentence as a mail. Raises `AlertError`."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, self.to, "stx_pipelines"
        message.set_content(sentence)
        try:
            with smtplib.SMTP(self.host, self.port, timeout=_SECONDS) as server:
                if self.user:
                    server.starttls()
                    server.login(self.user, self.password or "")
                server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise AlertError(f"the alert mail through {self.host} failed ({type(error).__name__})") from None

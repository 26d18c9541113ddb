"""Text from a server cannot add a mention, a link or an e-mail header to an alert."""

from __future__ import annotations

import json
import re
import smtplib
from email.message import EmailMessage

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.notify import Email, Webhook, for_chat
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.raw import HEAD, talking
from stx_pipelines_tests.hostile import HOSTILE

MEANS_SOMETHING = re.compile(r"[<>\n\r]|@\w|\][(\[:]|://")


def refused(script: Script, body: str) -> str:
    """Return the error message for this response body."""
    script.answers.clear()
    http = Http(script.say(400, body.encode()).url, Budget(script.url, 0), name="the API")
    with pytest.raises(ApiError) as error:
        http.get("/x", lambda answer: answer)
    return str(error.value)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_body_calls_nobody_and_links_nowhere_in_a_chat(script: Script, text: str) -> None:
    sentence = f"run 1234 failed: 2026-06-03: {refused(script, text)}"
    with talking(lambda: iter([HEAD + b"content-length: 0\r\n\r\n"])) as raw:
        Webhook(raw.url).send(sentence)
    message = json.loads(raw.requests[0].partition(b"\r\n\r\n")[2])
    assert set(message) == {"text"}
    assert not MEANS_SOMETHING.search(message["text"])
    assert "run 1234 failed: 2026-06-03: the API/x was refused: HTTP 400 " in message["text"]


def test_what_we_say_ourselves_is_said_in_a_chat_as_it_is() -> None:
    sentence = "coverage fell below the target; days now incomplete: 2026-06-03; 7 of 8 days complete (87 %)"
    assert for_chat(sentence) == sentence
    assert for_chat("a & b <c>") == "a &amp; b &lt;c&gt;"


@pytest.mark.parametrize("text", [*HOSTILE, "\r\nBcc: evil@example.invalid\r\n\r\n<img src=x>"])
def test_an_error_body_is_text_in_a_mail_and_no_header(
    script: Script, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    sent: list[EmailMessage] = []
    monkeypatch.setattr(smtplib.SMTP, "connect", lambda *_: (220, b"here"))
    monkeypatch.setattr(smtplib.SMTP, "send_message", lambda _, message: sent.append(message))
    sentence = refused(script, text)
    Email("127.0.0.1", 25, "us@example.invalid", "you@example.invalid").send(sentence)
    [message] = sent
    assert (message["To"], message["Subject"], message["Bcc"]) == ("you@example.invalid", "stx_pipelines", None)
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == f"{sentence}\n"

"""An alert is sent in time or fails with one sentence that contains no secret."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from stx_pipelines.clients.notify import AlertError, Email, Webhook
from stx_pipelines_tests.clients.raw import HEAD, Talk, dripping, endless, silence, talking
from stx_pipelines_tests.clients.test_bounds import SLOW, outcome

SECRET = "webhook-token-K3Y"
PASSWORD = "smtp-password-K3Y"
BEFORE_HEADERS = ("silence", "a drip of a status line", "a drip of headers", "100 Continue without end")


def said(found: list[object]) -> str:
    """Return the error's sentence, and assert that its traceback contains no secret."""
    error = found[0]
    assert isinstance(error, AlertError), found
    assert "K3Y" not in "".join(traceback.format_exception(error))
    return str(error)


class TestWebhook:
    """The status decides whether a message is delivered."""

    def test_a_sentence_is_posted_as_json(self) -> None:
        with talking(lambda: iter([HEAD + b"content-length: 2\r\n\r\nok"])) as raw:
            Webhook(f"{raw.url}/{SECRET}").send("nothing lands")
        assert raw.requests[0].startswith(f"POST /{SECRET} HTTP/1.1\r\n".encode())
        assert raw.requests[0].endswith(b'\r\n\r\n{"text": "nothing lands"}')

    @pytest.mark.parametrize("talk", [SLOW[name] for name in BEFORE_HEADERS])
    def test_one_that_is_never_done_is_left_at_the_deadline(self, talk: Callable[[], Talk]) -> None:
        with (
            talking(talk) as raw,
            outcome(lambda: Webhook(f"{raw.url}/{SECRET}", within=0.3).send("x")) as found,
        ):
            pass
        assert said(found) == "the alert webhook failed (the response was not whole after 0.3 s)"

    @pytest.mark.parametrize("again", [b"", b"x" * 65_536])
    def test_the_rest_of_its_answer_is_not_read(self, again: bytes) -> None:
        with (
            talking(lambda: endless(HEAD + b"\r\n", again)) as raw,
            outcome(lambda: Webhook(f"{raw.url}/{SECRET}").send("x")) as found,
        ):
            pass
        assert found == [None]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("rest", [b"content-length: 0\r\n\r\n", b"content-length: 9999999999\r\n\r\n"])
    def test_no_redirect_is_followed(self, status: int, rest: bytes) -> None:
        head = b"HTTP/1.1 %d Moved\r\nlocation: /elsewhere/%b\r\n" % (status, SECRET.encode())
        with (
            talking(lambda: endless(head + rest, b"x" * 65_536)) as raw,
            outcome(lambda: Webhook(f"{raw.url}/{SECRET}").send("x")) as found,
        ):
            pass
        assert f"HTTP {status}, a redirect, which is not followed" in said(found)
        assert len(raw.requests) == 1

    @pytest.mark.parametrize("status", [400, 404, 500])
    def test_a_refusal_is_said_with_its_status(self, status: int) -> None:
        with (
            talking(lambda: iter([b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status])) as raw,
            outcome(lambda: Webhook(f"{raw.url}/{SECRET}").send("x")) as found,
        ):
            pass
        assert said(found) == f"the alert webhook failed (HTTP {status})"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/", f"http://{'x' * 64}.y/"])
    def test_an_address_where_nobody_is_is_one_sentence(self, url: str) -> None:
        with outcome(lambda: Webhook(url + SECRET).send("x")) as found:
            pass
        assert "the alert webhook failed (" in said(found)


def mail_server() -> Iterator[bytes | None]:
    """Send the replies of a mail server that accepts one e-mail."""
    yield b"220 here\r\n"
    for answer in (b"250-me\r\n250 8BITMIME", b"250 ok", b"250 ok", b"354 go on", b"250 taken", b"221 bye"):
        yield None
        yield answer + b"\r\n"


class TestEmail:
    """An e-mail is sent whole or fails in time."""

    def test_a_sentence_is_sent(self) -> None:
        with talking(mail_server, first=True) as raw:
            Email("127.0.0.1", raw.port, "a@example.invalid", "b@example.invalid").send("nothing lands")
        assert b"nothing lands" in b"".join(raw.requests)

    @pytest.mark.parametrize(
        "talk",
        [
            silence,
            lambda: dripping(b"220 " + b"x" * 9_000),
            lambda: endless(b"", b"220-x\r\n", slowly=True),
            lambda: chain([b"220 here\r\n"], silence()),
            lambda: chain([b"220 here\r\n", None], dripping(b"250-x\r\n" * 999)),
        ],
    )
    def test_a_server_that_is_never_done_is_left_at_the_deadline(self, talk: Callable[[], Talk]) -> None:
        with talking(talk, first=True) as raw, outcome(lambda: send(raw.port, within=0.3)) as found:
            pass
        assert said(found) == "the alert mail through 127.0.0.1 failed (the response was not whole after 0.3 s)"

    def test_a_reply_without_end_is_not_kept(self) -> None:
        with (
            talking(lambda: endless(b"", b"220-x\r\n" * 9_000), first=True) as raw,
            outcome(lambda: send(raw.port, within=600.0)) as found,
        ):
            pass
        assert said(found) == "the alert mail through 127.0.0.1 failed (SMTPServerDisconnected)"


def send(port: int, within: float) -> None:
    mail = Email("127.0.0.1", port, "a@example.invalid", "b@example.invalid", "me", PASSWORD, within)
    mail.send("nothing lands")

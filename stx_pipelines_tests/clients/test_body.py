"""A body is returned whole or causes an error, and it is never larger than the limit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.clients import body
from stx_pipelines.clients.body import TooMuch, Undecodable, whole


def nothing() -> None:
    pass


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


@given(st.lists(st.binary(max_size=300), min_size=1), st.integers(1, 50))
def test_members_of_gzip_are_one_body_however_they_are_cut(members: list[bytes], size: int) -> None:
    sent = b"".join(gzip.compress(member) for member in members)
    assert whole(cut(sent, size), "gzip", nothing) == b"".join(members)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_deflate_is_understood_and_other_encodings_are_left_as_they_are(text: bytes, size: int) -> None:
    assert whole(cut(zlib.compress(text), size), "Deflate", nothing) == text
    assert whole(cut(text, size), "br", nothing) == text
    assert whole(cut(text, size), "", nothing) == text


def test_what_unpacks_to_more_than_a_piece_is_whole() -> None:
    text = bytes(3 * body.PIECE + 1)
    assert whole([gzip.compress(text)], "gzip", nothing) == text


def test_an_answer_without_a_body_may_name_an_encoding() -> None:
    assert whole([], "gzip", nothing) == b""


@pytest.mark.parametrize("spoil", [lambda sent: sent[:-1], lambda sent: sent[:9], lambda sent: sent + b"junk"])
def test_what_is_not_whole_is_an_error(spoil: type[bytes]) -> None:
    with pytest.raises(Undecodable):
        whole([spoil(gzip.compress(b"text"))], "gzip", nothing)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_bound_is_of_the_body(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MOST", 1_000)
    pack = gzip.compress if encoding else bytes
    assert whole([pack(bytes(1_000))], encoding, nothing) == bytes(1_000)
    with pytest.raises(TooMuch):
        whole([pack(bytes(1_001))], encoding, nothing)


def test_the_bound_is_of_what_was_sent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of many empty members is large as sent and empty as decompressed."""
    monkeypatch.setattr(body, "MOST", 1_000)
    with pytest.raises(TooMuch):
        whole([gzip.compress(b"")] * 100, "gzip", nothing)


def test_work_without_end_can_be_ended() -> None:
    class Enough(Exception):
        pass

    def enough() -> None:
        raise Enough

    with pytest.raises(Enough):
        whole([gzip.compress(b"")], "gzip", enough)

"""Certificates stay readable and keep their ids, whichever version of ours wrote them."""

from __future__ import annotations

import msgspec
import pytest

from stx_pipelines.chains.certificate import VERSION, ClosedBy, NewerCertificate, decode, encode

_HEAD = (
    b'{"dataset":"transactions","day":"2026-09-01","state":"closed","proof":"counts","expected":2,"seen":2,'
    b'"published":1,"left_out":{"abort_by_response":1},"first_height":7,"last_height":8,"last_hash":"0x08",'
    b'"first_block_time":null,"last_block_time":"2026-09-01T03:00:00Z","burn_blocks":1,'
)
FIRST_OF_ALL = _HEAD + (
    b'"proved_to":900,"tip_burn_height":907,"proved_at":"2026-09-02T00:00:00Z","requests":3,"route":"v3"}'
)
WITH_SECONDS = FIRST_OF_ALL.replace(b'"route"', b'"seconds":0.5,"route"')
WITHOUT_CLOSED_BY = _HEAD + (
    b'"first_parent_hash":null,"proved_to":900,"tip_height":907,"proved_at":"2026-09-02T00:00:00Z",'
    b'"requests":3,"seconds":0.5,"route":"v3"}'
)
BEFORE_VERSIONS = WITHOUT_CLOSED_BY.replace(b'"proved_to"', b'"closed_by":{"height":9,"block_hash":"0x09"},"proved_to"')

OLDER = {
    "c8d70ec592237fc4": FIRST_OF_ALL,
    "e5397c4600a4e5e5": WITH_SECONDS,
    "645ee898fb27de70": WITHOUT_CLOSED_BY,
    "e79b03746db009cf": BEFORE_VERSIONS,
}
"""Certificates as earlier versions wrote them, by the ids they had then."""


@pytest.mark.parametrize("known_as", OLDER)
def test_a_certificate_of_an_earlier_version_has_the_same_bytes_and_the_same_id(known_as: str) -> None:
    """Otherwise the table would look outdated, and every day would be loaded again."""
    certificate = decode(OLDER[known_as])
    assert encode(certificate) == OLDER[known_as]
    assert certificate.id == known_as
    assert certificate.version is msgspec.UNSET


def test_where_the_tip_was_not_kept_the_day_is_taken_to_be_proved_up_to_it() -> None:
    assert decode(FIRST_OF_ALL).tip == 900
    assert decode(WITHOUT_CLOSED_BY).tip == 907


def test_what_closed_a_day_is_part_of_its_certificate() -> None:
    certificate = msgspec.structs.replace(decode(WITHOUT_CLOSED_BY), closed_by=ClosedBy(9, "0x09"))
    assert decode(encode(certificate)) == certificate
    assert certificate.id != "645ee898fb27de70"


def test_a_certificate_of_a_later_version_is_told_from_a_damaged_one() -> None:
    """Whatever else it holds: its fields may mean something else by then."""
    with pytest.raises(NewerCertificate, match=rf"version {VERSION + 1}, made by stx-pipelines/9\.0"):
        decode(b'{"version":%d,"made_by":"stx-pipelines/9.0","days":["2026-09-01"]}' % (VERSION + 1))
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"version":%d,"days":["2026-09-01"]}' % VERSION)

"""Certificates stay readable and keep their names, whichever version of ours wrote them."""

from __future__ import annotations

import msgspec

from stx_pipelines.chains.certificate import ClosedBy, decode, encode

WITHOUT_CLOSED_BY = (
    b'{"dataset":"transactions","day":"2026-09-01","state":"closed","proof":"counts","expected":2,"seen":2,'
    b'"published":1,"left_out":{"abort_by_response":1},"first_height":7,"last_height":8,"last_hash":"0x08",'
    b'"first_block_time":null,"last_block_time":null,"burn_blocks":1,"first_parent_hash":null,"proved_to":900,'
    b'"tip_height":907,"proved_at":"2026-09-02T00:00:00Z","requests":3,"seconds":0.5,"route":"v3"}'
)


def test_a_certificate_from_before_closed_by_has_the_same_bytes_and_the_same_name() -> None:
    """Otherwise the table would look outdated, and every day would be loaded again."""
    certificate = decode(WITHOUT_CLOSED_BY)
    assert not certificate.closed_by
    assert encode(certificate) == WITHOUT_CLOSED_BY
    assert certificate.id == "4428df769b1dc0b7"


def test_what_closed_a_day_is_part_of_its_certificate() -> None:
    certificate = msgspec.structs.replace(decode(WITHOUT_CLOSED_BY), closed_by=ClosedBy(9, "0x09"))
    assert decode(encode(certificate)) == certificate
    assert certificate.id != "4428df769b1dc0b7"

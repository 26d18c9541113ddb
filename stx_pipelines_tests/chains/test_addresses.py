"""Addresses are shown with their checksum where its library is installed, and as they are elsewhere."""

from __future__ import annotations

import sys

import pytest

from stx_pipelines.chains.addresses import shown_address

EIP_55 = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
"""Source: the examples of EIP-55."""


def test_an_address_is_shown_with_its_checksum() -> None:
    pytest.importorskip("eth_utils")
    assert shown_address(EIP_55.lower()) == EIP_55
    assert shown_address("0x1") == "0x1"


def test_without_the_library_an_address_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eth_utils.address", None)
    assert shown_address(EIP_55.lower()) == EIP_55.lower()

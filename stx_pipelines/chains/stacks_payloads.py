"""The payloads of transactions as the Stacks API writes them: transfers, contract calls and deployments.

Older servers send rows without payloads. The payload's columns are then None.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Annotated, Protocol

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import Tx

ADDRESSES = re.compile(r"(?:[0-9A-Z]{1,64}(?:\.[a-zA-Z0-9_-]{1,128})?\n)*")
"""Lines with an address of an account or a contract each."""

_FUNCTIONS = re.compile(r"(?:[a-zA-Z0-9_!?+<>=/*-]{1,128}\n)*")  # the characters of a name in Clarity
_MEMOS = re.compile(r"(?:0x(?:[0-9a-f]{2}){0,34}\n)*")  # SIP-005: 34 bytes
_MOST_USTX = 2**64 - 1  # SIP-005: an amount has 64 bits

_Amount = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,20}\Z")]


class Call(msgspec.Struct, gc=False):
    """A call of a contract's function."""

    contract_id: str
    function_name: str


class Deployment(msgspec.Struct, gc=False):
    """The deployment of a contract."""

    contract_id: str


class _Memo(msgspec.Struct, gc=False):
    hex: str


class TransferV3(msgspec.Struct, gc=False):
    """A transfer of STX in a row of `v3`; `amount` is in microSTX."""

    recipient: str
    amount: _Amount
    memo: _Memo | None = None


class TransferV1(msgspec.Struct, gc=False):
    """A transfer of STX in a row of `v1`; `amount` is in microSTX."""

    recipient_address: str
    amount: _Amount
    memo: str | None = None


class HasContract(Protocol):
    """A row that may name a contract."""

    contract_call: Call | None
    smart_contract: Deployment | None


def contract_of(row: HasContract) -> str | None:
    """Return the id of the contract that the row calls or deploys; None if there is none."""
    named = row.contract_call or row.smart_contract
    return named.contract_id if named else None


def refuse_unless_payloads(rows: Sequence[Tx]) -> None:
    """Raise `MalformedAnswer` if a contract, function, recipient, amount or memo of these rows has another form."""
    addresses = {row.contract_id for row in rows} | {row.recipient_address for row in rows}
    if not (
        are_all(ADDRESSES, {address for address in addresses if address is not None})
        and are_all(_FUNCTIONS, {row.function_name for row in rows if row.function_name is not None})
        and are_all(_MEMOS, {row.memo for row in rows if row.memo is not None})
        and all(row.amount_ustx <= _MOST_USTX for row in rows if row.amount_ustx is not None)
    ):
        raise MalformedAnswer(
            "the response is not what the API promises: a contract, function, recipient, amount or memo is malformed"
        )


def are_all(shape: re.Pattern[str], words: Collection[str]) -> bool:
    """Return whether all words match. `shape` matches lines, because one match for all words is fastest."""
    lines = "\n".join([*words, ""])
    return shape.fullmatch(lines) is not None and lines.count("\n") == len(words)

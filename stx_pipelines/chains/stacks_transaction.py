"""A Stacks transaction as its block holds it: the bytes, and the fields that they prove. Source: SIP-005.

The id of a transaction is the hash of its bytes, so the fields read here are those that the sender signed. Whether the
transaction succeeded is not in its bytes.
"""

from __future__ import annotations

from struct import Struct, error
from typing import NamedTuple

from stx_pipelines.chains.stacks_hashes import address, digest


class CannotBeRead(Exception):
    """Bytes of a version or kind that this version of the package does not know, or bytes that end too early."""


class CutShort(CannotBeRead):
    """Bytes that end too early."""


class SignedTx(NamedTuple):
    """The fields of a transaction that its bytes prove, named as in `Tx`."""

    tx_id: str
    sender_address: str
    nonce: int
    fee_ustx: int
    tx_type: str
    sponsor_address: str | None
    sponsor_nonce: int | None
    contract_id: str | None
    function_name: str | None
    recipient_address: str | None
    amount_ustx: int | None


class _Payload(NamedTuple):
    tx_type: str
    end: int
    contract_id: str | None = None
    function_name: str | None = None
    recipient_address: str | None = None
    amount_ustx: int | None = None


class _Payer(NamedTuple):
    address: str
    nonce: int
    fee_ustx: int
    end: int


_TEST_NETWORK = 0x80
_STANDARD, _SPONSORED = 4, 5
_ONE_KEY = {0, 2}
_SEVERAL_KEYS = {1, 3, 5, 7}
_ADDRESS_VERSIONS = {False: (22, 20), True: (26, 21)}  # by test network: of one plain key, of all other modes
_KEY_FIELD = {0: 33, 1: 33, 2: 65, 3: 65}  # bytes after the kind: a public key, or a signature
_CONDITION = Struct(">B20sQQ")
_COUNT = Struct(">I")
_AMOUNT = Struct(">Q")
_FIXED_VALUES = {0: 16, 1: 16, 3: 0, 4: 0, 9: 0, 5: 21}  # bytes after the kind of a value
_WITH_LENGTH = {2, 13, 14}
_WRAPPERS = {7, 8, 10}
_CONTRACT_PRINCIPAL, _PRINCIPAL, _LIST, _TUPLE = 6, 5, 11, 12
_DEEPEST_VALUE = 64  # the chain allows 32
_HASH160 = 21  # bytes of an address: its version and its hash
_ADDRESS_VERSIONS_END = 32
_MEMO = 34
_FUNGIBLE, _NON_FUNGIBLE, _STX = {1}, {2}, {0, 3}


def read_transaction(raw: bytes, start: int) -> tuple[SignedTx, int]:
    """Return the transaction that begins at `start`, and the position after it. Raises `CannotBeRead`."""
    try:
        tx, end = _read(raw, start)
    except UnicodeDecodeError as malformed:
        raise CannotBeRead("a transaction has a malformed name") from malformed
    except (IndexError, error) as cut:
        raise CutShort("a transaction ends too early") from cut
    if end > len(raw):
        raise CutShort("a transaction ends too early")
    return tx, end


def _read(raw: bytes, start: int) -> tuple[SignedTx, int]:
    version, auth = raw[start], raw[start + 5]
    if version not in (0, _TEST_NETWORK) or auth not in (_STANDARD, _SPONSORED):
        raise CannotBeRead(f"a transaction has version {version} and authorization {auth}")
    origin = payer = _payer(raw, start + 6, is_test=bool(version))
    if auth == _SPONSORED:
        payer = _payer(raw, origin.end, is_test=bool(version))
    payload = _payload(raw, _after_post_conditions(raw, payer.end), origin.address)
    sponsor = payer if auth == _SPONSORED else None
    return SignedTx(
        "0x" + digest(raw[start : payload.end]).hex(),
        origin.address,
        origin.nonce,
        payer.fee_ustx,
        payload.tx_type,
        sponsor.address if sponsor else None,
        sponsor.nonce if sponsor else None,
        *payload[2:],
    ), payload.end


def _payer(raw: bytes, at: int, *, is_test: bool) -> _Payer:
    """Read a spending condition."""
    mode, key_hash, nonce, fee_ustx = _CONDITION.unpack_from(raw, at)
    end = at + _CONDITION.size
    if mode in _ONE_KEY:
        end += 66
    elif mode in _SEVERAL_KEYS:
        end = _after_key_fields(raw, end)
    else:
        raise CannotBeRead(f"a spending condition has the hash mode {mode}")
    one_key, others = _ADDRESS_VERSIONS[is_test]
    return _Payer(address(others if mode else one_key, key_hash), nonce, fee_ustx, end)


def _after_key_fields(raw: bytes, at: int) -> int:
    [count] = _COUNT.unpack_from(raw, at)
    at += _COUNT.size
    for _ in range(count):
        at += 1 + _known(_KEY_FIELD, raw[at], "key field")
    return at + 2


def _known(sizes: dict[int, int], kind: int, noun: str) -> int:
    if kind not in sizes:
        raise CannotBeRead(f"a {noun} has the kind {kind}")
    return sizes[kind]


def _after_post_conditions(raw: bytes, at: int) -> int:
    """Return the position after the anchor mode, the mode of the post-conditions, and the post-conditions."""
    [count] = _COUNT.unpack_from(raw, at + 2)
    at += 2 + _COUNT.size
    for _ in range(count):
        kind = raw[at]
        at = _after_payer(raw, at + 1)
        if kind in _NON_FUNGIBLE:
            at = _after_value(raw, _after_asset(raw, at)) + 1
        elif kind in _FUNGIBLE:
            at = _after_asset(raw, at) + 9
        elif kind in _STX:
            at += 9
        elif kind == 4:
            at += 1
        else:
            raise CannotBeRead(f"a post-condition has the kind {kind}")
    return at


def _after_payer(raw: bytes, at: int) -> int:
    """Return the position after the account of a post-condition."""
    match raw[at]:
        case 1:
            return at + 1
        case 2:
            return at + 1 + _HASH160
        case 3:
            return _after_name(raw, at + 1 + _HASH160)
        case kind:
            raise CannotBeRead(f"the account of a post-condition has the kind {kind}")


def _after_asset(raw: bytes, at: int) -> int:
    return _after_name(raw, _after_name(raw, at + _HASH160))


def _after_name(raw: bytes, at: int) -> int:
    return at + 1 + raw[at]


def _after_value(raw: bytes, at: int, depth: int = 0) -> int:
    """Return the position after a Clarity value."""
    kind = raw[at]
    at += 1
    if depth > _DEEPEST_VALUE:
        raise CannotBeRead(f"a value is nested more than {_DEEPEST_VALUE} levels deep")
    if kind in _FIXED_VALUES:
        return at + _FIXED_VALUES[kind]
    if kind in _WITH_LENGTH:
        return int(at + _COUNT.size + _COUNT.unpack_from(raw, at)[0])
    if kind == _CONTRACT_PRINCIPAL:
        return _after_name(raw, at + _HASH160)
    if kind in _WRAPPERS:
        return _after_value(raw, at, depth + 1)
    if kind not in (_LIST, _TUPLE):
        raise CannotBeRead(f"a value has the kind {kind}")
    [count] = _COUNT.unpack_from(raw, at)
    at += _COUNT.size
    for _ in range(count):
        at = _after_value(raw, _after_name(raw, at) if kind == _TUPLE else at, depth + 1)
    return at


def _payload(raw: bytes, at: int, sender: str) -> _Payload:
    kind = raw[at]
    at += 1
    match kind:
        case 0:
            recipient, at = _principal(raw, at)
            [amount] = _AMOUNT.unpack_from(raw, at)
            end = at + _AMOUNT.size + _MEMO
            return _Payload("token_transfer", end, recipient_address=recipient, amount_ustx=amount)
        case 1 | 6:
            name, at = _name(raw, at + (kind == 6))
            end = at + _COUNT.size + _COUNT.unpack_from(raw, at)[0]
            return _Payload("smart_contract", end, contract_id=f"{sender}.{name}")
        case 2:
            return _contract_call(raw, at)
        case 3:
            return _Payload("poison_microblock", at + 2 * 132)
        case 4:
            return _Payload("coinbase", at + 32)
        case 5:
            return _Payload("coinbase", _after_value(raw, at + 32))
        case 8:
            return _Payload("coinbase", _after_value(raw, at + 32) + 80)
        case 7:
            return _Payload("tenure_change", at + 20 + 20 + 20 + 32 + 4 + 1 + 20)
        case _:
            raise CannotBeRead(f"a transaction's payload has the kind {kind}")


def _contract_call(raw: bytes, at: int) -> _Payload:
    deployer = _account(raw, at)
    contract, at = _name(raw, at + _HASH160)
    function, at = _name(raw, at)
    [count] = _COUNT.unpack_from(raw, at)
    at += _COUNT.size
    for _ in range(count):
        at = _after_value(raw, at)
    return _Payload("contract_call", at, contract_id=f"{deployer}.{contract}", function_name=function)


def _principal(raw: bytes, at: int) -> tuple[str, int]:
    """Return the account in a principal value as text, and the position after it."""
    kind = raw[at]
    if kind not in (_PRINCIPAL, _CONTRACT_PRINCIPAL):
        raise CannotBeRead(f"a receiver has the kind {kind}")
    account = _account(raw, at + 1)
    at += 1 + _HASH160
    if kind == _PRINCIPAL:
        return account, at
    name, at = _name(raw, at)
    return f"{account}.{name}", at


def _account(raw: bytes, at: int) -> str:
    if raw[at] >= _ADDRESS_VERSIONS_END:
        raise CannotBeRead(f"an address has version {raw[at]}")
    return address(raw[at], raw[at + 1 : at + _HASH160])


def _name(raw: bytes, at: int) -> tuple[str, int]:
    end = _after_name(raw, at)
    return raw[at + 1 : end].decode("ascii"), end

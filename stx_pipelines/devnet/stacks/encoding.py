"""The bytes of the made-up chain's transactions and blocks, and the hashes that name them (SIP-005).

This module turns values into bytes. It does not choose the values (mempool.py, chain.py), and it shares no code with
the parsers that it tests.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import new, sha256
from typing import Protocol

from stx_pipelines.devnet.stacks.life import contract_at

_C32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MAIN_NET_VERSION = 22
_CONTRACTS = 40
FUNCTIONS = ("swap-x-for-y", "transfer", "deposit", "claim-rewards")
SOURCE_CODE = "(define-public (ping) (ok true))"
VRF_PROOF = b"\x5a" * 80
MEMO = bytes(34)
_MINER_KEY = b"\xab" * 20
_ANY_ANCHOR_DENY = b"\x03\x02" + bytes(4)  # anchor mode any, deny, no post-conditions
_BITS = (4000).to_bytes(2, "big") + (500).to_bytes(4, "big") + b"\xff" * 500
_SIGNERS = 28
_HASH160 = 20
_LIVELY = 2**63  # salts of chains without life are smaller
_DETAIL_BITS, _COUNTER_BITS = 16, 40
AMOUNT_STEPS = 4096
"""The detail of a lively transfer is the decimal logarithm of its microSTX times this number."""


class Signed(Protocol):
    """The fields of a transaction that its bytes contain. `salt` makes transactions with equal fields different."""

    @property
    def sender_address(self) -> str: ...
    @property
    def nonce(self) -> int: ...
    @property
    def sponsor_address(self) -> str | None: ...
    @property
    def sponsor_nonce(self) -> int | None: ...
    @property
    def fee_ustx(self) -> int: ...
    @property
    def tx_type(self) -> str: ...
    @property
    def salt(self) -> int: ...


def hashed(content: bytes) -> bytes:
    """Return the SHA-512/256 hash."""
    return new("sha512_256", content).digest()


def made_address(seed: int, role: str, number: int) -> str:
    """Make the address of a Stacks main-net account."""
    return c32_address(sha256(f"{seed}:{role}:{number}".encode()).digest()[:_HASH160])


@lru_cache(maxsize=20_000)
def c32_address(key_hash: bytes) -> str:
    """Return the text of the main-net address with this hash of its key."""
    check = sha256(sha256(bytes([_MAIN_NET_VERSION]) + key_hash).digest()).digest()[:4]
    payload = key_hash + check
    number, digits = int.from_bytes(payload, "big"), ""
    while number:
        number, digit = divmod(number, 32)
        digits = _C32[digit] + digits
    zeros = len(payload) - len(payload.lstrip(b"\0"))
    return "S" + _C32[_MAIN_NET_VERSION] + "0" * zeros + digits


@lru_cache(maxsize=100_000)
def key_hash_of(address: str) -> bytes:
    """Return the hash of the key in an address."""
    number = 0
    for digit in address[2:]:
        number = number * 32 + _C32.index(digit)
    return (number >> 32).to_bytes(_HASH160, "big")


def figure(tx: Signed) -> int:
    """Return a number of a transaction, from which its amount, contract and function follow."""
    return tx.salt * 2_654_435_761 % 2**32


def lively_salt(detail: int, counter: int) -> int:
    """Return the salt of a transaction of a chain with life. `detail` decides the amount or the called contract."""
    return _LIVELY | detail << _COUNTER_BITS | counter


def _detail(tx: Signed) -> int | None:
    """Return the detail of a transaction, None in a chain without life."""
    return tx.salt >> _COUNTER_BITS & (2**_DETAIL_BITS - 1) if tx.salt >= _LIVELY else None


def amount_of(tx: Signed) -> int:
    """Return the microSTX of a transfer."""
    detail = _detail(tx)
    return figure(tx) if detail is None else int(10 ** (detail / AMOUNT_STEPS))


def recipient_hash(tx: Signed) -> bytes:
    """Return the hash of the key of the account that a transfer pays. With life, some accounts receive very often."""
    number = tx.salt % 5_000 if _detail(tx) is None else (figure(tx) % 1_000) ** 2 // 200
    return sha256(b"recipient:%d" % number).digest()[:_HASH160]


@lru_cache(maxsize=_CONTRACTS)
def contract(number: int) -> tuple[str, str]:
    """Return the deployer and the name of a contract that transactions call."""
    return made_address(0, "deployer", number // 4), f"contract-{number:03}"


def contract_of(tx: Signed) -> tuple[str, str]:
    """Return the deployer and the name of the contract that a transaction calls or deploys."""
    if tx.tx_type == "smart_contract":
        return tx.sender_address, f"contract-{tx.nonce:03}"
    detail = _detail(tx)
    return contract(figure(tx) % _CONTRACTS) if detail is None else _lively_contract(detail)


@lru_cache(maxsize=_CONTRACTS)
def _lively_contract(number: int) -> tuple[str, str]:
    return made_address(1, "deployer", number), contract_at(number).name


def function_of(tx: Signed) -> str:
    """Return the function that a transaction calls."""
    detail = _detail(tx)
    if detail is None:
        return FUNCTIONS[figure(tx) % len(FUNCTIONS)]
    functions = contract_at(detail).functions
    drawn = figure(tx) % (2 * len(functions))
    return functions[drawn] if drawn < len(functions) else functions[0]


def tenure_change(tx: Signed) -> tuple[bytes, bytes, bytes, int]:
    """Return the consensus hashes, the end of the tenure before, and its blocks, as a tenure change states them."""
    noise = hashed(b"tenure:%d" % tx.salt)
    return noise[:_HASH160], noise[12:], noise, 1 + figure(tx) % 9


def transaction_bytes(tx: Signed) -> bytes:
    """Return the transaction as it is in a block."""
    signature = tx.salt.to_bytes(8, "big") + bytes(57)
    if tx.sponsor_address is None:
        auth = b"\x04" + _condition(tx.sender_address, tx.nonce, tx.fee_ustx) + signature
    else:
        origin = _condition(tx.sender_address, tx.nonce, 0) + signature
        auth = b"\x05" + origin + _condition(tx.sponsor_address, tx.sponsor_nonce or 0, tx.fee_ustx) + signature
    return b"\x00\x00\x00\x00\x01" + auth + _ANY_ANCHOR_DENY + _PAYLOADS[tx.tx_type](tx)


def _condition(address: str, nonce: int, fee_ustx: int) -> bytes:
    """Return a spending condition of one key, up to its signature."""
    return b"\x00" + key_hash_of(address) + nonce.to_bytes(8, "big") + fee_ustx.to_bytes(8, "big") + b"\x00"


def _transfer(tx: Signed) -> bytes:
    return b"\x00\x05\x16" + recipient_hash(tx) + amount_of(tx).to_bytes(8, "big") + MEMO


def _call(tx: Signed) -> bytes:
    deployer, name = contract_of(tx)
    argument = b"\x00\x00\x00\x01\x01" + figure(tx).to_bytes(16, "big")
    return b"\x02\x16" + key_hash_of(deployer) + _name(name) + _name(function_of(tx)) + argument


def _deployment(tx: Signed) -> bytes:
    code = SOURCE_CODE.encode()
    return b"\x06\x03" + _name(contract_of(tx)[1]) + len(code).to_bytes(4, "big") + code


def _coinbase(tx: Signed) -> bytes:
    return b"\x08" + bytes(32) + b"\x09" + VRF_PROOF


def _tenure_change(tx: Signed) -> bytes:
    consensus, before, end, blocks = tenure_change(tx)
    return b"\x07" + consensus + before + consensus + end + blocks.to_bytes(4, "big") + b"\x00" + _MINER_KEY


def _name(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


_PAYLOADS = {
    "token_transfer": _transfer,
    "contract_call": _call,
    "smart_contract": _deployment,
    "coinbase": _coinbase,
    "tenure_change": _tenure_change,
}


def consensus_hash(burn_hash: str) -> bytes:
    """Return the consensus hash of the tenure in a burn block."""
    return hashed(burn_hash.encode())[:20]


def merkle_root(tx_ids: Sequence[str]) -> bytes:
    """Return the root of a block's transaction ids."""
    if not tx_ids:
        return bytes(32)
    row = [hashed(b"\x00" + bytes.fromhex(tx_id[2:])) for tx_id in tx_ids]
    row += row if len(row) == 1 else []
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        row = [hashed(b"\x01" + row[at] + row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


class Header:
    """The header of a block. The miner's signature is made from the number of reorganisations, so that forks differ."""

    def __init__(
        self, version: int, height: int, burn_hash: str, parent_id: str, root: bytes, time: int, fork: int,
        markers: Sequence[int],
    ) -> None:  # fmt: skip
        """Encode both parts that the hash covers."""
        parent = bytes.fromhex(parent_id[2:])
        self.consensus_hash = consensus_hash(burn_hash)
        numbers = bytes([version]) + height.to_bytes(8, "big") + bytes(8)
        self._first = b"".join(
            [numbers, self.consensus_hash, parent, root, hashed(parent), time.to_bytes(8, "big"),
             fork.to_bytes(8, "big"), bytes(57)]
        )  # fmt: skip
        self._last = _BITS
        if version & 0x7F:
            marked = b"".join(index.to_bytes(4, "big") + b"\x00" for index in markers)
            self._last += len(markers).to_bytes(4, "big") + marked

    def hashes(self) -> tuple[str, str]:
        """Return the hash of the block and its index block hash."""
        block_hash = hashed(self._first + self._last)
        return "0x" + block_hash.hex(), "0x" + hashed(block_hash + self.consensus_hash).hex()

    def encoded(self) -> bytes:
        """Return the header as it is in a block, with the signers' signatures, which no hash covers."""
        signatures = _SIGNERS.to_bytes(4, "big") + hashed(self._first)[:13] * 5 * _SIGNERS
        return self._first + signatures + self._last


def block_bytes(header: Header, transactions: Sequence[Signed]) -> bytes:
    """Return a whole block."""
    count = len(transactions).to_bytes(4, "big")
    return header.encoded() + count + b"".join(map(transaction_bytes, transactions))

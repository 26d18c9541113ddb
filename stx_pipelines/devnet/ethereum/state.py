"""The state of the made-up Ethereum chain: its root after each block, and proofs of its accounts.

This module holds the accounts as a trie. It does not change balances (accounts.py) or encode nodes (trie.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from stx_pipelines.devnet.ethereum.trie import (
    Entry,
    branch,
    keccak,
    list_rlp,
    named,
    node,
    number_bytes,
    proof,
    root,
    string_rlp,
)

NO_STORAGE = keccak(b"\x80")
NO_CODE = keccak(b"")
_REST = string_rlp(NO_STORAGE) + string_rlp(NO_CODE)


class State:
    """The state after the newest block. Only the changed parts of its trie are hashed again."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """Start with these addresses, all without a balance."""
        self._paths = {address: path_of(address) for address in addresses}
        self._values: dict[str, dict[str, bytes]] = defaultdict(dict)  # by the first digit, then by the others
        self._nodes: dict[str, bytes] = {}

    def set(self, address: str, wei: int) -> None:
        """Set the balance of an address in Wei. An account with a balance of 0 is not in the state."""
        path = self._paths[address]
        below = self._values[path[0]]
        if wei:
            below[path[1:]] = account_rlp(wei)
        else:
            below.pop(path[1:], None)
        self._nodes.pop(path[0], None)

    def root(self) -> str:
        """Return the state root, as 0x and 64 digits."""
        used = [digit for digit, below in self._values.items() if below]
        if len(used) < 2:
            return root(sorted((digit + path, value) for digit in used for path, value in self._values[digit].items()))
        for digit in used:
            if digit not in self._nodes:
                self._nodes[digit] = named(node(sorted(self._values[digit].items())))
        return "0x" + keccak(branch({digit: self._nodes[digit] for digit in used})).hex()


def account_proof(balances: Mapping[str, int], address: str) -> list[str]:
    """Return the proof of an address in the state with these balances, as the hex of each node."""
    entries: list[Entry] = sorted((path_of(one), account_rlp(wei)) for one, wei in balances.items() if wei)
    return ["0x" + each.hex() for each in proof(entries, path_of(address))]


def account_rlp(wei: int) -> bytes:
    """Return the RLP of an account with this balance, without transactions, storage or code."""
    return list_rlp([b"\x80", string_rlp(number_bytes(wei)), _REST])


def path_of(address: str) -> str:
    """Return the key of an address in the state's trie, in hex digits."""
    return keccak(bytes.fromhex(address[2:])).hex()

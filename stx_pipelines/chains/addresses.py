"""The form in which an Ethereum address is shown to people. Tables and files keep lower case."""

from __future__ import annotations


def shown_address(address: str) -> str:
    """Return an address with its checksum (EIP-55), or unchanged without the extra `[ethereum]`."""
    try:
        from eth_utils.address import is_address, to_checksum_address
    except ModuleNotFoundError:
        return address
    return to_checksum_address(address) if is_address(address) else address

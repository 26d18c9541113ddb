"""A client of a Stacks node's routes for raw blocks and accounts.

Any node may serve raw blocks, because a block is named by its hash. A state of an account is the node's word.
"""

from __future__ import annotations

from dataclasses import dataclass

from stx_pipelines.chains.stacks_accounts import AccountState, parse_account
from stx_pipelines.clients.errors import ApiError, NotFound
from stx_pipelines.clients.http import Http, present

_ANY_ACCOUNT = "SP000000000000000000002Q6VF78"  # every chain has this address
_NO_TIP = "chain tip"  # a node's 404 for an unknown block begins so
_NO_BLOCK = "no such"  # a node's own 404 begins so; gateways without these routes send JSON or a page
_NO_ROUTE = frozenset({400, 401, 403, 404, 405, 410, 501})


class NoRawBlocks(ApiError):
    """The server does not serve raw blocks."""


class NoAccounts(ApiError):
    """The server does not serve the states of accounts."""


@dataclass
class StacksNode:
    """A client of a node. Its methods may raise the errors of `Http.get`."""

    http: Http

    def probe(self) -> None:
        """Check that the node responds with the state of an account after its newest block. Raises `ApiError`."""
        self.account(_ANY_ACCOUNT, "latest")

    def tenure(self, index_block_hash: str) -> bytes:
        """Return the bytes of this block and of the blocks below it in its tenure, newest first.

        A node ends the bytes before a block with which they would exceed 16 MiB. Raises `NotFound` if the node does not
        have the block, and `NoRawBlocks` if the server does not have this route.
        """
        raw = self.http.get(f"/v3/tenures/{index_block_hash.removeprefix('0x')}", bytes, refusal=_refusal)
        if not raw:
            raise NoRawBlocks("the response has no bytes")
        return raw

    def account(self, address: str, index_block_hash: str) -> AccountState:
        """Return the state of an account after this block, without the long proof.

        Raises `NotFound` if the node does not have the block's state, and `NoAccounts` if the server does not have this
        route.
        """
        params: dict[str, str | int] = {"proof": 0, "tip": index_block_hash.removeprefix("0x")}
        path = f"/v2/accounts/{address}"
        return present(
            self.http.get(path, parse_account, params=params, refusal=_refusal_of_account), self.http.name + path
        )


def _refusal_of_account(status: int, text: str) -> ApiError | None:
    if status == 404 and text.strip().lower().startswith(_NO_TIP):
        return NotFound(text.strip()[:200])
    return NoAccounts(f"HTTP {status} at /v2/accounts") if status in _NO_ROUTE else None


def _refusal(status: int, text: str) -> ApiError | None:
    if status == 404 and text.strip().lower().startswith(_NO_BLOCK):
        return NotFound(text.strip()[:200])
    return NoRawBlocks(f"HTTP {status} at /v3/tenures") if status in _NO_ROUTE else None

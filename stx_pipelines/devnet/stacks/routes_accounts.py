"""The routes of accounts: the transactions of a principal (v3), and its state after a block (a node's `/v2/accounts`).

This module makes pages and JSON. It does not make balances (accounts.py). The caller holds the chain's lock.
"""

import re

from stx_pipelines.devnet.stacks.accounts import Accounts, Change
from stx_pipelines.devnet.stacks.answers import TEXT, Answer, Caching, Request, bad_request, dumps, integer
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.render import v3_row
from stx_pipelines.devnet.stacks.routes_v3 import parse_cursor
from stx_pipelines.devnet.stacks.values import ANCHORED

_DEFAULT_LIMIT, _MOST = 20, 50
_ADDRESS = re.compile(r"S[0-9A-Z]{27,41}(\.[a-zA-Z][a-zA-Z0-9_-]{0,127})?")
_TIP = re.compile(r"[0-9a-f]{64}")


class AccountRoutes:
    """The responses about accounts."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. Knobs hide old states and change balances."""
        self._chain = chain
        self._knobs = knobs
        self._accounts = Accounts(chain)

    def transactions(self, request: Request) -> Answer:
        """Respond to GET /extended/v3/principals/{principal}/transactions, newest first."""
        _refuse_unless_address(request.argument)
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 1, _MOST)
        made = self._accounts.changes(request.argument)
        text = request.query.get("cursor")
        below = made[::-1]
        if text is not None:
            place = parse_cursor(text, self._chain.tip.index_hash)
            below = [each for each in below if (each.tx.block_height, each.tx.tx_index) <= place]
        page, rest = below[:limit], below[limit:]
        head = f'{{"total":{len(made)},"limit":{limit},"cursor":{{"next":{_cursor(rest)},"previous":null,'
        rows = b",".join(_row(change) for change in page)
        body = head.encode() + f'"current":{_cursor(page)}}},"results":['.encode() + rows + b"]}"
        return Answer(200, body, self._chain.tip.index_hash)

    def account(self, request: Request) -> Answer:
        """Respond to GET /v2/accounts/{principal}, with `tip` after this block, else after the newest."""
        name = request.query.get("tip", "latest")
        block = self._chain.tip
        if name != "latest":
            found = self._chain.block_by_hash(f"0x{name}") if _TIP.fullmatch(name) else None
            oldest = self._chain.tip.height - self._knobs.states_kept
            if found is None or (self._knobs.states_kept and found.height < oldest):
                return Answer(404, f"Chain tip {name} not found".encode(), caching=Caching.SILENT, content_type=TEXT)
            block = found
        account = self._accounts.at(request.argument, block.height)
        free = account.total - account.locked + self._knobs.balance_excess_ustx
        state = {
            "balance": f"0x{free:032x}",
            "locked": f"0x{account.locked:032x}",
            "unlock_height": block.burn_height + 1_000 if account.locked else 0,
            "nonce": account.nonce + self._knobs.nonce_excess,
        }
        return Answer(200, dumps(state), caching=Caching.SILENT)


def _refuse_unless_address(text: str) -> None:
    if not _ADDRESS.fullmatch(text):
        raise bad_request("params/principal must match the form of a principal")


def _row(change: Change) -> bytes:
    stx = dumps(
        {
            "sent": str(change.sent),
            "received": str(change.received),
            "net": str(change.received - change.sent),
        }
    )
    affected = '{"stx":true,"ft":false,"nft":false}'
    return (
        b'{"transaction":'
        + v3_row(change.tx)
        + f',"involvement":"{change.involvement}","balance_changes":{{"stx":'.encode()
        + stx
        + f'}},"affected_balances":{affected}}}'.encode()
    )


def _cursor(rows: list[Change]) -> str:
    return f'"{rows[0].tx.block_height}:{ANCHORED}:{rows[0].tx.tx_index}"' if rows else "null"

"""A client of the Hiro API for Stacks. Each method sends one request, with retries.

The routes are those of stacks-blockchain-api v9. Transactions are read from `v3/transactions`, or from `v1/tx` if the
server does not have v3.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from stx_pipelines.chains import stacks
from stx_pipelines.chains import stacks_answers as answers
from stx_pipelines.chains.stacks import Block, BurnBlock, Cursor, Page, Tip, WindowPage
from stx_pipelines.chains.stacks_accounts import ChangesPage, parse_changes
from stx_pipelines.clients.errors import ApiError, Gone, NotFound
from stx_pipelines.clients.http import Http, present

log = logging.getLogger(__name__)
T = TypeVar("T")


class SwitchRoute(Exception):
    """The server does not have `v3/transactions`. The caller must read the same transactions through v1."""


class NoV1(ApiError):
    """The server does not offer transactions through v1."""


@dataclass
class StacksApi:
    """A client of the Hiro API. Every method may raise the errors of `Http.get`.

    `route` is the route for transactions. It changes to v1 if the server does not have v3. `has_v1` is false once the
    server said that it does not have v1.
    """

    http: Http
    route: Literal["v3", "v1"] = "v3"
    has_v1: bool = field(default=True, init=False)
    _switching: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def tip(self) -> Tip:
        """Return the newest Stacks block, from `/extended`."""
        try:
            return self._present(self.http.get("/extended", answers.parse_tip))
        except NotFound as error:
            url = self.http.base_url
            raise ApiError(f"{url} is not a Hiro API for Stacks: check HIRO_API_URL ({error})") from error

    def probe(self) -> None:
        """Request the tip and a page of transactions, and raise the error if a request fails."""
        tip = self.tip()
        if self.route == "v3":
            with suppress(SwitchRoute):
                self.page(Cursor.top_of(tip.block_height))

    def block(self, name: int | str) -> Block:
        """Return the canonical block with this height or hash. Raises `NotFound`."""
        return self._present(self.http.get(f"/extended/v2/blocks/{name}", answers.parse_block))

    def block_if_there(self, height: int) -> Block | None:
        """Return the canonical block at a height, or None if the server does not have it."""
        return self._block_or_none(height)

    def block_by_hash(self, block_hash: str) -> Block | None:
        """Return the canonical block with this hash, or None if the server does not have it."""
        return self._block_or_none(block_hash)

    def _block_or_none(self, name: int | str) -> Block | None:
        try:
            return self.block(name)
        except NotFound:
            return None

    def has_block(self, height: int, index_block_hash: str) -> bool:
        """Return whether the block at `height` has this index block hash; False too if there is no such block."""
        return self.index_hash_at(height, index_block_hash) == index_block_hash

    def index_hash_at(self, height: int, known: str) -> str | None:
        """Return the index block hash of the block at `height`, or None if the server does not have it.

        The `known` hash is sent as `If-None-Match`, so that the server responds with 304 and no body if it matches.
        """
        etag = {"If-None-Match": f'"{known}:true"'}
        try:
            block = self.http.get(f"/extended/v2/blocks/{height}", answers.parse_block, headers=etag)
        except NotFound:
            return None
        return known if block is None else block.index_block_hash

    def has_height(self, height: int) -> bool:
        """Return whether the server has a block at this height."""
        return self.block_if_there(height) is not None

    def block_at(self, unix_seconds: int) -> Block | None:
        """Return the newest block whose block time is not after this instant, or None if there is no such block."""
        try:
            return self._present(
                self.http.get(f"/extended/v2/blocks/by-block-time/{unix_seconds}", answers.parse_block)
            )
        except NotFound:
            return None

    def burn_blocks(self, offset: int) -> list[BurnBlock]:
        """Return up to 30 burn blocks, newest first, starting `offset` burn blocks below the newest.

        A slow request is sent at most twice. This route is slow on large servers, and days can be proved without it.
        """
        params = {"limit": stacks.LIST_SIZE, "offset": offset}
        return self._present(
            self.http.get("/extended/v2/burn-blocks", answers.parse_burn_blocks, params=params, slow_attempts=2)
        )

    def burn_block(self, height: int) -> BurnBlock | None:
        """Return the burn block at a height, or None if the Bitcoin block has no Stacks blocks."""
        try:
            return self._present(self.http.get(f"/extended/v2/burn-blocks/{height}", answers.parse_burn_block))
        except NotFound:
            return None

    def page(self, cursor: Cursor) -> Page:
        """Return up to 50 transactions from `cursor` on, newest first. Raises `SwitchRoute` on a server without v3."""
        params: dict[str, str | int] = {"limit": stacks.PAGE_SIZE, "cursor": str(cursor)}
        try:
            answer = self.http.get(
                "/extended/v3/transactions", lambda body: answers.parse_page(body, cursor), params=params
            )
        except (NotFound, Gone) as error:
            self._switch_to_v1(error)
            raise SwitchRoute from error
        return self._present(answer)

    def changes(self, address: str, cursor: Cursor) -> ChangesPage:
        """Return up to 50 transactions that change this account's balance, from `cursor` on, newest first."""
        params: dict[str, str | int] = {"limit": stacks.PAGE_SIZE, "cursor": str(cursor)}
        path = f"/extended/v3/principals/{address}/transactions"
        try:
            return self._present(self.http.get(path, lambda body: parse_changes(body, cursor), params=params))
        except (NotFound, Gone) as error:
            raise ApiError(f"{self.http.base_url} does not offer the transactions of an account: {error}") from error

    def window_page(self, start: int, end: int, offset: int) -> WindowPage:
        """Return up to 50 transactions, oldest first, through v1. Their burn times are in `[start, end)`.

        Times are unix seconds. `offset` is the number of oldest transactions to skip. Raises `NoV1`.
        """
        params: dict[str, str | int] = {
            "limit": stacks.PAGE_SIZE,
            "offset": offset,
            "start_time": start,
            "end_time": end - 1,  # v1 includes both ends
            "order": "asc",
            "exclude_function_args": "true",
        }
        try:
            return self._present(self.http.get("/extended/v1/tx", answers.parse_window_page, params=params))
        except (NotFound, Gone) as error:
            self._note_no_v1(error)
            raise NoV1(f"{self.http.base_url} does not offer transactions through v3 or v1: {error}") from error

    def _present(self, answer: T | None) -> T:
        return present(answer, self.http.name)

    def _switch_to_v1(self, reason: ApiError) -> None:
        with self._switching:
            if self.route == "v3":
                self.route = "v1"
                log.warning("no v3/transactions on this server; transactions are read through v1 instead (%s)", reason)

    def _note_no_v1(self, reason: ApiError) -> None:
        with self._switching:
            if self.has_v1 and self.route == "v3":
                log.warning("no v1/tx on this server; microblock_sequence before 2024-10-29 is NULL (%s)", reason)
            self.has_v1 = False

"""A client of the Hiro API for Stacks. Each method is one request with its retries.

Source of the routes: stacks-blockchain-api v9. `v3/transactions` where the server has it, `v1/tx` otherwise.
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
from stx_pipelines.clients.errors import ApiError, Gone, NotFound
from stx_pipelines.clients.http import Http

log = logging.getLogger(__name__)
T = TypeVar("T")


class SwitchRoute(Exception):
    """The server has no `v3/transactions`: read the same transactions through v1."""


@dataclass
class StacksApi:
    """A client of the Stacks chain. Every method may raise the errors of `Http.get`."""

    http: Http
    route: Literal["v3", "v1"] = "v3"
    _switching: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def tip(self) -> Tip:
        """Return the newest Stacks block, from `/extended`."""
        try:
            return _present(self.http.get("/extended", answers.parse_tip))
        except NotFound as error:
            raise ApiError(f"{self.http.base_url} is no Hiro API for Stacks: check HIRO_API_URL ({error})") from error

    def probe(self) -> None:
        """Request what a day needs, the tip and a page of transactions, to raise their errors."""
        tip = self.tip()
        if self.route == "v3":
            with suppress(SwitchRoute):
                self.page(Cursor.top_of(tip.block_height))

    def block(self, name: int | str) -> Block:
        """Return a canonical block by height or hash. Raises `NotFound`."""
        return _present(self.http.get(f"/extended/v2/blocks/{name}", answers.parse_block))

    def block_if_there(self, height: int) -> Block | None:
        """Return the canonical block at a height, or None."""
        try:
            return self.block(height)
        except NotFound:
            return None

    def has_block(self, height: int, index_block_hash: str) -> bool:
        """Return whether the block at `height` is still this one. If so, the server sends a 304 without a body."""
        etag = {"If-None-Match": f'"{index_block_hash}:true"'}
        try:
            block = self.http.get(f"/extended/v2/blocks/{height}", answers.parse_block, headers=etag)
        except NotFound:
            return False
        return block is None or block.index_block_hash == index_block_hash

    def is_canonical(self, height: int, block_hash: str) -> bool:
        """Return whether the block at `height` has this hash, the kind of hash that burn blocks list."""
        block = self.block_if_there(height)
        return block is not None and block.hash == block_hash

    def has_height(self, height: int) -> bool:
        """Return whether the server has a block at this height."""
        return self.block_if_there(height) is not None

    def block_at(self, unix_seconds: int) -> Block | None:
        """Return the newest block whose own time is not after this instant; None before the first block."""
        try:
            return _present(self.http.get(f"/extended/v2/blocks/by-block-time/{unix_seconds}", answers.parse_block))
        except NotFound:
            return None

    def burn_blocks(self, offset: int) -> list[BurnBlock]:
        """Return up to 30 burn blocks, newest first, from `offset` below the tip. Fewer at the chain's beginning.

        A request that takes too long is sent at most twice: large servers are slow here, and there is another proof.
        """
        params = {"limit": stacks.LIST_SIZE, "offset": offset}
        return _present(
            self.http.get("/extended/v2/burn-blocks", answers.parse_burn_blocks, params=params, slow_attempts=2)
        )

    def burn_block(self, height: int) -> BurnBlock | None:
        """Return one burn block; None for a Bitcoin block without Stacks blocks."""
        try:
            return _present(self.http.get(f"/extended/v2/burn-blocks/{height}", answers.parse_burn_block))
        except NotFound:
            return None

    def page(self, cursor: Cursor) -> Page:
        """Return 50 transactions from `cursor` to older ones. Raises `SwitchRoute` on a server without v3."""
        params: dict[str, str | int] = {"limit": stacks.PAGE_SIZE, "cursor": str(cursor)}
        try:
            answer = self.http.get(
                "/extended/v3/transactions", lambda body: answers.parse_page(body, cursor), params=params
            )
        except (NotFound, Gone) as error:
            self._switch_to_v1(error)
            raise SwitchRoute from error
        return _present(answer)

    def window_page(self, start: int, end: int, offset: int) -> WindowPage:
        """Return 50 transactions of the burn times `[start, end)`, oldest first, through v1."""
        params: dict[str, str | int] = {
            "limit": stacks.PAGE_SIZE,
            "offset": offset,
            "start_time": start,
            "end_time": end - 1,  # v1 includes both ends
            "order": "asc",
            "exclude_function_args": "true",
        }
        try:
            return _present(self.http.get("/extended/v1/tx", answers.parse_window_page, params=params))
        except (NotFound, Gone) as error:
            raise ApiError(
                f"{self.http.base_url} offers transactions neither through v3 nor through v1: {error}"
            ) from error

    def _switch_to_v1(self, reason: ApiError) -> None:
        with self._switching:
            if self.route == "v3":
                self.route = "v1"
                log.warning("no v3/transactions here; transactions are read through v1 from now on (%s)", reason)


def _present(answer: T | None) -> T:
    """Return the response. Raises `ApiError` for a 304, which answers only `If-None-Match`."""
    if answer is None:
        raise ApiError("the API answered 304 to a request without a condition")
    return answer

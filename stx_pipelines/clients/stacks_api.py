"""The Hiro API for the Stacks chain: each method is one request (and its repetitions).

Facts about the routes: stacks-blockchain-api v9. `v3/transactions` where the server has it, `v1/tx` otherwise.
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
    """The server has no v3: read the same transactions through v1."""


@dataclass
class StacksApi:
    """Reads the Stacks chain. Every method may raise the errors of `Http.get`."""

    http: Http
    route: Literal["v3", "v1"] = "v3"
    _switching: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def tip(self) -> Tip:
        """The newest Stacks block, from `/extended`."""
        try:
            return _present(self.http.get("/extended", answers.parse_tip))
        except NotFound as error:
            raise ApiError(f"{self.http.base_url} is no Hiro API for Stacks: check HIRO_API_URL ({error})") from error

    def probe(self) -> None:
        """Ask what days are made of: the tip, and a page of transactions. Raises what these raise."""
        tip = self.tip()
        if self.route == "v3":
            with suppress(SwitchRoute):
                self.page(Cursor.top_of(tip.block_height))

    def block(self, name: int | str) -> Block:
        """A canonical block by height or hash. `NotFound` where there is none."""
        return _present(self.http.get(f"/extended/v2/blocks/{name}", answers.parse_block))

    def block_if_there(self, height: int) -> Block | None:
        """The same by height; None where there is none."""
        try:
            return self.block(height)
        except NotFound:
            return None

    def has_block(self, height: int, index_block_hash: str) -> bool:
        """Whether the block at `height` is still this one: a body-less 304 if so."""
        etag = {"If-None-Match": f'"{index_block_hash}:true"'}
        try:
            block = self.http.get(f"/extended/v2/blocks/{height}", answers.parse_block, headers=etag)
        except NotFound:
            return False
        return block is None or block.index_block_hash == index_block_hash

    def is_canonical(self, height: int, block_hash: str) -> bool:
        """The same by the block's own hash, which is what burn blocks list."""
        block = self.block_if_there(height)
        return block is not None and block.hash == block_hash

    def has_height(self, height: int) -> bool:
        """Whether the server has a block at this height."""
        return self.block_if_there(height) is not None

    def block_at(self, unix_seconds: int) -> Block | None:
        """The newest block whose own time is not after this instant; None before the first block."""
        try:
            return _present(self.http.get(f"/extended/v2/blocks/by-block-time/{unix_seconds}", answers.parse_block))
        except NotFound:
            return None

    def burn_blocks(self, offset: int) -> list[BurnBlock]:
        """Up to 30 burn blocks, newest first, from `offset` below the tip. Shorter at the chain's beginning.

        Where that takes too long it is asked twice at most: large servers are slow here, and there is another way to
        prove a day.
        """
        params = {"limit": stacks.LIST_SIZE, "offset": offset}
        return _present(
            self.http.get("/extended/v2/burn-blocks", answers.parse_burn_blocks, params=params, slow_attempts=2)
        )

    def burn_block(self, height: int) -> BurnBlock | None:
        """One burn block; None where Bitcoin has a block without Stacks blocks."""
        try:
            return _present(self.http.get(f"/extended/v2/burn-blocks/{height}", answers.parse_burn_block))
        except NotFound:
            return None

    def page(self, cursor: Cursor) -> Page:
        """50 transactions from `cursor` downwards. `SwitchRoute` on a server without v3."""
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
        """50 transactions of the burn times `[start, end)`, oldest first, through v1."""
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
                log.warning("no v3/transactions here, reading through v1 from now on (%s)", reason)


def _present(answer: T | None) -> T:
    """304 is only ever an answer to `If-None-Match`."""
    if answer is None:
        raise ApiError("the API answered 304 to a request that set no condition")
    return answer

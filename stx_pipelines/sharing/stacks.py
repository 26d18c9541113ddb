"""The comparison of pulled Stacks days with the receiver's own API.

Every burn block's count and Stacks blocks are compared, for about five requests a day. Then random pages are compared
row by row.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil
from typing import Any

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.errors import MalformedAnswer, ProofError
from stx_pipelines.chains.stacks import ANCHORED, LIST_SIZE, NAKAMOTO_DAY, PAGE_SIZE, Tip, Tx
from stx_pipelines.chains.stacks_answers import refuse_unless_hashes, sound
from stx_pipelines.chains.stacks_proof import FINAL_DEPTH, Placed, prove_by_counts
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.project import Project
from stx_pipelines.sharing.sample import pages_of
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.identity import Identity
from stx_pipelines.sync.pools import thread_pool
from stx_pipelines.sync.stacks.burn_blocks import BurnList
from stx_pipelines.sync.stacks.certify import Cost, certify
from stx_pipelines.sync.stacks.compare import differing_page
from stx_pipelines.sync.stacks.looks import View
from stx_pipelines.sync.stacks.plan import DayPlan, plan_day
from stx_pipelines.sync.stacks.reorgs import identify, refuse_another_chain

log = logging.getLogger(__name__)

_CHUNK = 32  # days whose burn blocks are listed at once
_AT_ONCE = 8  # pages read at once
_BEFORE = 2  # requests for the tip and for the block that identifies the chain
_PER_RANGE = 4  # requests that find the place of a range of days in the list, and the blocks at its ends
_HASH = len("0x") + 64  # characters
_UNLINKED = 0.4  # share of days whose first block is compared, because heights of two days interleave at midnight
_PAGES_MORE = 0.5  # pages of a day that take one request more, because rows of another day are between their rows
_MARGIN = 12 + 3 * FINAL_DEPTH  # burn blocks read above and below a range of days
_BURN_BLOCKS = 138.24  # of a day: about 96 of 100 Bitcoin blocks anchor Stacks blocks
_BY_HASH = re.compile(r"(; \d+ of \d+ burn blocks also by the hashes of their Stacks blocks)?")
_COMPARED = (
    "expected",
    "seen",
    "published",
    "left_out",
    "first_height",
    "last_height",
    "first_block_time",
    "last_block_time",
    "burn_blocks",
)

OnRefusal = Callable[[date, str], None]


def ranges_of(days: Sequence[date]) -> list[list[date]]:
    """Return the ranges of neighbouring days, newest first, each newest first."""
    ranges: list[list[date]] = []
    for day in sorted(days, reverse=True):
        if ranges and ranges[-1][-1] - day == DAY:
            ranges[-1].append(day)
        else:
            ranges.append([day])
    return ranges


def requests_for_counts(days: Sequence[date], *, is_known: bool) -> int:
    """Return about how many requests the comparison of these days' burn blocks needs, without the pages.

    `is_known` says whether the data folder's chain is known already.
    """
    pages = [_PER_RANGE + ceil((_BURN_BLOCKS * len(each) + _MARGIN) / (LIST_SIZE - 1)) for each in ranges_of(days)]
    return _BEFORE + (not is_known) + sum(pages) + int(_UNLINKED * len(days))


def requests_for_pages(drawn: int, pages: int, days: int) -> int:
    """Return about how many requests the comparison of pages needs that are `drawn` from the `pages` of all days."""
    return drawn + int(_PAGES_MORE * days * drawn / max(1, pages))


def pages_of_day(rows: int) -> list[range]:
    """Return the places of a day's rows as pages of the API."""
    return pages_of(rows, PAGE_SIZE)


def fault_of_rows(rows: list[Tx], day: date, certificate: Certificate) -> str | None:
    """Return why these rows cannot be of the API, as the end of a sentence; None if they can. This needs no request."""
    if certificate.route not in {"v3", "v1"}:
        return f"was read by an unknown route, {certificate.route!r:.40}"
    if any(
        (row.block_height, row.tx_index, row.tx_id) >= (after.block_height, after.tx_index, after.tx_id)
        for row, after in zip(rows, rows[1:], strict=False)
    ):
        return "has rows that are not in the order of the chain"
    if day >= NAKAMOTO_DAY and any(row.microblock_sequence != ANCHORED for row in rows):
        return "has microblocks on a day that cannot have any"
    if certificate.route == "v3" and any(row.index_block_hash is None for row in rows):
        return "has rows without the index block hash, which its route reports"
    hashes = {row.index_block_hash for row in rows if row.index_block_hash}.union(row.tx_id for row in rows)
    if set(map(len, hashes)) - {_HASH}:
        return "has impossible values (a hash of another length)"
    try:
        refuse_unless_hashes(hashes)
        sound(rows)
    except MalformedAnswer as error:
        return f"has impossible values ({error})"
    return None


def identified(project: Project, api: StacksApi) -> Identity:
    """Return the identity of the data folder's chain. Raises `WrongChain` if the API serves another one."""
    identity = identify(api, project.folder, project.settings.stx_first_day)
    refuse_another_chain(api, identity)
    return identity


@dataclass
class StacksCheck:
    """The comparison of the days in `staged` with the API. `refuse` is called with each day that differs, and why.

    `known` are the certificates of the stored and of the pulled days. Days whose first block follows the last block of
    the day before are linked already.
    """

    api: StacksApi
    staged: DatasetStore[Tx]
    refuse: OnRefusal
    known: Mapping[date, Certificate]

    def compare_counts(self, days: Sequence[date]) -> None:
        """Compare every burn block's count and Stacks blocks. Raises the errors of `StacksApi` and `ListMoved`."""
        tip = self.api.tip()
        with thread_pool(_AT_ONCE, "list", self.api.http.stop) as pool:
            burns = BurnList(self.api, tip, pool)
            for each in ranges_of(days):
                for start in range(0, len(each), _CHUNK):
                    chunk = each[start : start + _CHUNK]
                    lowest, highest = window(chunk[-1])[0], window(chunk[0])[1]
                    burns.cover_when_still(lowest, highest, lambda error: log.info("%s; reading it again", error))
                    for day in chunk:
                        self._compare_day(day, burns, View(self.api, tip), is_newest=day == each[0])

    def _compare_day(self, day: date, burns: BurnList, view: View, *, is_newest: bool) -> None:
        certificate, rows = read_staged(self.staged, day)
        try:
            plan = plan_day(day, burns.rows, burns.growing)
            prove_by_counts(rows, plan.burns or (), day)
        except ProofError as error:
            return self.refuse(day, str(error))
        fault = _fault_of_certificate(certificate, plan, rows, view.tip) or self._fault_of_ends(
            certificate, burns.rows, view, is_newest=is_newest
        )
        if fault:
            self.refuse(day, fault)
        return None

    def _fault_of_ends(
        self, certificate: Certificate, listed: Sequence[Placed], view: View, *, is_newest: bool
    ) -> str | None:
        """Compare the block that closed the day, and the first and last block where no other day is linked to it."""
        day = certificate.day
        if (closed := certificate.closed_by) and not (
            _is_listed(closed.height, closed.block_hash, listed) or view.is_canonical(closed.height, closed.block_hash)
        ):
            return f"it was closed by Stacks block {closed.height}, which the API does not have"
        first, parent, before = certificate.first_height, certificate.first_parent_hash, self.known.get(day - DAY)
        is_linked = before is not None and before.last_height == (first or 0) - 1
        if first is not None and first > 1 and parent and not is_linked and not view.has_block(first - 1, parent):
            return f"the API has another Stacks block {first - 1}, before the first one of the day"
        top, name = certificate.last_height, certificate.last_hash
        if is_newest and top is not None and name and not view.has_block(top, name):
            return f"the API has another Stacks block {top}"
        return None

    def compare_pages(self, pages: Mapping[date, Sequence[range]]) -> None:
        """Compare these pages row by row, every column. Raises the errors of `StacksApi`."""
        with thread_pool(_AT_ONCE, "page", self.api.http.stop) as pool:
            for day, faults in zip(pages, pool.map(self._faults_of_pages, pages, pages.values()), strict=True):
                if faults:
                    self.refuse(day, "; ".join(faults))

    def _faults_of_pages(self, day: date, pages: Sequence[range]) -> list[str]:
        """Return what differs on the first page of the day that differs."""
        certificate, rows = read_staged(self.staged, day)
        columns = [column.name for column in DATASETS[TRANSACTIONS].columns_of(certificate)]
        found = (differing_page(self.api, rows[page.start : page.stop], rows, columns) for page in pages)
        return next(filter(None, found), [])


def read_staged(staged: DatasetStore[Any], day: date) -> tuple[Certificate, list[Any]]:
    """Return the certificate and the rows of a day that was pulled and checked offline."""
    certificate = staged.files.certificate(day)
    assert certificate is not None  # only days that were read and checked are compared
    return certificate, staged.rows(day)


def fault_of_time(certificate: Certificate) -> str | None:
    """Return that a certificate is of a later time than now; None if it is not. A day covers clocks that differ."""
    return None if certificate.proved_at <= datetime.now(UTC) + DAY else "its certificate is of a later time"


def _fault_of_certificate(certificate: Certificate, plan: DayPlan, rows: Sequence[Tx], tip: Tip) -> str | None:
    """Return what the certificate states otherwise than the one that the receiver would write."""
    if plan.state != "closed":
        return "the API does not have enough newer burn blocks to close the day yet"
    own, *others = _own_certificates(certificate, plan, rows)
    for name in _COMPARED:
        if getattr(own, name) != getattr(certificate, name):
            return f"its certificate states {name} {getattr(certificate, name)}, but it is {getattr(own, name)}"
    if own.last_hash and own.last_hash != certificate.last_hash:
        return "its certificate names another last block than its rows"
    proofs = [each.proof for each in (own, *others) if certificate.proof.startswith(each.proof)]
    if not any(_BY_HASH.fullmatch(certificate.proof.removeprefix(proof)) for proof in proofs):
        return "its certificate describes no proof that this version knows"
    if max(certificate.tip, certificate.proved_to) > tip.burn_block_height:
        return "its certificate is of a burn block that the API does not have"
    return fault_of_time(certificate)


def _own_certificates(certificate: Certificate, plan: DayPlan, rows: Sequence[Tx]) -> Iterator[Certificate]:
    """Yield the certificates that the receiver would write after a proof by all burn blocks, and by a sample."""
    for each in (plan, plan._replace(burns=None)):
        yield certify(each, rows, certificate.proved_at, Cost(0, 0.0), certificate.route)


def _is_listed(height: int, block_hash: str, listed: Sequence[Placed]) -> bool:
    """Return whether the list has this Stacks block at this height."""
    place = next((row for row in listed if row.lo <= height <= row.hi), None)
    return place is not None and place.burn.stacks_blocks[place.hi - height] == block_hash

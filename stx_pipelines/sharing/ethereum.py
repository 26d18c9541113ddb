"""The comparison of pulled Ethereum days with the receiver's own node.

Day files have no log blooms, so their headers cannot be hashed without the node. The links between all blocks are
checked in the file, both ends of each day are compared with the node, and random headers and balances are read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stx_pipelines.chains.balance_proof import prove_balances
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS, DATASETS
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.chains.ethereum_proof import judge_headers, prove_blocks
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.project import Project
from stx_pipelines.sharing.stacks import OnRefusal, fault_of_time, read_staged
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.identity import EthereumIdentity
from stx_pipelines.sync.ethereum.blocks import is_hashed
from stx_pipelines.sync.ethereum.chain import finalized, identify
from stx_pipelines.sync.ethereum.verify import compare_balances

_BEFORE = 3  # calls for the chain, block 0 and the newest final block
_ENDS = 2  # the blocks before and after a day
_HEX = set("0123456789abcdefx")

_PER_BALANCE = 2  # the balances before and after a block
_SAME_RECIPIENT = 0.3  # share of blocks with the fee recipient of the block before, whose balance is asked once


def calls_for(dataset: str, days: int, drawn: int, rows: int) -> int:
    """Return about how many calls the comparison of rows takes that are `drawn` from all `rows` of these days."""
    if dataset == BLOCKS:
        return _BEFORE + _ENDS * days + drawn
    return round(drawn * (_PER_BALANCE - _SAME_RECIPIENT * drawn / max(1, rows)))


def fault_of_certificate(certificate: Certificate, rows: Sequence[Block] | Sequence[BalanceChange]) -> str | None:
    """Return what the certificate of a day of Ethereum states otherwise than its rows; None if they agree."""
    count = len(rows)
    if (certificate.seen, certificate.published, certificate.left_out) != (count, count, {}):
        return "its certificate states another number of rows"
    texts = "".join({value for row in rows for value in row if isinstance(value, str)})
    if not set(texts) <= _HEX:
        return "has texts that are not hex"
    if len(certificate.proof) > 2_000 or not certificate.proof.isprintable():
        return "its certificate describes no proof that this version knows"
    return fault_of_time(certificate)


def identified(project: Project, node: EthereumRpc) -> tuple[EthereumIdentity, int]:
    """Return the identity of the node's chain and its newest final block.

    Raises `WrongChain` if the data folder has another chain, and the errors of the client.
    """
    identity = identify(node, project.folder, project.settings.eth_first_day)
    return identity, finalized(node, project.settings.eth_confirmations).number


@dataclass
class EthereumCheck:
    """The comparison of days of one dataset with the node. `refuse` is called with each day that differs, and why."""

    node: EthereumRpc
    staged: DatasetStore[Block] | DatasetStore[BalanceChange]
    refuse: OnRefusal

    def compare_ends(self, days: Sequence[date], final: int) -> None:
        """Compare the blocks before and after each day of blocks, up to the block `final`, which are all its blocks.

        Raises the errors of the client.
        """
        for day in days:
            certificate, rows = read_staged(self.staged, day)
            try:
                self._prove(day, certificate, rows, final)
            except ProofError as error:
                self.refuse(day, str(error))

    def _prove(self, day: date, certificate: Certificate, rows: Sequence[Block], final: int) -> None:
        if not rows:
            raise ProofError("it has no blocks, and a day without blocks is not pulled")
        first, last = rows[0], rows[-1]
        if last.number >= final:
            raise ProofError("the node has no final block after it yet")
        below = [first.number - 1] if first.number else []
        *before, after = (header.block for header in self.node.headers([*below, last.number + 1]))
        prove_blocks(rows, day, before[0] if before else None, after)
        facts = (len(rows), first.number, last.number, last.hash, first.parent_hash)
        if facts != (
            certificate.expected,
            certificate.first_height,
            certificate.last_height,
            certificate.last_hash,
            certificate.first_parent_hash,
        ):
            raise ProofError("its certificate states other blocks than its rows")

    def compare_blocks(self, places: Mapping[date, Sequence[range]]) -> None:
        """Read these headers again, hash them and compare every field. Raises the errors of the client."""
        chosen = {day: self._chosen(day, pages) for day, pages in places.items()}
        numbers = [row.number for _, rows in chosen.values() for row in rows]
        read = dict(zip(numbers, self.node.headers(numbers), strict=True))
        for day, (certificate, rows) in chosen.items():
            names = [column.name for column in DATASETS[BLOCKS].columns_of(certificate)]
            headers = [read[row.number] for row in rows]
            try:
                judge_headers(headers, is_like_ethereum=is_hashed(certificate))
            except ProofError as error:
                self.refuse(day, str(error))
                continue
            for row, header in zip(rows, headers, strict=True):
                if fields := [name for name in names if getattr(row, name) != getattr(header.block, name)]:
                    self.refuse(day, f"block {row.number} differs in {', '.join(fields)}")
                    break

    def _chosen(self, day: date, pages: Sequence[range]) -> tuple[Certificate, list[Block]]:
        """Return the day's certificate, and the row with which each page begins."""
        certificate, rows = read_staged(self.staged, day)
        return certificate, [rows[page.start] for page in pages]

    def compare_with_blocks(self, days: Sequence[date], stores: Mapping[date, DatasetStore[Block]]) -> None:
        """Compare the balances of each day with its blocks, which are in the store of this day. This needs no call."""
        for day in days:
            store = stores.get(day)
            if fault := self._fault_beside(day, store) if store else "its blocks are neither stored nor pulled":
                self.refuse(day, fault)

    def _fault_beside(self, day: date, store: DatasetStore[Block]) -> str | None:
        certificate, rows = read_staged(self.staged, day)
        if not certificate.is_of_same_blocks(store.files.certificate(day)):
            return "its certificate is of other blocks than the file of the day's blocks"
        blocks = store.rows(day)
        try:
            prove_balances(rows, blocks)
        except ProofError as error:
            return str(error)
        withdrawals = {block.number: block.withdrawals_gwei for block in blocks}
        # A file of an early version has no withdrawals.
        if any(row.withdrawals_gwei not in {None, withdrawals[row.block_number]} for row in rows):
            return "it has other withdrawals than its blocks"
        return None

    def compare_balances(self, places: Mapping[date, Sequence[range]]) -> None:
        """Ask for the balances of these rows again. Raises the errors of the client."""
        for day, pages in places.items():
            _, rows = read_staged(self.staged, day)
            try:
                compare_balances([rows[page.start] for page in pages], self.node)
            except ProofError as error:
                self.refuse(day, str(error))

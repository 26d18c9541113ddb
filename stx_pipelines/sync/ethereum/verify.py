"""Verification of stored days of Ethereum, from their files: headers, links and balances are read once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random, SystemRandom
from typing import NamedTuple

from stx_pipelines.chains.balance_proof import prove_balances
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block, Header
from stx_pipelines.chains.ethereum_proof import judge_headers, prove_blocks
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.sync.ethereum.account_proofs import AccountProofs

SAMPLE = 20
"""Rows of a day whose balances are read once more, unless all are."""

_FIRST_FIELDS = Block._fields[: Block._fields.index("nonce")]
"""The fields that the first version kept."""


class DayVerdict(NamedTuple):
    """What was compared on a day of one dataset, and what differs."""

    day: date
    compared: str
    faults: list[str]


def calls_needed(certificate: Certificate, *, every: bool) -> int:
    """Return about how many calls the verification of a day of blocks and its balances takes."""
    pairs = certificate.seen if every else min(certificate.seen, SAMPLE)
    return certificate.seen + 2 + 4 * pairs


def verify_blocks(node: EthereumRpc, store: DatasetStore[Block], certificate: Certificate) -> DayVerdict:
    """Read the day's headers once more: compare them with the file, hash and link them.

    Raises the errors of the client and `DamagedDayFile`.
    """
    rows = store.rows(certificate.day)
    if not rows:
        return DayVerdict(certificate.day, "no blocks", [])
    lowest, highest = rows[0].number, rows[-1].number
    numbers = range(max(0, lowest - 1), highest + 1 + certificate.is_closed)
    headers = node.headers(numbers)
    return DayVerdict(certificate.day, f"{len(rows):,} blocks", _faults_of_blocks(rows, headers, certificate))


def _faults_of_blocks(rows: Sequence[Block], headers: Sequence[Header], certificate: Certificate) -> list[str]:
    read = {header.block.number: header.block for header in headers}
    faults = []
    if different := [(row.number, fields) for row in rows if (fields := _different(row, read[row.number]))]:
        number, fields = different[0]
        more = f" (and {len(different) - 1} more blocks)" if len(different) > 1 else ""
        faults.append(f"block {number} differs from the file in {', '.join(fields)}{more}")
    before, after = read.get(rows[0].number - 1), read.get(rows[-1].number + 1)
    try:
        prove_blocks([read[row.number] for row in rows], certificate.day, before, after)
        judge_headers(headers, is_like_ethereum=False)
    except ProofError as error:
        faults.append(str(error))
    return faults


def _different(row: Block, read: Block) -> list[str]:
    """Name the fields that differ. A row of an earlier version lacks the later ones."""
    fields = _FIRST_FIELDS if row.state_root is None else Block._fields
    return [name for name in fields if getattr(row, name) != getattr(read, name)]


def verify_balances(
    node: EthereumRpc,
    stores: tuple[DatasetStore[Block], DatasetStore[BalanceChange]],
    certificates: tuple[Certificate, Certificate],
    *,
    every: bool,
    random: Random | None = None,
) -> DayVerdict:
    """Read a sample of the day's balances once more, or `every` one, and prove them where the node gives proofs.

    Both tuples are of blocks and of balances. Raises the errors of the client and `DamagedDayFile`.
    """
    random = random or SystemRandom()
    day = certificates[1].day
    blocks, rows = stores[0].rows(day), stores[1].rows(day)
    chosen = rows if every else random.sample(rows, min(SAMPLE, len(rows)))
    proofs = AccountProofs(node, None if every else SAMPLE, random)
    try:
        prove_balances(rows, blocks)
        compare_balances(chosen, node)
        _, remark = proofs.prove(certificates[0], blocks, rows)
    except ProofError as error:
        return DayVerdict(day, f"{len(rows):,} rows", [str(error)])
    return DayVerdict(day, f"{len(rows):,} rows, {len(chosen):,} of them read once more; {remark}", [])


def compare_balances(rows: Sequence[BalanceChange], node: EthereumRpc) -> None:
    """Ask the node for both balances of each row. Raises `ProofError` if one differs, and the errors of the client."""
    wanted = {
        BalanceKey(row.miner, number): wei
        for row in rows
        for number, wei in ((row.block_number - 1, row.balance_before), (row.block_number, row.balance_after))
    }
    for key, wei in node.balances(sorted(wanted, key=lambda key: key.number)).items():
        if wei != wanted[key]:
            raise ProofError(
                f"{key.address} has {wei} Wei at block {key.number}, but {wanted[key]} in the file", {key.number}
            )

"""The proofs of a dataset's stored closed days in one sentence: the weakest proof, and sums."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, PARTS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.chains.ethereum_proof import HASHED
from stx_pipelines.coverage.text import count_days
from stx_pipelines.store.dataset_store import DatasetStore

_WEAKEST_FIRST = (
    ("a sample of burn blocks", "by the counts of a sample of burn blocks"),
    ("counts only", "by counts of transactions (microblocks)"),
)
"""How the proof of a certificate begins, and its name. Any other proof of a Stacks day is by counts of all kinds."""

_PROVED = {
    BALANCES: (re.compile(r"balances of (\d+) of \d+ blocks proved"), "balances", "account proofs"),
    PARTS: (re.compile(r"parts of (\d+) of \d+ blocks proved"), "parts", "the roots of hashed headers"),
}


class Proofs(NamedTuple):
    """The closed days, their burn blocks, those proved by hashes, the sentence, and the weakest proof of a Stacks day.

    The last two are None without a closed day.
    """

    days: int
    burn_blocks: int
    by_hash: int
    sentence: str | None
    weakest: str | None = None


def proofs_of(store: DatasetStore[Any], certificates: Mapping[date, Certificate]) -> Proofs:
    """Return the proofs of the stored closed days of a dataset."""
    closed = {day: known for day, known in certificates.items() if known.is_closed}
    if not closed:
        return Proofs(0, 0, 0, None)
    weakest, burn_blocks = None, sum(known.burn_blocks for known in closed.values())
    by_hash = sum(store.evidence.counts(closed).values()) if store.dataset == TRANSACTIONS else 0
    days, rows = count_days(len(closed)), sum(known.seen for known in closed.values())
    if store.dataset == TRANSACTIONS:
        also = f"{by_hash:,} of {burn_blocks:,} burn blocks also by the hashes of their Stacks blocks"
        weakest = _weakest(closed.values())
        sentence = f"{days} closed, each at least {weakest}; {also}"
    elif store.dataset == BLOCKS:
        hashed = sum(known.seen for known in closed.values() if known.proof.endswith(HASHED))
        sentence = f"{days} closed; {hashed:,} of {rows:,} headers hashed"
    elif store.dataset == WALLET_BALANCES:
        sentence = f"{days} closed; the nonces of {rows:,} new wallets proved by the history"
    elif store.dataset == PRICES:
        sentence = f"{days} closed; {_compared(closed.values())}"
    else:
        pattern, noun, means = _PROVED.get(store.dataset, _PROVED[BALANCES])
        found = [pattern.search(known.proof) for known in closed.values()]
        proved = sum(int(each[1]) for each in found if each)
        sentence = f"{days} closed; the {noun} of {proved:,} of {rows:,} blocks proved by {means}"
    return Proofs(len(closed), burn_blocks, by_hash, sentence, weakest)


def _compared(closed: Collection[Certificate]) -> str:
    proofs = [proof for known in closed for proof in known.prices or ()]
    compared, seen = sum(proof.compared for proof in proofs), sum(proof.seen for proof in proofs)
    without, far = sum(proof.without_trade for proof in proofs), sum(proof.far for proof in proofs)
    return (
        f"{compared:,} of {seen:,} hourly prices compared with a second source, {far:,} of them far from it; "
        f"{without:,} hours without a trade"
    )


def _weakest(closed: Collection[Certificate]) -> str:
    for beginning, name in _WEAKEST_FIRST:
        if any(known.proof.startswith(beginning) for known in closed):
            return name
    return "by counts"

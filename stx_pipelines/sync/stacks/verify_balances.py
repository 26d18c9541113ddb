"""Verification of stored days of `wallet_balances`: nonces are proved again, and balances are read once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random, SystemRandom

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks_accounts import AccountState
from stx_pipelines.chains.wallet_balances import WalletBalance, balance_of
from stx_pipelines.clients.errors import NotFound
from stx_pipelines.clients.stacks_node import NoAccounts
from stx_pipelines.sync.stacks.balances import PROOF, History, TransactionsAwaited, WalletBalancesSync

SAMPLE = 20
"""Accounts of a day whose state is read once more, unless all are."""


def verify_balances(
    sync: WalletBalancesSync, known: Certificate, *, every: bool, random: Random | None = None
) -> tuple[str, list[str]]:
    """Return what was compared on a stored day, and what differs.

    The rows are proved once more by the stored transactions, without a request. Then a sample of the accounts, or
    `every` one, is read from the node again. Raises the errors of the client and `DamagedDayFile`.
    """
    day, random = known.day, random or SystemRandom()
    if not known.is_of_same_blocks(sync.made_from.files.certificates().get(day)):
        return "", ["the transactions of the day have changed since"]
    rows = sync.store.rows(day)
    try:
        faults = list(_unproved(rows, sync.history(day), is_whole=known.proof == PROOF))
    except TransactionsAwaited as error:
        return "", [str(error)]
    chosen = rows if every else random.sample(rows, min(SAMPLE, len(rows)))
    compared = f"{len(rows):,} new wallets, all nonces are one more than those of our transactions"
    try:
        faults += _changed(sync, chosen)
    except (NotFound, NoAccounts) as error:
        return f"{compared}; no balance was read once more, because the node does not give it ({error})", faults
    return f"{compared}; {len(chosen):,} balances read once more", faults


def _unproved(rows: Sequence[WalletBalance], history: History, *, is_whole: bool) -> Iterator[str]:
    """Yield a sentence for each row that the transactions contradict, and for accounts that have no row.

    If not `is_whole`, accounts were left out, because their nonces could not be proved when the day was read.
    """
    highest, last = history.accounts.highest, history.last
    for row in rows:
        if last is None or row.address not in highest:
            yield f"the first transaction of {row.address} is not on the day"
            continue
        state = AccountState(row.available_ustx, row.locked_ustx, row.unlock_height, row.nonce)
        try:
            if balance_of(row.address, state, highest[row.address], last) != row:
                yield f"the row of {row.address} does not fit its balance or the day's last block"
        except ProofError as error:
            yield str(error)
    if is_whole and (missing := sorted(highest.keys() - {row.address for row in rows})):
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        yield f"{missing[0]} is new on the day, but has no row{more}"


def _changed(sync: WalletBalancesSync, rows: Sequence[WalletBalance]) -> Iterator[str]:
    """Yield a sentence for each row that the node now contradicts."""
    for row in rows:
        stored = AccountState(row.available_ustx, row.locked_ustx, row.unlock_height, row.nonce)
        read = sync.state(row.address, row.index_block_hash)
        if read != stored:
            names = [name for name in AccountState._fields if getattr(read, name) != getattr(stored, name)]
            yield f"{row.address} now differs from the file in {', '.join(names)}"

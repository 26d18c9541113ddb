"""The sync of `wallet_balances`: the balance of each new account after the last Stacks block of its first day."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.stacks_accounts import AccountState
from stx_pipelines.chains.wallet_balances import (
    NewAccounts,
    WalletBalance,
    balance_of,
    last_row,
    missing_heights,
    new_accounts,
)
from stx_pipelines.clients.errors import ApiError, NotFound
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.stacks_node import NoAccounts, StacksNode
from stx_pipelines.coverage.unserved import Unserved, note_unserved
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile
from stx_pipelines.store.kept_states import KeptStates
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.outcome import FailedDay, NotNow, Outcome, ProvedDay

log = logging.getLogger(__name__)

PROOF = (
    "one row per account whose nonce 0 is on the day; each next nonce that the node states is one more than the "
    "highest nonce of the account up to the day's last block; the balances are the node's word"
)
"""The proof in the certificate of a day. A day with accounts that were left out has their number too."""


class History(NamedTuple):
    """What our transactions say about a day: its new accounts, and a row of its last block.

    `last` is None for a day without rows. `unknown` are the blocks that may have further transactions of the accounts.
    """

    accounts: NewAccounts
    last: Tx | None
    unknown: set[int]


class TransactionsAwaited(NotNow):
    """The day's transactions are not closed yet."""


class StateUnserved(NotNow):
    """The server does not give the states of accounts at the end of the day."""


@dataclass
class WalletBalancesSync(DaySync[StacksNode, WalletBalance]):
    """The sync of the balances of new accounts, for the closed days of `transactions`.

    `share` is the part of the server's budget that this sync may spend. What the server does not give is noted in
    `folder`, and its days have no outcome.
    """

    folder: DataFolder
    transactions: DatasetStore[Tx]
    share: Budget
    _unserved: StateUnserved | None = field(default=None, init=False)

    @property
    def made_from(self) -> DatasetStore[Tx]:
        """The store of the transactions."""
        return self.transactions

    @property
    def _kept(self) -> KeptStates:
        return KeptStates(self.folder.states(WALLET_BALANCES))

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        if force:
            self._kept.drop()
        for outcome in self._store_each(days, self._read):
            if not (isinstance(outcome, FailedDay) and isinstance(outcome.error, StateUnserved)):
                yield outcome

    def _read(self, day: date) -> ProvedDay[WalletBalance]:
        """Read and prove the balances of a day's new accounts. Raises `NotNow`, `ProofError` and client errors."""
        if self._unserved is not None:
            raise self._unserved  # the days come newest first, so this day is older than the refused one
        began, requests = time.monotonic(), self.client.http.calls
        source = self._source(day)
        if source is None or not source.is_closed:
            raise TransactionsAwaited(
                f"the transactions of {day} are not closed yet; the balances of its new wallets are read afterwards"
            )
        history = self.history(day)
        try:
            balances = self._proved(day, history)
        except ProofError:
            self._kept.drop()
            raise
        self._kept.drop()
        sent, seconds = self.client.http.calls - requests, round(time.monotonic() - began, 3)
        return ProvedDay(balances, self._certify(source, history.accounts, balances, sent, seconds))

    def _proved(self, day: date, history: History) -> list[WalletBalance]:
        balances, accounts = list(self._balances(day, history)), len(history.accounts.highest)
        if 2 * len(balances) < accounts:
            raise ProofError(
                f"the node states higher nonces than our transactions have for {accounts - len(balances)} of the "
                f"{accounts} new accounts of {day}"
            )
        return balances

    def history(self, day: date) -> History:
        """Return what the transactions of a day and of the days beside it say. Raises `TransactionsAwaited`."""
        rows = self._rows(day)
        missing = missing_heights(rows)
        neighbours = [each for each in (day - DAY, day + DAY) if missing and self._source(each)]
        beside = [tx for each in neighbours for tx in self._rows(each) if tx.block_height in missing]
        lacking = missing - {tx.block_height for tx in beside}
        if lacking and day - DAY in neighbours:
            self._await_neighbours(day, rows, lacking)
            lacking = set()  # blocks without transactions
        return History(new_accounts(rows, beside), last_row(rows), lacking)

    def _await_neighbours(self, day: date, rows: Sequence[Tx], lacking: set[int]) -> None:
        """Raise `TransactionsAwaited` if a day beside this one may still get transactions of these blocks."""
        before, after = self._source(day - DAY), self._source(day + DAY)
        newest = max(tx.burn_block_height for tx in rows)
        is_known = before and before.is_closed and after and (after.is_closed or after.proved_to >= newest)
        if not is_known:
            raise TransactionsAwaited(
                f"block {min(lacking)} is between the blocks of {day}, but of a neighbouring day that is not stored "
                "yet; the balances of the day's new wallets are read afterwards"
            )

    def _rows(self, day: date) -> list[Tx]:
        try:
            return self.transactions.rows(day)
        except DamagedDayFile as error:
            log.warning("%s", error)
            raise TransactionsAwaited(
                f"the file of the transactions of {day} is damaged; `stx-pipelines health` says what to do"
            ) from error

    def _balances(self, day: date, history: History) -> Iterator[WalletBalance]:
        """Yield the balances.

        An account with transactions in unknown blocks is left out: the day before is not stored, so that its nonce
        cannot be proved.
        """
        accounts, last, unknown = history
        if last is None:
            return
        if last.index_block_hash is None:
            raise TransactionsAwaited(
                f"the transactions of {day} were read without index block hashes; read the day again with "
                "`stx-pipelines sync --chain stacks --force-refresh`"
            )
        kept = self._kept.at(last.index_block_hash)
        for address, highest in accounts.highest.items():
            state = kept.get(address) or self._read_state(day, address, last.index_block_hash)
            self.on_page(1)
            if not (unknown and state.nonce > highest + 1):
                yield balance_of(address, state, highest, last)

    def _read_state(self, day: date, address: str, tip: str) -> AccountState:
        try:
            state = self.state(address, tip)
        except (NotFound, NoAccounts) as error:
            raise self._refuse(day, error) from error
        self._kept.add(tip, address, state)
        return state

    def state(self, address: str, tip: str) -> AccountState:
        """Return the state of an account after a block. Raises `NotFound`, `NoAccounts` and other client errors."""
        self.share.spend(self.client.http.stop)
        return self.client.account(address, tip)

    def _refuse(self, day: date, error: ApiError) -> StateUnserved:
        """Note that the server does not give the states of this day and of earlier ones. Log it once."""
        newest = self.clock().date() if isinstance(error, NoAccounts) else day
        found = Unserved(self.client.http.name, newest, str(error), self.clock().replace(microsecond=0))
        note_unserved(self.folder, found)
        log.warning("%s", found.sentence)
        self._unserved = StateUnserved(found.sentence)
        return self._unserved

    def _certify(
        self,
        source: Certificate,
        accounts: NewAccounts,
        balances: Sequence[WalletBalance],
        requests: int,
        seconds: float,
    ) -> Certificate:
        times = [datetime.fromtimestamp(row.burn_block_time, UTC) for row in balances[:1]]
        left_out = accounts.left_out + len(accounts.highest) - len(balances)
        return msgspec.structs.replace(
            source,
            dataset=WALLET_BALANCES,
            proof=PROOF + (f"; {left_out} new accounts with unknown nonces are left out" if left_out else ""),
            expected=len(balances),
            seen=len(balances),
            published=len(balances),
            left_out={},
            first_block_time=times[0] if times else None,
            last_block_time=times[0] if times else None,
            burn_blocks=0,
            proved_at=self.clock().replace(microsecond=0),
            requests=requests,
            seconds=seconds,
            route="/v2/accounts",
        )


def open_wallet_balances(project: Project) -> WalletBalancesSync:
    """Open the sync of the balances of new wallets. Its requests also spend their own, smaller budget."""
    node = project.stacks_node(project.stacks_api().http)
    share = node.http.budget.part("balances", project.balances_budget)
    return WalletBalancesSync(node, project.store(WALLET_BALANCES), project.folder, project.store(TRANSACTIONS), share)

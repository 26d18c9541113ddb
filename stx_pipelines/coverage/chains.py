"""The facts about each chain that the sensor, the commands and `health` need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from stx_pipelines.chains.datasets import Dataset, datasets_of
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.current import chain_coverage, first_day_note, wanted_datasets
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.unserved import unserved
from stx_pipelines.project import PRICE_REQUESTS_PER_MINUTE, Project
from stx_pipelines.settings import SettingsError

NO_ETHEREUM = (
    "Ethereum is not part of the coverage because ETH_RPC_URL is not set; to add it, set ETH_RPC_URL to the address of "
    "an archive node (see .env.example)"
)

NO_BALANCES = (
    "the balances of new Stacks wallets are not part of the coverage because STX_BALANCES is not set; to add them, set "
    "STX_BALANCES=1"
)
NO_PRICES = "Prices are not part of the coverage because STX_PRICES is not set; to add them, set STX_PRICES=1"


@dataclass(frozen=True)
class Chain:
    """A chain whose datasets are synced together.

    `began` is the first UTC day of its main network. `budget` returns the number of requests allowed per
    minute, or 0 for no limit. `unit` is the word for these requests. `note` returns a sentence about an unusual
    setting, or None.
    """

    name: str
    title: str
    began: date
    budget: Callable[[Project], int]
    unit: str
    note: Callable[[Project], str | None]

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The chain's datasets, in the order in which they are synced."""
        return datasets_of(self.name)

    @property
    def tables(self) -> list[str]:
        """The names of the chain's datasets, in the order in which they are synced."""
        return [dataset.name for dataset in self.datasets]

    def wanted(self, project: Project) -> tuple[Dataset, ...]:
        """Return the datasets whose days are wanted. The settings can switch some datasets on."""
        return wanted_datasets(project, self.name)

    def look(self, project: Project, now: datetime) -> Coverage:
        """Return the coverage of the chain as a whole."""
        return chain_coverage(project, self.name, now)


STACKS = Chain(
    name="stacks",
    title="Stacks",
    began=date(2021, 1, 14),  # UTC day of the first block's burn block
    budget=lambda project: project.settings.budget,
    unit="requests",
    note=first_day_note,
)

ETHEREUM = Chain(
    name="ethereum",
    title="Ethereum",
    began=date(2015, 7, 30),  # UTC day of block 1
    budget=lambda project: project.settings.eth_calls_per_second * 60,
    unit="calls",
    note=lambda _: None,
)


def _unserved_note(project: Project) -> str | None:
    known = unserved(project.folder, project.accounts_server[0], datetime.now(UTC))
    return known.sentence if known else None


STACKS_BALANCES = Chain(
    name="stacks_balances",
    title="Balances of new Stacks wallets",
    began=STACKS.began,
    budget=lambda project: project.balances_budget,
    unit="requests",
    note=_unserved_note,
)
"""The balances of new wallets. They are covered as a chain of their own, so that they never delay the transactions."""

PRICES = Chain(
    name="prices",
    title="Prices",
    began=STACKS.began - DAY,  # the last hours of a day price the first moments of the next
    budget=lambda _: PRICE_REQUESTS_PER_MINUTE,
    unit="requests",
    note=lambda _: None,
)
"""Prices are no chain. They have days, a source with a newest hour, and coverage, as a chain has."""

CHAINS = {chain.name: chain for chain in (STACKS, STACKS_BALANCES, ETHEREUM, PRICES)}

_NEEDS = {
    STACKS_BALANCES.name: ("stx_balances", NO_BALANCES),
    ETHEREUM.name: ("eth_rpc_url", NO_ETHEREUM),
    PRICES.name: ("stx_prices", NO_PRICES),
}
"""The setting without which a chain has no source, and the sentence that says so."""


def chains_of(project: Project, only: str | None = None) -> list[Chain]:
    """Return the chains that are part of the coverage, or the chain `only`, whatever STX_CHAINS names.

    Without STX_CHAINS, Ethereum is part of the coverage if ETH_RPC_URL is set. The balances of new wallets are part of
    it with Stacks and STX_BALANCES. Prices are part of it, and come last, if STX_PRICES is set. Raises `SettingsError`
    if the setting that `only` needs is not set.
    """
    if only:
        setting, why = _NEEDS.get(only, (None, ""))
        if setting and not getattr(project.settings, setting):
            raise SettingsError(why)
        return [CHAINS[only]]
    names = _names(project)
    return [chain for chain in CHAINS.values() if chain.name in names]


def _names(project: Project) -> list[str]:
    settings = project.settings
    names = list(settings.stx_chains or ([STACKS.name, ETHEREUM.name] if settings.eth_rpc_url else [STACKS.name]))
    if STACKS.name in names and settings.stx_balances:
        names.append(STACKS_BALANCES.name)
    if settings.stx_prices:
        names.append(PRICES.name)
    return names


def why_not_covered(project: Project, chain: Chain) -> str | None:
    """Return why a chain is not part of the coverage; None if it is."""
    if chain in chains_of(project):
        return None
    if chain is STACKS_BALANCES and not project.settings.stx_balances:
        return NO_BALANCES
    if chain is PRICES:
        return NO_PRICES
    if names := project.settings.stx_chains:
        return f"{chain.title} is not part of the coverage: STX_CHAINS is {','.join(names)}"
    return NO_ETHEREUM

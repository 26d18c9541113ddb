"""The facts about each chain that the sensor, the commands and `health` need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from stx_pipelines.chains.datasets import Dataset, datasets_of
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.current import chain_coverage, first_day_note, wanted_datasets
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.project import PRICE_REQUESTS_PER_MINUTE, Project
from stx_pipelines.settings import SettingsError

NO_ETHEREUM = (
    "Ethereum is not part of the coverage because ETH_RPC_URL is not set; to add it, set ETH_RPC_URL to the address of "
    "an archive node (see .env.example)"
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

PRICES = Chain(
    name="prices",
    title="Prices",
    began=STACKS.began - DAY,  # the last hours of a day price the first moments of the next
    budget=lambda _: PRICE_REQUESTS_PER_MINUTE,
    unit="requests",
    note=lambda _: None,
)
"""Prices are no chain. They have days, a source with a newest hour, and coverage, as a chain has."""

CHAINS = {chain.name: chain for chain in (STACKS, ETHEREUM, PRICES)}


def chains_of(project: Project, only: str | None = None) -> list[Chain]:
    """Return the chains that are part of the coverage, or the chain `only`, whatever STX_CHAINS names.

    Without STX_CHAINS, Ethereum is part of the coverage if ETH_RPC_URL is set. Prices are part of it, and come last, if
    STX_PRICES is set. Raises `SettingsError` if `only` is not set up.
    """
    if only == PRICES.name and not project.settings.stx_prices:
        raise SettingsError(NO_PRICES)
    if only == ETHEREUM.name and project.settings.eth_rpc_url is None:
        raise SettingsError(NO_ETHEREUM)
    if only:
        return [CHAINS[only]]
    priced = [PRICES] if project.settings.stx_prices else []
    names = project.settings.stx_chains
    if not names:
        return [STACKS, ETHEREUM, *priced] if project.settings.eth_rpc_url else [STACKS, *priced]
    return [*(chain for chain in (STACKS, ETHEREUM) if chain.name in names), *priced]


def why_not_covered(project: Project, chain: Chain) -> str | None:
    """Return why a chain is not part of the coverage; None if it is."""
    if chain in chains_of(project):
        return None
    if chain is PRICES:
        return NO_PRICES
    if names := project.settings.stx_chains:
        return f"{chain.title} is not part of the coverage: STX_CHAINS is {','.join(names)}"
    return NO_ETHEREUM

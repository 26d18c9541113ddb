"""The chains: what sensor, commands and health need to know of each, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from stx_pipelines.chains.datasets import Dataset, datasets_of
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.survey import first_day_note, survey_chain
from stx_pipelines.project import Project

NO_ETHEREUM = (
    "Ethereum is not part of the coverage: ETH_RPC_URL is not set; to have it, give the address of an archive node "
    "(see .env.example)"
)


@dataclass(frozen=True)
class Chain:
    """A chain whose datasets are synced together.

    `began` is the first UTC day of its main network. `budget` is what may be spent a minute (0: no limit), counted in
    `unit`s; `note` is what is odd about its settings.
    """

    name: str
    title: str
    began: date
    budget: Callable[[Project], int]
    unit: str
    note: Callable[[Project], str | None]

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Its datasets, in the order in which they are made."""
        return datasets_of(self.name)

    @property
    def tables(self) -> list[str]:
        """The names of its datasets, in the order in which they are made."""
        return [dataset.name for dataset in self.datasets]

    def look(self, project: Project, now: datetime) -> Coverage:
        """Tell how far it is as a whole."""
        return survey_chain(project, self.name, now)


STACKS = Chain(
    name="stacks",
    title="Stacks",
    began=date(2021, 1, 14),  # of the first block, by its burn block
    budget=lambda project: project.settings.budget,
    unit="requests",
    note=first_day_note,
)

ETHEREUM = Chain(
    name="ethereum",
    title="Ethereum",
    began=date(2015, 7, 30),  # of block 1
    budget=lambda project: project.settings.eth_calls_per_second * 60,
    unit="calls",
    note=lambda _: None,
)

CHAINS = {chain.name: chain for chain in (STACKS, ETHEREUM)}


def chains_of(project: Project) -> list[Chain]:
    """The chains that are part of the coverage: Ethereum only where a node is named."""
    return [STACKS, ETHEREUM] if project.settings.eth_rpc_url else [STACKS]

"""Read the day files of another data folder, check them against the receiver's own servers, and store what agrees.

Nothing of the source is believed: files are checked offline, then counts, then a random sample of rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import SystemRandom
from typing import Any, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines.coverage.current import dataset_coverage
from stx_pipelines.coverage.model import NEWER
from stx_pipelines.project import Project
from stx_pipelines.sharing import ethereum, stacks
from stx_pipelines.sharing.manifest import Entry, Manifest
from stx_pipelines.sharing.offer import Place, fault_of_file, fetch, offered, own_identity, refuse_other_chain
from stx_pipelines.sharing.publish import published
from stx_pipelines.sharing.sample import Goal, draw, pages_needed, pages_of
from stx_pipelines.store.dataset_store import DatasetStore, open_store
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.neighbours import are_linked, torn_days
from stx_pipelines.store.objects import Objects

PULLED = {STACKS: (TRANSACTIONS,), ETHEREUM: (BLOCKS, BALANCES)}
"""The datasets of each chain that are pulled. The others are made by `sync`, from their own sources."""

_ROUNDS = 3
_CHANCE = SystemRandom()

Tell = Callable[[str], None]


class Part(NamedTuple):
    """The files of a chain to pull, with the numbers of pages to compare and of requests that the checks need."""

    chain: Chain
    entries: Mapping[Place, Entry]
    pages: int
    requests: int

    @property
    def bytes(self) -> int:
        """The size of the files."""
        return sum(entry.bytes for entry in self.entries.values())

    def days(self, dataset: str) -> list[date]:
        """Return the days of a dataset, newest first."""
        return sorted((place.day for place in self.entries if place.dataset == dataset), reverse=True)


class Plan(NamedTuple):
    """The manifest of a source, and what is wanted of it and not stored, by chain."""

    manifest: Manifest
    parts: tuple[Part, ...]


def plan_pull(
    project: Project, source: Objects, chains: Sequence[Chain], first: date | None, last: date | None, goal: Goal
) -> Plan:
    """Return what to pull: the days `first` to `last`, or else the wanted days, that are offered and not stored.

    Only the manifest is read, and the chain's own servers are not asked. Raises `StoreError` and `WrongChain`.
    """
    manifest = published(source)
    if manifest is None:
        raise StoreError(f"{source.name} has no manifest.json: nothing was published there")
    offers = offered(manifest, source.name)
    if not offers:
        raise StoreError(f"{source.name} has no day files: its publisher must run `publish` with --days")
    parts = []
    for chain in [chain for chain in chains if chain in PULLED]:
        missing = {Place(name, day) for name in PULLED[chain] for day in _missing(project, name, first, last)}
        entries = {place: entry for place, entry in offers.items() if place in missing}
        if entries:
            own = own_identity(project, chain)
            refuse_other_chain(own, manifest, chain, source.name)
            parts.append(_part(chain, entries, goal, is_known=own is not None))
    return Plan(manifest, tuple(parts))


def _missing(project: Project, dataset: str, first: date | None, last: date | None) -> set[date]:
    """Return the days that are to be pulled if the source has them."""
    if first and last:
        files = project.store(dataset).files
        return set(days_between(first, last)) - files.certificates().keys() - files.newer().keys()
    days = dataset_coverage(project, DATASETS[dataset], datetime.now(UTC)).days
    return {day.day for day in days if not day.stored and day.state != NEWER}


def _part(chain: Chain, entries: Mapping[Place, Entry], goal: Goal, *, is_known: bool) -> Part:
    part = Part(chain, entries, 0, 0)
    requests = 0
    for dataset in PULLED[chain]:
        days = part.days(dataset)
        sizes = [len(page) for day in days for page in _pages(dataset, entries[Place(dataset, day)].rows or 0)]
        drawn = pages_needed(sizes, goal)
        part = part._replace(pages=part.pages + drawn)
        if chain is STACKS:
            requests += stacks.requests_for_counts(days, is_known=is_known)
            requests += stacks.requests_for_pages(drawn, len(sizes), len(days))
        else:
            requests += ethereum.calls_for(dataset, len(days), drawn, len(sizes))
    return part._replace(requests=requests)


def _pages(dataset: str, rows: int) -> list[range]:
    """Return the pages of a day. Ethereum has no pages, and each row is read alone."""
    return stacks.pages_of_day(rows) if dataset == TRANSACTIONS else pages_of(rows, 1)


@dataclass
class Pull:
    """A pull from one source. `tell` is called with a sentence after each step.

    `refused` has the reason for each refused day, as a sentence. `requests` counts requests of the API and calls of the
    node.
    """

    project: Project
    source: Objects
    goal: Goal
    tell: Tell = lambda _: None
    refused: dict[Place, str] = field(default_factory=dict, init=False)
    requests: int = field(default=0, init=False)
    _stores: dict[str, DatasetStore[Any]] = field(default_factory=dict, init=False)

    def run(self, plan: Plan) -> list[Place]:
        """Read, check and store the files. Return the stored days, and leave the reasons for others in `refused`.

        The caller holds the locks. Files that were read are kept until all are checked. Raises `StoreError` and the
        errors of the clients. Nothing is stored before all days are checked.
        """
        for part in plan.parts:
            self._check(part, plan.manifest)
        stored = [place for part in plan.parts for place in self._store(part)]
        shutil.rmtree(self.project.folder.pulled.path, ignore_errors=True)
        return stored

    def _check(self, part: Part, manifest: Manifest) -> None:
        check = self._check_stacks if part.chain is STACKS else self._check_ethereum
        check(part, manifest)

    def _check_stacks(self, part: Part, manifest: Manifest) -> None:
        api = self.project.stacks_api()
        try:
            identity = stacks.identified(self.project, api)
            refuse_other_chain(identity, manifest, part.chain, self.source.name)
            self._fetch(part, identity.name)
            known = self._known(part, TRANSACTIONS)
            check = stacks.StacksCheck(api, self._staged(TRANSACTIONS), self._refuser(TRANSACTIONS), known)
            check.compare_counts(self._left(part, TRANSACTIONS))
            self._say(part, "were compared with the counts of the API")
            self._compare_sample(part, TRANSACTIONS, check.compare_pages)
        finally:
            self.requests += api.http.calls

    def _check_ethereum(self, part: Part, manifest: Manifest) -> None:
        node = self.project.ethereum_rpc()
        try:
            identity, final = ethereum.identified(self.project, node)
            refuse_other_chain(identity, manifest, part.chain, self.source.name)
            self._fetch(part, identity.name)
            blocks = ethereum.EthereumCheck(node, self._staged(BLOCKS), self._refuser(BLOCKS))
            blocks.compare_ends(self._left(part, BLOCKS), final)
            self._say(part, "were linked, and their ends compared with the node")
            self._compare_sample(part, BLOCKS, blocks.compare_blocks)
            balances = ethereum.EthereumCheck(node, self._staged(BALANCES), self._refuser(BALANCES))
            balances.compare_with_blocks(self._left(part, BALANCES), self._with_blocks(part))
            self._compare_sample(part, BALANCES, balances.compare_balances)
        finally:
            self.requests += node.calls

    def _with_blocks(self, part: Part) -> dict[date, DatasetStore[Any]]:
        """Return the store that has the blocks of each day: that of the pulled files, or the receiver's own."""
        own = self.project.store(BLOCKS)
        return dict.fromkeys(own.files.certificates(), own) | dict.fromkeys(
            self._left(part, BLOCKS), self._staged(BLOCKS)
        )

    def _fetch(self, part: Part, chain: str) -> None:
        """Read the files that were not read before, and check each of them and the links between days offline."""
        pulled = self.project.folder.pulled
        for place, entry in part.entries.items():
            fault = fetch(self.source, entry, pulled.days(place.dataset) / f"{place.day}.parquet")
            fault = fault or fault_of_file(self._staged(place.dataset), place.day, entry, chain)
            if fault:
                self.refused[place] = fault
        for dataset in PULLED[part.chain]:
            self._refuse_unlinked(part, dataset)
        self._say(part, "were read and checked offline")

    def _known(self, part: Part, dataset: str) -> dict[date, Certificate]:
        """Return the certificates of the stored days and of the pulled days that are not refused."""
        own, staged = self.project.store(dataset).files.certificates(), self._staged(dataset).files
        return own | {day: known for day in self._left(part, dataset) if (known := staged.certificate(day))}

    def _refuse_unlinked(self, part: Part, dataset: str) -> None:
        """Refuse the days that do not name the last block of the day before, pulled or stored, as their parent."""
        days, known = self._left(part, dataset), self._known(part, dataset)
        for day in sorted({*days, *(day + DAY for day in days)} & known.keys()):
            before = known.get(day - DAY)
            if before is None or are_linked(before, known[day]):
                continue
            for wrong in {day, day - DAY} & set(days):
                self.refused[Place(dataset, wrong)] = f"{day} does not follow the last block of {day - DAY}"

    def _compare_sample(
        self, part: Part, dataset: str, compare: Callable[[Mapping[date, Sequence[range]]], None]
    ) -> None:
        """Compare random pages of all days that are left. After a refusal, draw again from what remains."""
        staged = self._staged(dataset).files
        for _ in range(_ROUNDS):
            days = self._left(part, dataset)
            known = {day: certificate for day in days if (certificate := staged.certificate(day))}
            pages = [(day, page) for day, each in known.items() for page in _pages(dataset, each.seen)]
            sizes = [len(page) for _, page in pages]
            drawn: dict[date, list[range]] = {}
            for day, page in map(pages.__getitem__, draw(sizes, pages_needed(sizes, self.goal), _CHANCE)):
                drawn.setdefault(day, []).append(page)
            compare(drawn)
            if len(self._left(part, dataset)) == len(days):
                self._say(part, f"agree in {sum(map(len, drawn.values())):,} random pages", dataset)
                return
        for place in part.entries:
            self.refused.setdefault(place, f"each of {_ROUNDS} samples of {dataset} had days that differ")

    def _store(self, part: Part) -> list[Place]:
        """Store the days that are left, oldest first, and load them."""
        stored = []
        for dataset in PULLED[part.chain]:
            store, staged = self.project.store(dataset), self._staged(dataset)
            for day in reversed(self._left(part, dataset)):
                store.adopt(day, staged.files)
                stored.append(Place(dataset, day))
            if dataset == TRANSACTIONS:
                torn_days(store.files, compare=True)  # so that the coverage knows the result
            store.load()
        return stored

    def _staged(self, dataset: str) -> DatasetStore[Any]:
        """Return the store of the files that were read. Its tables are not used."""
        if dataset not in self._stores:
            self._stores[dataset] = open_store(self.project.folder.pulled, self.project.warehouse, dataset)
        return self._stores[dataset]

    def _left(self, part: Part, dataset: str) -> list[date]:
        """Return the days of a dataset that are not refused, newest first."""
        return [day for day in part.days(dataset) if Place(dataset, day) not in self.refused]

    def _refuser(self, dataset: str) -> stacks.OnRefusal:
        return lambda day, why: self.refused.update({Place(dataset, day): why})

    def _say(self, part: Part, what: str, dataset: str | None = None) -> None:
        entries = [place for place in part.entries if dataset in {None, place.dataset}]
        count = sum(place not in self.refused for place in entries)
        self.tell(f"{part.chain.title}: {count} of {len(entries)} files {what}")

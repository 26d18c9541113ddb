"""The coverage asset of each chain: how many of its wanted days are complete.

They are never materialized. Runs and the coverage sensors observe them at every change, so that the UI plots the
numbers on their way to the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import dagster as dg

from stx_pipelines.coverage.calendar import as_text
from stx_pipelines.coverage.chains import CHAINS, ETHEREUM, PRICES, STACKS, STACKS_BALANCES, Chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.text import coverage_sentence
from stx_pipelines.defs.assets.tables import OWNERS
from stx_pipelines.project import Project

KEYS = {
    STACKS.name: dg.AssetKey("coverage"),
    STACKS_BALANCES.name: dg.AssetKey("stacks_balances_coverage"),
    ETHEREUM.name: dg.AssetKey("ethereum_coverage"),
    PRICES.name: dg.AssetKey("prices_coverage"),
}
"""The key of each chain's coverage asset."""

_COUNTS = ("days_wanted", "days_complete", "days_open", "days_failing", "days_set_aside")


def coverage_assets(project: Project) -> list[dg.AssetSpec]:
    """Return the coverage assets of all chains."""
    return [
        dg.AssetSpec(
            KEYS[chain.name],
            deps=[dataset.name for dataset in chain.wanted(project)],
            group_name=chain.name,
            owners=OWNERS,
            tags={"chain": chain.name},
            description=(
                f"The wanted days of {chain.title} and their states, observed whenever they change. The target is "
                "reached when days_complete equals days_wanted. The partition bar of the daily assets counts all days "
                "since the chain's first day, but only the newest days, as many as the target, are wanted."
            ),
        )
        for chain in CHAINS.values()
    ]


def observe(instance: dg.DagsterInstance, project: Project, chain: Chain, now: datetime) -> dg.AssetObservation | None:
    """Return an observation of a chain's coverage; None if the last observation had the same numbers."""
    found = observation(project, chain, chain.look(project, now))
    last = instance.fetch_observations(KEYS[chain.name], limit=1).records
    known = last[0].asset_observation if last else None
    same = known is not None and all(known.metadata.get(name) == found.metadata[name] for name in _COUNTS)
    return None if same else found


def observation(project: Project, chain: Chain, coverage: Coverage) -> dg.AssetObservation:
    """Return the observation of a coverage: its numbers, its days that failed, its sentence and its calendar."""
    failing, set_aside = [day for day, _ in coverage.failing], [day.day for day in coverage.set_aside]
    counts = (
        len(coverage.days),
        coverage.complete_count,
        sum(day.state == "open" for day in coverage.days),
        len(failing),
        len(set_aside),
    )
    sentence = coverage_sentence(coverage, chain.budget(project), unit=chain.unit)
    return dg.AssetObservation(
        KEYS[chain.name],
        description=sentence,
        metadata={
            "sentence": dg.MetadataValue.text(sentence),
            **{name: dg.MetadataValue.int(count) for name, count in zip(_COUNTS, counts, strict=True)},
            "failing": named(failing),
            "set_aside": named(set_aside),
            "calendar": dg.MetadataValue.md(f"```\n{as_text(coverage)}\n```"),
        },
    )


def named(days: Sequence[date]) -> dg.TextMetadataValue:
    """Return metadata that names these days."""
    return dg.MetadataValue.text(", ".join(map(str, days)) or "none")

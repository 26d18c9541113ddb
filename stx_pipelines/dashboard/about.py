"""What the page says about its data and the results do not hold: made-up chains, the weakest proof, events."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.proofs import Proofs
from stx_pipelines.dashboard.events import EventsError, read_events
from stx_pipelines.dashboard.facts import Facts
from stx_pipelines.metrics.open import chain_start
from stx_pipelines.project import Project


def described(facts: Facts, project: Project, proofs: Proofs) -> Facts:
    """Return the facts with what is known of the chain, the proofs and the events. Raises `StoreError`."""
    began = chain_start(project)
    is_made_up = began is not None and began != STACKS.began
    events, problems = [], []
    if path := project.settings.stx_page_events:
        try:
            events = read_events(path)
        except EventsError as error:
            problems.append(str(error))
    return replace(
        facts,
        weakest=_weakest(proofs),
        is_made_up=is_made_up,
        events=events,
        warnings=[
            *facts.warnings,
            *([_made_up(began)] if began and is_made_up and not project.settings.stx_page_note else []),
            *problems,
        ],
    )


def _weakest(proofs: Proofs) -> str | None:
    """Return the weakest proof of a closed day, and how much of the raw blocks was also read."""
    if proofs.weakest is None or not proofs.by_hash:
        return proofs.weakest
    raw = "all raw blocks" if proofs.by_hash == proofs.burn_blocks else "sampled raw blocks"
    return f"{proofs.weakest}, {raw}"


def _made_up(began: date) -> str:
    return (
        f"All data on this page are made up or of a test chain: this chain began on {began}, and the Stacks mainnet on "
        f"{STACKS.began}."
    )

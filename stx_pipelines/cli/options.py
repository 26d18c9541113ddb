"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click

from stx_pipelines.coverage.chains import CHAINS, ETHEREUM, Chain, chains_of
from stx_pipelines.project import Project

chain_option = click.option("--chain", "name", type=click.Choice(list(CHAINS)), help="Only one chain. [STX_CHAINS]")
"""The option for one chain; the command gets its name or None."""


def day_option(*names: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds an option for a UTC day (YYYY-MM-DD); the command gets a `date` or None."""
    return click.option(*names, type=click.DateTime(formats=["%Y-%m-%d"]), callback=_as_date, help=help)


def load_chains(name: str | None, target_days: int | None) -> tuple[Project, list[Chain]]:
    """Return the project, and the chain of this name or else all that are part of the coverage.

    `target_days` is the target of Stacks, or of Ethereum if it is the only chain. Raises `SettingsError`.
    """
    project = Project.load()
    chains = chains_of(project, name)
    target = "eth_target_days" if chains == [ETHEREUM] else "stx_target_days"
    return project.replaced(**{target: target_days}), chains


def _as_date(_context: click.Context, _option: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import click

from stx_pipelines.coverage.chains import CHAINS, Chain, chains_of
from stx_pipelines.coverage.target import target_setting
from stx_pipelines.project import Project

target_option = click.option(
    "--target-days",
    type=click.IntRange(min=1),
    help="Number of days before today that must be complete. "
    "[STX_TARGET_DAYS, 180; with only Ethereum ETH_TARGET_DAYS, 30]",
)
"""The option for the target; the command gets a number or None."""

chain_option = click.option("--chain", "name", type=click.Choice(list(CHAINS)), help="Only one chain. [STX_CHAINS]")
"""The option for one chain; the command gets its name or None."""


def day_option(*names: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds an option for a UTC day (YYYY-MM-DD); the command gets a `date` or None."""
    return click.option(*names, type=click.DateTime(formats=["%Y-%m-%d"]), callback=_as_date, help=help)


def load_chains(name: str | None, target_days: int | None) -> tuple[Project, list[Chain]]:
    """Return the project, and the chain of this name or else all that are part of the coverage.

    `target_days` is the target of the first of these chains. Raises `SettingsError`.
    """
    project = Project.load()
    chains = chains_of(project, name)
    return with_target(project, chains, target_days), chains


def with_target(project: Project, chains: Sequence[Chain], days: int | None) -> Project:
    """Return the project with the target of --target-days: that of Stacks, or of Ethereum if it is the only chain.

    None means that the option was not given. Raises `SettingsError`.
    """
    return project.replaced(**{target_setting(chains[0]).lower(): days}) if days is not None else project


def _as_date(_context: click.Context, _option: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None

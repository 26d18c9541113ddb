"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click


def day_option(*names: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds an option for a UTC day (YYYY-MM-DD); the command gets a `date` or None."""
    return click.option(*names, type=click.DateTime(formats=["%Y-%m-%d"]), callback=_as_date, help=help)


def _as_date(_context: click.Context, _option: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None

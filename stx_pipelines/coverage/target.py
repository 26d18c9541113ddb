"""The target of a chain in words: the number of days, and the setting or the option that it comes from."""

from __future__ import annotations

from stx_pipelines.coverage.chains import ETHEREUM, Chain
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project


def target_setting(chain: Chain) -> str:
    """Return the name of the setting that holds the target of a chain."""
    return "ETH_TARGET_DAYS" if chain is ETHEREUM else "STX_TARGET_DAYS"


def target_days(project: Project, chain: Chain) -> int:
    """Return the number of days before today that must be complete."""
    return int(getattr(project.settings, target_setting(chain).lower()))


def target_words(project: Project, chain: Chain, *, from_option: bool = False) -> str:
    """Return the target and where it comes from. `from_option` is true if --target-days gave it.

    Example: `target: 180 days before today (the default of STX_TARGET_DAYS)`.
    """
    name = target_setting(chain)
    is_set = name.lower() in project.settings.model_fields_set
    origin = "--target-days" if from_option else name if is_set else f"the default of {name}"
    return f"target: {count_days(target_days(project, chain))} before today ({origin})"

"""The settings of Dagster's history."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HistorySettings(BaseModel):
    """How many days finished runs are kept: those that succeeded without a person, and all others."""

    stx_keep_runs_days: int = Field(3, ge=1, le=100_000)
    stx_keep_failed_runs_days: int = Field(30, ge=1, le=100_000)

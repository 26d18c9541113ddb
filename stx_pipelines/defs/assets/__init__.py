"""What exists: the software-defined assets. Thin: they report what `sync` does."""

import warnings

import dagster as dg

# A run of many days relies on BackfillPolicy.single_run; dagster is pinned to the minor version it was tried with.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")

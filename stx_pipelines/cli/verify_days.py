"""The steps of `verify` that are the same for every dataset: choose stored days, and compare the table with them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import Any

from stx_pipelines.chains.days import days_between
from stx_pipelines.cli.findings import Findings
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.inspect import count_repeated, differing_days
from stx_pipelines.store.loading import DayFile

_SAMPLE = 3
_GAPS_SHOWN = 10


def report_unreadable(
    stores: Sequence[DatasetStore[Any]], first: date | None, last: date | None, findings: Findings
) -> bool:
    """Print the files that are left out, from `first` to `last` or of all days. Return whether there are any."""
    files = [store.files for store in stores]
    reasons = [reason for each in files for found in (each.damaged(), each.newer()) for reason in found.items()]
    left_out = [(day, why) for day, why in reasons if (first or day) <= day <= (last or day)]
    for day, why in left_out:
        findings.add(f"left out: {why}", agrees=False, day=day, err=True)
    return bool(left_out)


def choose(store: DatasetStore[Any], first: date | None, last: date | None, advice: str) -> list[DayFile]:
    """Return the stored days from `first` to `last`, newest first, or three closed days chosen at random.

    Raises `SettingsError` with this advice if there are none.
    """
    stored = store.stored()
    if first and last:
        wanted = set(days_between(first, last))
        chosen = [day for day in stored if day.certificate.day in wanted]
    else:
        closed = [day for day in stored if day.certificate.is_closed]
        chosen = random.sample(closed, min(_SAMPLE, len(closed)))
    if not chosen:
        raise SettingsError(advice)
    return chosen


def differing(
    store: DatasetStore[Any], days: Sequence[DayFile], compared: int, findings: Findings, name: str = ""
) -> list[date]:
    """Return the days whose rows in the table differ from their day files. Print them and the number of equal days.

    `name` stands before the days in the output.
    """
    store.load()  # a copied folder has day files that its database lacks
    loaded = store.warehouse.published(store.dataset).loaded
    in_table = [day for day in days if loaded.get(day.certificate.day) == day.certificate.id]
    wrong = differing_days(store.warehouse.path, store.dataset, in_table) if in_table else []
    for day in wrong:
        of = f"{name} {day}" if name else day
        sentence = f"{of}: the table differs from the day file: run `stx-pipelines rebuild`"
        findings.add(sentence, agrees=False, day=day, err=True)
    of = f"{name}: " if name else ""
    equal = len(in_table) - len(wrong)
    findings.add(f"{of}{equal} of {compared} days are in the table exactly as in their files", agrees=not wrong)
    if days and not in_table:
        findings.add(f"{of}none of the days is in the table: run `stx-pipelines rebuild`", agrees=False, err=True)
        return [day.certificate.day for day in days]
    return wrong


def report_nonces(project: Project, findings: Findings) -> bool:
    """Print whether the nonces of all accounts have gaps in the closed days, and the gaps. Return whether they have."""
    from stx_pipelines.metrics.nonces import nonce_gaps
    from stx_pipelines.metrics.open import open_metrics

    found = nonce_gaps(open_metrics(project))
    findings.add(found.sentence, agrees=not found.gaps, err=bool(found.gaps))
    for gap in found.gaps[:_GAPS_SHOWN]:
        sentence = f"{gap}: read the days again with `stx-pipelines sync --force-refresh`"
        findings.add(sentence, agrees=False, err=True)
    return bool(found.gaps)


def has_repeated(store: DatasetStore[Any], findings: Findings) -> bool:
    """Return whether a transaction is in the table more than once, on any day. Print the number."""
    repeated = count_repeated(store.warehouse.path) if store.warehouse.path.exists() else 0
    if repeated:
        sentence = f"{repeated:,} rows of the table repeat a transaction: run `stx-pipelines sync`"
        findings.add(sentence, agrees=False, err=True)
    return bool(repeated)

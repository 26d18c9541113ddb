"""The coverage of a chain with two datasets, as the less complete of both."""

from __future__ import annotations

from dataclasses import replace

from stx_pipelines.coverage.model import Coverage, DayCoverage


def less_far(first: Coverage, then: Coverage) -> Coverage:
    """Return the coverage of two datasets of the same days, each day as complete as in the less complete dataset.

    The days of `then` are made from those of `first`.
    """
    seconds = None if first.seconds_per_day is None else first.seconds_per_day + (then.seconds_per_day or 0.0)
    days = tuple(_less_far(a, b) for a, b in zip(first.days, then.days, strict=True))
    requests = first.requests_per_day + then.requests_per_day
    return Coverage(days, first.now, requests, seconds, first.tip, first.first_day)


def _less_far(first: DayCoverage, then: DayCoverage) -> DayCoverage:
    if not first.stored or not then.stored or first.attempts:
        return replace(first if first.attempts or not first.stored else then, covered=False, loaded=False, stored=False)
    return replace(
        then,
        state=then.state if first.state == "closed" or then.attempts else first.state,
        covered=first.covered and then.covered,
        loaded=first.loaded and then.loaded,
        checked=min(filter(None, [first.checked, then.checked]), default=None),
    )

"""Materialization metadata: what a person wants to see of a day in the UI. No decisions, no I/O.

Here: what every dataset says of its proof, and the days of Stacks. Ethereum's are in `report_ethereum`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.defs.assets.markdown import word
from stx_pipelines.store.summaries import DaySummary

if TYPE_CHECKING:
    import pygal

MICRO = Decimal(1_000_000)


def describe_day(certificate: Certificate, summary: DaySummary) -> dict[str, dg.MetadataValue]:
    """Counts, the proof they rest on, a table and a plot of transactions per hour."""
    return {
        **describe_proof(certificate),
        "burn_blocks": dg.MetadataValue.int(certificate.burn_blocks),
        "fees_stx": dg.MetadataValue.text(f"{Decimal(summary.fee_ustx) / MICRO:f}"),
        "fee_ustx": dg.MetadataValue.int(summary.fee_ustx),
        "requests": dg.MetadataValue.int(certificate.requests),
        "requests_per_minute": dg.MetadataValue.float(_rate(certificate)),
        "summary": dg.MetadataValue.md(_table(certificate, summary)),
        "transactions_per_hour": hours("transactions", summary.by_hour, "hour (UTC, burn block)"),
    }


def describe_proof(certificate: Certificate) -> dict[str, dg.MetadataValue]:
    """What the day's proof rests on, when it was made and how long that took."""
    known: dict[str, dg.MetadataValue] = {
        "state": dg.MetadataValue.text(certificate.state),
        "proof": dg.MetadataValue.text(certificate.proof),
        "expected": dg.MetadataValue.int(certificate.expected),
        "seen": dg.MetadataValue.int(certificate.seen),
        "dagster/partition_row_count": dg.MetadataValue.int(certificate.published),
        "heights": dg.MetadataValue.text(_heights(certificate)),
        "seconds": dg.MetadataValue.float(certificate.seconds or 0.0),
        "route": dg.MetadataValue.text(certificate.route),
        "proved_at": dg.MetadataValue.timestamp(certificate.proved_at),
    }
    if certificate.first_block_time and certificate.last_block_time:
        known["first_block_time"] = dg.MetadataValue.timestamp(certificate.first_block_time)
        known["last_block_time"] = dg.MetadataValue.timestamp(certificate.last_block_time)
    return known


def hours(what: str, counts: list[int], x_title: str) -> dg.MetadataValue:
    """A bar for each hour of the day."""
    import pygal

    chart = pygal.Bar(width=640, height=220, show_legend=False, js=[], x_title=x_title)
    chart.x_labels = [f"{hour:02}" for hour in range(24)]
    chart.add(what, counts)
    return picture(f"{what} per hour", chart)


def picture(name: str, chart: pygal.Graph) -> dg.MetadataValue:
    """A chart as it can stand in metadata: the image is inside the text."""
    image = base64.b64encode(chart.render()).decode()
    return dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{image})")


def _heights(certificate: Certificate) -> str:
    known = certificate.first_height is not None
    return f"{certificate.first_height} to {certificate.last_height}" if known else "none"


def _rate(certificate: Certificate) -> float:
    return round(certificate.requests * 60 / certificate.seconds, 1) if certificate.seconds else 0.0


def _table(certificate: Certificate, summary: DaySummary) -> str:
    left_out: Mapping[str, int] = certificate.left_out
    rows = [
        *(("status", name, count) for name, count in summary.by_status.items()),
        *(("type", name, count) for name, count in summary.by_type.items()),
        *(("left out of the table", name, count) for name, count in left_out.items()),
    ]
    lines = [f"| {kind} | {word(name)} | {count:,} |" for kind, name, count in rows]
    return "\n".join(["| | | transactions |", "|---|---|---:|", *lines])

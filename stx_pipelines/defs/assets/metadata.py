"""Materialization metadata: what a person wants to see of a day in the UI. No decisions, no I/O."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum import ether
from stx_pipelines.defs.assets.markdown import code, word
from stx_pipelines.store.summaries import (
    BalancesSummary,
    DaySummary,
    Recipient,
    Stretch,
    summarize_balances,
    summarize_blocks,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pygal

_MICRO = Decimal(1_000_000)
_NAMED = 10  # fee recipients in the table of a day
_LABELS = 12  # times under the plot


def describe_day(certificate: Certificate, summary: DaySummary) -> dict[str, dg.MetadataValue]:
    """Give the proof of a day of `transactions`, its counts, and a plot of transactions per hour."""
    return {
        **_proof(certificate),
        "burn_blocks": dg.MetadataValue.int(certificate.burn_blocks),
        "fees_stx": dg.MetadataValue.text(f"{Decimal(summary.fee_ustx) / _MICRO:f}"),
        "fee_ustx": dg.MetadataValue.int(summary.fee_ustx),
        "requests": dg.MetadataValue.int(certificate.requests),
        "requests_per_minute": dg.MetadataValue.float(_requests_per_minute(certificate)),
        "summary": dg.MetadataValue.md(_counts(certificate, summary)),
        "transactions_per_hour": _hours("transactions", summary.by_hour, "hour (UTC, burn block)"),
    }


def describe_blocks(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Give the proof of a day of `blocks`, its pace, gas, fee recipients, and a plot of blocks per hour."""
    summary = summarize_blocks(table)
    shown = [f"| {code(miner)} | {blocks:,} |" for miner, blocks in list(summary.by_miner.items())[:_NAMED]]
    return {
        **_proof(certificate),
        **_pace(certificate),
        "gas_used": dg.MetadataValue.int(summary.gas_used),
        "transactions": dg.MetadataValue.int(summary.transactions),
        "fee_recipients": dg.MetadataValue.int(len(summary.by_miner)),
        "top_fee_recipients": dg.MetadataValue.md("\n".join(["| miner | blocks |", "|---|---:|", *shown])),
        "blocks_per_hour": _hours("blocks", summary.by_hour, "hour (UTC)"),
    }


def describe_balances(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Give the proof of a day of `miners_balance`, its pace, the change of each balance, and a plot of it."""
    summary = summarize_balances(table)
    return {
        **_proof(certificate),
        **_pace(certificate),
        **_shares(summary),
        "increase_eth": dg.MetadataValue.text(f"{ether(summary.increase):f}"),
        "fee_recipients": dg.MetadataValue.int(len(summary.recipients)),
        "top_fee_recipients": dg.MetadataValue.md(_recipients(summary.recipients[:_NAMED])),
        "increase_per_block": _increase_plot(summary.stretches),
    }


def _proof(certificate: Certificate) -> dict[str, dg.MetadataValue]:
    """Give the counts of the proof, when it was made and how long that took."""
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


def _heights(certificate: Certificate) -> str:
    known = certificate.first_height is not None
    return f"{certificate.first_height} to {certificate.last_height}" if known else "none"


def _requests_per_minute(certificate: Certificate) -> float:
    return round(certificate.requests * 60 / certificate.seconds, 1) if certificate.seconds else 0.0


def _counts(certificate: Certificate, summary: DaySummary) -> str:
    left_out: Mapping[str, int] = certificate.left_out
    rows = [
        *(("status", name, count) for name, count in summary.by_status.items()),
        *(("type", name, count) for name, count in summary.by_type.items()),
        *(("left out of the table", name, count) for name, count in left_out.items()),
    ]
    lines = [f"| {kind} | {word(name)} | {count:,} |" for kind, name, count in rows]
    return "\n".join(["| | | transactions |", "|---|---|---:|", *lines])


def _pace(certificate: Certificate) -> dict[str, dg.MetadataValue]:
    calls, blocks, seconds = certificate.requests, certificate.seen, certificate.seconds
    return {
        "calls": dg.MetadataValue.int(calls),
        "calls_per_block": dg.MetadataValue.float(round(calls / blocks, 3) if blocks else 0.0),
        "blocks_per_second": dg.MetadataValue.float(round(blocks / seconds, 1) if seconds else 0.0),
    }


def _shares(summary: BalancesSummary) -> dict[str, dg.MetadataValue]:
    counts = {"positive": summary.positive, "zero": summary.zero, "negative": summary.negative}
    blocks = sum(counts.values()) or 1
    return {f"{sign}_share": dg.MetadataValue.float(round(count / blocks, 4)) for sign, count in counts.items()}


def _recipients(recipients: Sequence[Recipient]) -> str:
    lines = [f"| {code(each.miner)} | {each.blocks:,} | {ether(each.increase):f} |" for each in recipients]
    return "\n".join(["| miner | blocks | increase in ETH |", "|---|---:|---:|", *lines])


def _increase_plot(stretches: Sequence[Stretch]) -> dg.MetadataValue:
    import pygal

    every = -(-len(stretches) // _LABELS) or 1
    chart = pygal.Line(
        width=640,
        height=260,
        show_legend=False,
        show_dots=False,
        show_minor_x_labels=False,
        x_labels_major_every=every,
        truncate_label=-1,
        js=[],
        x_title="time (UTC)",
        y_title="ETH a block",
    )
    # A label that is not shown must not have the text of one that is.
    chart.x_labels = [stretch.time if n % every == 0 else "" for n, stretch in enumerate(stretches)]
    # A picture cannot show more digits than floating point has.
    chart.add("mean increase", [float(ether(stretch.increase) / stretch.blocks) for stretch in stretches])
    return _picture("increase per block", chart)


def _hours(what: str, counts: list[int], x_title: str) -> dg.MetadataValue:
    """Draw a bar for each hour of the day."""
    import pygal

    chart = pygal.Bar(width=640, height=220, show_legend=False, js=[], x_title=x_title)
    chart.x_labels = [f"{hour:02}" for hour in range(24)]
    chart.add(what, counts)
    return _picture(f"{what} per hour", chart)


def _picture(name: str, chart: pygal.Graph) -> dg.MetadataValue:
    """Put a chart into Markdown, with the image inside the text."""
    image = base64.b64encode(chart.render()).decode()
    return dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{image})")

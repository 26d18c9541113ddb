"""Materialization metadata of Ethereum's days: what a person wants to see in the UI. No decisions, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum import ether
from stx_pipelines.defs.assets.markdown import code
from stx_pipelines.defs.assets.metadata import describe_proof, hours, picture
from stx_pipelines.store.summaries import (
    BalancesSummary,
    Recipient,
    Stretch,
    summarize_balances,
    summarize_blocks,
)

if TYPE_CHECKING:
    import pyarrow as pa

_NAMED = 10  # fee recipients in the table of a day
_LABELS = 12  # times under the plot


def describe_blocks(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """The proof of a day of `blocks`, its pace, gas, fee recipients, and a plot of blocks per hour."""
    summary = summarize_blocks(table)
    shown = [f"| {code(miner)} | {blocks:,} |" for miner, blocks in list(summary.by_miner.items())[:_NAMED]]
    return {
        **describe_proof(certificate),
        **_pace(certificate),
        "gas_used": dg.MetadataValue.int(summary.gas_used),
        "transactions": dg.MetadataValue.int(summary.transactions),
        "fee_recipients": dg.MetadataValue.int(len(summary.by_miner)),
        "top_fee_recipients": dg.MetadataValue.md("\n".join(["| miner | blocks |", "|---|---:|", *shown])),
        "blocks_per_hour": hours("blocks", summary.by_hour, "hour (UTC)"),
    }


def describe_balances(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """The proof of a day of `miners_balance`, its pace, whose balance changed by how much, and a plot of that."""
    summary = summarize_balances(table)
    return {
        **describe_proof(certificate),
        **_pace(certificate),
        **_shares(summary),
        "increase_eth": dg.MetadataValue.text(f"{ether(summary.increase):f}"),
        "fee_recipients": dg.MetadataValue.int(len(summary.recipients)),
        "top_fee_recipients": dg.MetadataValue.md(_changes(summary.recipients[:_NAMED])),
        "increase_per_block": _plot(summary.stretches),
    }


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


def _changes(recipients: Sequence[Recipient]) -> str:
    lines = [f"| {code(each.miner)} | {each.blocks:,} | {ether(each.increase):f} |" for each in recipients]
    return "\n".join(["| miner | blocks | increase in ETH |", "|---|---:|---:|", *lines])


def _plot(stretches: Sequence[Stretch]) -> dg.MetadataValue:
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
    return picture("increase per block", chart)

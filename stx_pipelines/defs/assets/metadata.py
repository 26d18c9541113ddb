"""Functions that make the metadata of a stored day, which the UI shows. They read and write no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from stx_pipelines.chains.addresses import shown_address
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum import ether
from stx_pipelines.defs.assets.markdown import code, word
from stx_pipelines.store.summaries import (
    BalancesSummary,
    DaySummary,
    Hour,
    Recipient,
    summarize_balances,
    summarize_blocks,
    summarize_parts,
)

if TYPE_CHECKING:
    import pyarrow as pa

_MICRO = Decimal(1_000_000)
_NAMED = 10  # the most fee recipients in the metadata of a day


def describe_day(certificate: Certificate, summary: DaySummary) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `transactions`, its counts and fees, and its transactions by hour."""
    return {
        **_proof(certificate),
        "burn_blocks": dg.MetadataValue.int(certificate.burn_blocks),
        "fees_stx": dg.MetadataValue.text(f"{Decimal(summary.fee_ustx) / _MICRO:f}"),
        "fee_ustx": dg.MetadataValue.int(summary.fee_ustx),
        "requests": dg.MetadataValue.int(certificate.requests),
        "requests_per_minute": dg.MetadataValue.float(_requests_per_minute(certificate)),
        "summary": dg.MetadataValue.md(_counts(certificate, summary)),
        "transactions_per_hour": _by_hour({"transactions": summary.by_hour}),
    }


def describe_blocks(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `blocks`, its speed, gas and fee recipients, and its blocks by hour."""
    summary = summarize_blocks(table)
    shown = [
        f"| {code(shown_address(miner))} | {blocks:,} |" for miner, blocks in list(summary.by_miner.items())[:_NAMED]
    ]
    return {
        **_proof(certificate),
        **_pace(certificate),
        "gas_used": dg.MetadataValue.int(summary.gas_used),
        "transactions": dg.MetadataValue.int(summary.transactions),
        "fee_recipients": dg.MetadataValue.int(len(summary.by_miner)),
        "top_fee_recipients": dg.MetadataValue.md("\n".join(["| fee recipient | blocks |", "|---|---:|", *shown])),
        "blocks_per_hour": _by_hour({"blocks": summary.by_hour}),
    }


def describe_balances(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `miners_balance`, its speed, its fee recipients, and the increase by hour."""
    summary = summarize_balances(table)
    return {
        **_proof(certificate),
        **_pace(certificate),
        **_shares(summary),
        "increase_eth": dg.MetadataValue.text(f"{ether(summary.increase):f}"),
        "fee_recipients": dg.MetadataValue.int(len(summary.recipients)),
        "top_fee_recipients": dg.MetadataValue.md(_recipients(summary.recipients[:_NAMED])),
        "increase_per_block": _increases(summary.by_hour),
    }


def describe_wallet_balances(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `wallet_balances`, and the number of its funded wallets."""
    return {
        **_proof(certificate),
        "requests": dg.MetadataValue.int(certificate.requests),
        "requests_per_minute": dg.MetadataValue.float(_requests_per_minute(certificate)),
        "funded_wallets": dg.MetadataValue.int(sum(table.column("is_funded").to_pylist())),
    }


def describe_parts(certificate: Certificate, table: pa.Table) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `increase_parts`, its speed, and the sum of each part in ETH."""
    sums = summarize_parts(table)
    shown = [f"| {word(name.removesuffix('_wei').replace('_', ' '))} | {ether(wei):f} |" for name, wei in sums.items()]
    return {
        **_proof(certificate),
        **_pace(certificate),
        "parts": dg.MetadataValue.md("\n".join(["| part | sum in ETH |", "|---|---:|", *shown])),
    }


def describe_prices(certificate: Certificate) -> dict[str, dg.MetadataValue]:
    """Return the proof of a day of `prices`, and the counts of its hours."""
    proofs = certificate.prices or ()
    return {
        **_proof(certificate),
        "requests": dg.MetadataValue.int(certificate.requests),
        "hours_without_trade": dg.MetadataValue.int(sum(each.without_trade for each in proofs)),
        "hours_compared": dg.MetadataValue.int(sum(each.compared for each in proofs)),
        "hours_far_from_second_source": dg.MetadataValue.int(sum(each.far for each in proofs)),
    }


def _proof(certificate: Certificate) -> dict[str, dg.MetadataValue]:
    """Return the counts of the proof, the time of the proof and the seconds that it took."""
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
    lines = [
        f"| {code(shown_address(each.miner))} | {each.blocks:,} | {ether(each.increase):f} |" for each in recipients
    ]
    return "\n".join(["| fee recipient | blocks | increase in ETH |", "|---|---:|---:|", *lines])


def _increases(by_hour: Sequence[Hour]) -> dg.MetadataValue:
    means = [f"{ether(hour.increase) / hour.blocks:.6f}" if hour.blocks else None for hour in by_hour]
    return _by_hour({"blocks": [hour.blocks for hour in by_hour], "mean increase in ETH": means})


def _by_hour(columns: Mapping[str, Sequence[int | str | None]]) -> dg.MetadataValue:
    """Return a table with a row for each hour of the day.

    A chart would take ten times as much space in Dagster's history.
    """
    schema = dg.TableSchema([dg.TableColumn("hour (UTC)"), *map(dg.TableColumn, columns)])
    rows = zip(range(24), *columns.values(), strict=True)
    records = [
        dg.TableRecord({"hour (UTC)": f"{hour:02}", **dict(zip(columns, row, strict=True))}) for hour, *row in rows
    ]
    return dg.MetadataValue.table(records, schema)

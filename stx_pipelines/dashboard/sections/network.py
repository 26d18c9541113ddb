"""The section of the network: transactions by type, fees and failures per day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from stx_pipelines.dashboard.charts import LOW, Spec, bars, calculated, kept, stacks
from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Chart, Section, section
from stx_pipelines.dashboard.sections.wallet_ages import NOT_30_DAYS
from stx_pipelines.dashboard.text import number


def network(facts: Facts) -> Section:
    """Return the section with the charts of the whole network."""
    days, types = facts.rows("network_daily"), facts.rows("network_types")
    lead = "Activity of the whole chain per day, all types of transactions included."
    found = [_types(types, days[-1]), _fees(days), _fees_30d(days[-1]), _failures(days[-1])] if days else []
    return replace(section("network", "The network, day by day", lead, found), short="Network")


def _types(types: Sequence[Row], last: Row) -> Chart:
    kinds = [name.replace("_", " ") for name in most_frequent(types)]
    return Chart(
        id="types",
        title="Transactions per day, by type",
        meaning="Canonical, successful transactions. A transaction's day is the UTC day of its Bitcoin (burn) block.",
        table="network_types",
        spec=_stacks(kinds),
        alt=f"Stacked bars of transactions per day by type: {', '.join(kinds)}. "
        f"On {last['date']}: {number(last['transactions'])} transactions",
        is_wide=True,
    )


def most_frequent(types: Sequence[Row]) -> list[str]:
    """Return the transaction types, the most frequent first."""
    counts: Counter[str] = Counter()
    for row in types:
        counts[row["tx_type"]] += row["transactions"]
    return [name for name, _ in counts.most_common()]


def _stacks(kinds: Sequence[str]) -> Spec:
    """Return a chart with stacked bars per day, the most frequent type at the bottom."""
    return bars(
        "network_types",
        "transactions",
        "Canonical, successful transactions by type, on the UTC day of their burn block.",
        [("type", "type"), ("transactions", "transactions", ",")],
        also=[
            calculated("replace(datum.tx_type, /_/g, ' ')", "type"),
            calculated(f"indexof({json.dumps(list(kinds))}, datum.type)", "rank"),
        ],
        title="transactions",
        color=stacks("type", kinds, {"title": None, "symbolSize": 220, "symbolType": "square"}, sort=list(kinds)),
        order={"field": "rank"},
    )


def _fees(days: Sequence[Row]) -> Chart:
    last = days[-1]
    is_priced = any(row.get("fee_usd") is not None for row in days)
    priced = [("dollars", "in US dollars"), ("priced_share", "of which priced", ".0%")] if is_priced else []
    dollars = [calculated("isValid(datum.fee_usd) ? format(toNumber(datum.fee_usd), ',.2f') : 'no price'", "dollars")]
    return Chart(
        id="fees",
        title="Fees per day",
        meaning="Fees of successful transactions, in STX."
        + (
            " The text of a bar has them in US dollars too, at the hourly price of each transaction."
            if is_priced
            else ""
        ),
        table="network_daily",
        spec=bars(
            "network_daily",
            "stx",
            "Exact fees of the day's successful transactions, in STX.",
            [("fee_stx", "fees in STX"), *priced, ("transactions", "transactions", ",")],
            title="STX",
            also=[calculated("toNumber(datum.fee_stx)", "stx"), *(dollars if is_priced else [])],
        ),
        alt=f"Bars of fees per day. On {last['date']}: {last['fee_stx']} STX{_in_dollars(last)}",
    )


def _fees_30d(last: Row) -> Chart:
    known = last["fee_30d_stx"] is not None
    return Chart(
        id="fees-30d",
        title="Fees of 30 days",
        meaning="Fees of successful transactions of the 30 days that end with each day, in STX.",
        table="network_daily",
        spec=_sums() if known else None,
        alt=f"Bars of the fees of 30 days. On {last['date']}: {last['fee_30d_stx']} STX" if known else "",
        empty="" if known else NOT_30_DAYS,
    )


def _sums() -> Spec:
    return bars(
        "network_daily",
        "stx",
        "Exact fees of the successful transactions of the 30 days that end with the day, in STX.",
        [("fee_30d_stx", "fees of 30 days in STX"), ("fee_stx", "of the day itself")],
        title="STX in 30 days",
        also=[kept("isValid(datum.fee_30d_stx)"), calculated("toNumber(datum.fee_30d_stx)", "stx")],
    )


def _in_dollars(day: Row) -> str:
    if day.get("priced_share") is None:  # without prices, or without fees
        return ""
    return f" ({Decimal(day['fee_usd'] or 0):,.2f} US dollars, {day['priced_share']:.0%} of the fees priced)"


def _failures(last: Row) -> Chart:
    return Chart(
        id="failures",
        title="Share of failed transactions",
        meaning="Share of canonical transactions that did not succeed. No other chart counts these transactions.",
        table="network_daily",
        spec={
            **bars(
                "network_daily",
                "failed_share",
                "Share of the day's canonical transactions that did not succeed.",
                [("failed_share", "failed", ".2%"), ("failed", "failed", ","), ("landed", "of all", ",")],
                title="share of transactions",
                axis={"format": "~%"},
            ),
            "height": LOW,
        },
        alt=f"Bars of the failed share per day. On {last['date']}: {number(last['failed'])} of "
        f"{number(last['landed'])}",
        is_wide=True,
    )

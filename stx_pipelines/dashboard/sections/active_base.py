"""The section of the last 30 days: the age of the active wallets, and the fees of the network."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stx_pipelines.dashboard.charts import Spec, bars, calculated, kept
from stx_pipelines.dashboard.facts import Facts, Row, stx
from stx_pipelines.dashboard.parts import Chart, Panel, Section, section
from stx_pipelines.dashboard.text import number
from stx_pipelines.metrics.options import OLD_DAYS

_AGES = {
    "active_30d_younger": f"younger than {OLD_DAYS} days",
    "active_30d_older": f"{OLD_DAYS} days and older",
    "active_30d_age_unknown": "age not known",
}
_EMPTY = "The first number appears when 30 days are complete."


def active_base(facts: Facts) -> Section:
    """Return the section with the ages of active wallets, and the fees of 30 days."""
    daily, network = facts.rows("wallets_daily"), facts.rows("network_daily")
    lead = "Sums over the 30 days that end with each day, without the weekly rise and fall of single days."
    if not daily or not network:
        return section("last-30-days", "The last 30 days", lead, [])
    charts = [_ages(daily[-1]), _fees(network[-1])]
    return Section(id="last-30-days", title="The last 30 days", lead=lead, charts=charts, panels=_panels(facts))


def _ages(last: Row) -> Chart:
    known = last["active_30d"] is not None
    counts = ", ".join(f"{number(last[column])} {name}" for column, name in _AGES.items())
    return Chart(
        id="base-ages",
        title="Active wallets by age",
        meaning=f"Wallets with a transaction in the 30 days. Younger: first day less than {OLD_DAYS} days before.",
        table="wallets_daily",
        spec=_stacks() if known else None,
        alt=f"Stacked bars of active wallets by age. On {last['date']}: {counts}" if known else "",
        note="The age is not known if the wallet began before the data, or may have begun before.",
        empty="" if known else _EMPTY,
    )


def _stacks() -> Spec:
    """Return a chart with a stacked bar per day, the younger wallets at the bottom."""
    names = list(_AGES.values())
    scale = {"domain": names, "range": ["@one", "@two", "@three"]}
    return bars(
        "wallets_daily",
        "wallets",
        f"Distinct wallets with a transaction in the 30 days that end with the day. Old is {OLD_DAYS} days and more.",
        [("age", "age"), ("wallets", "wallets", ","), ("active_30d", "of all active", ",")],
        also=[
            kept("isValid(datum.active_30d)"),
            {"fold": list(_AGES), "as": ["age", "wallets"]},
            calculated(f"indexof({json.dumps(list(_AGES))}, datum.age)", "rank"),
            calculated(f"{json.dumps(_AGES)}[datum.age]", "age"),
        ],
        color={"field": "age", "sort": names, "legend": {"title": None}, "scale": scale},
        order={"field": "rank"},
    )


def _fees(last: Row) -> Chart:
    known = last["fee_30d_stx"] is not None
    return Chart(
        id="fees-30d",
        title="Fees of the network in 30 days",
        meaning="Fees of the successful transactions of the 30 days that end with each day, in STX.",
        table="network_daily",
        spec=_sums() if known else None,
        alt=f"Bars of the fees of 30 days. On {last['date']}: {last['fee_30d_stx']} STX" if known else "",
        empty="" if known else _EMPTY,
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


def _panels(facts: Facts) -> Sequence[Panel]:
    rows = [
        (
            f"{row['window_days']} days",
            *(
                cell
                for age in ("younger", "older", "age_unknown")
                for cell in (number(row[f"{age}_wallets"]), stx(row[f"{age}_fee_ustx"]))
            ),
            number(row["wallets"]),
        )
        for row in facts.rows("wallet_value_trailing")
        if row["is_mature"] and row["wallets"]
    ]
    header = ("last", "younger", "fees", "older", "fees", "age not known", "fees", "all wallets")
    meaning = (
        f"Wallets active in the last days of the data, and the fees that they paid then, in exact STX. Younger and "
        f"older than {OLD_DAYS} days on the last day."
    )
    return [Panel("Wallets and fees by age", meaning, header, rows, "wallet_value_trailing")] if rows else []

"""The ages of active wallets: a chart and a table. They are a part of the section of growth."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stx_pipelines.dashboard.charts import LOW, Spec, bars, calculated, kept, stacks
from stx_pipelines.dashboard.facts import Facts, Row, stx
from stx_pipelines.dashboard.parts import Amount, Chart, Panel
from stx_pipelines.dashboard.text import exactly, number
from stx_pipelines.metrics.options import OLD_DAYS

_AGES = {
    "active_30d_younger": f"under {OLD_DAYS} days",
    "active_30d_older": f"{OLD_DAYS} days and more",
    "active_30d_age_unknown": "age not known",
}
NOT_30_DAYS = "The first number appears when 30 days are complete."


def age_chart(last: Row) -> Chart:
    """Return the chart of the active wallets by age; `last` is the newest day."""
    known = last["active_30d"] is not None
    counts = ", ".join(f"{number(last[column])} {name}" for column, name in _AGES.items())
    return Chart(
        id="base-ages",
        title="Active wallets by age",
        meaning="Wallets with a transaction in the 30 days that end with each day, by the age of the wallet on this "
        "day.",
        table="wallets_daily",
        spec=_stacks() if known else None,
        alt=f"Stacked bars of active wallets by age. On {last['date']}: {counts}" if known else "",
        note="The age is not known if the wallet began before the data, or may have begun before.",
        empty="" if known else NOT_30_DAYS,
        is_wide=True,
    )


def _stacks() -> Spec:
    """Return a chart with a stacked bar per day, the younger wallets at the bottom."""
    names = list(_AGES.values())
    drawn = bars(
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
        title="wallets",
        color=stacks("age", names, {"title": None, "symbolSize": 220, "symbolType": "square"}, sort=names),
        order={"field": "rank"},
    )
    return {**drawn, "height": LOW}


def age_panels(facts: Facts) -> Sequence[Panel]:
    """Return the table of wallets and fees by age, or no table before the first window is over."""
    rows = [_line(row) for row in facts.rows("wallet_value_trailing") if row["is_mature"] and row["wallets"]]
    header = (
        *("last", "younger, wallets", "younger, fees in STX", "older, wallets", "older, fees in STX"),
        *("age not known, wallets", "age not known, fees in STX", "all wallets"),
    )
    meaning = (
        "Wallets active in the last days of the data, and the fees that they paid then. Younger and older than "
        f"{OLD_DAYS} days on the last day."
    )
    panel = Panel("Wallets and fees by age", meaning, header, rows, "wallet_value_trailing", is_folded=True)
    return [panel] if rows else []


def _line(row: Row) -> tuple[str | Amount, ...]:
    ages = ("younger", "older", "age_unknown")
    cells = ((number(row[f"{age}_wallets"]), exactly(stx(row[f"{age}_fee_ustx"]))) for age in ages)
    return f"{row['window_days']} days", *(cell for pair in cells for cell in pair), number(row["wallets"])

"""The section of value: the fees that a wallet pays, compared with its target cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from stx_pipelines.dashboard.charts import (
    BAR_BELOW,
    WORDED_STEP,
    WORDS_ABOVE,
    Spec,
    amount,
    at,
    calculated,
    chart,
    defined,
    ends,
    kept,
    layer,
    lines,
    older,
    rounded,
    shapes,
    steps,
    time,
    tooltip,
)
from stx_pipelines.dashboard.facts import Facts, Row, partial_weeks, stx
from stx_pipelines.dashboard.parts import Amount, Chart, Choice, Panel, Section, section
from stx_pipelines.dashboard.sections.fee_distribution import fee_histogram
from stx_pipelines.dashboard.sections.wallet_windows import window_cards, window_panels
from stx_pipelines.dashboard.text import count, exactly, money, number
from stx_pipelines.metrics.options import Basis, MetricOptions

_ONLY_PRICED = " Fees without a price are left out."

_IN_SIGHT = 0.4
"""The line of the target is drawn only if a payback is above this.

If all lines stay lower, the target would stretch the y axis and flatten them.
"""


def value(facts: Facts) -> Section:
    """Return the section with the fees per wallet: by window, by week, spread, and of all active wallets."""
    lead = "Fees that wallets paid in their first days, compared with the target cost of a new wallet."
    if facts.measured is None:
        return section("value", "Value", lead, [])
    return Section(
        id="value",
        title="Value",
        lead=lead,
        cards=window_cards(facts),
        charts=[_by_window(facts, facts.measured.options), _payback(facts, facts.measured), fee_histogram(facts)],
        panels=[*window_panels(facts), *_trailing(facts)],
    )


def _by_window(facts: Facts, options: MetricOptions) -> Chart:
    ripe = [row for row in facts.rows("wallet_value_breakeven") if row["is_mature"]]
    days = options.windows[0]
    return Chart(
        id="fees-by-window",
        title="Fees per wallet by window",
        meaning=f"Fees that wallets paid in their first days, divided by the number of wallets. A new wallet may cost "
        f"this much (breakeven CPA). Includes only cohorts of the last {options.breakeven_days} days whose window is "
        "finished.",
        table="wallet_value_breakeven",
        spec=_window_bars(len(ripe), options.target_cpa_ustx, _in_dollars(ripe)) if ripe else None,
        alt="Bars of fees per wallet. " + "; ".join(_window_fee(row) for row in ripe),
        empty="" if ripe else f"There is no cohort yet of {days} days whose wallets are all certainly new.",
    )


def _window_fee(row: Row) -> str:
    fees = row.get("breakeven_cpa_usd")
    dollars = "" if fees is None else f" ({exactly(fees).shown} USD)"
    return f"first {row['window_days']} days: {row['breakeven_cpa_stx']} STX per wallet{dollars}"


def _in_dollars(rows: Sequence[Row]) -> Sequence[tuple[str, ...]]:
    """Return the fields of a tooltip about US dollars, no fields without prices."""
    is_priced = any(row.get("fee_usd") is not None for row in rows)
    return (("dollars", "in US dollars"), ("priced_share", "of which priced", ".0%")) if is_priced else ()


def _dollars(column: str) -> Spec:
    """Return the step that writes the amount in a column as text into the field `dollars`."""
    amount = rounded(f"toNumber(datum.{column})")
    return calculated(f"isValid(datum.{column}) ? {amount} + ' USD' : 'no price'", "dollars")


def _window_bars(windows: int, target_ustx: int, priced: Sequence[tuple[str, ...]]) -> Spec:
    """Return a chart with a bar per window. The rounded amount is above the bar, the exact one in the tooltip."""
    y = steps("window", sort={"field": "window_days", "op": "min"}, axis={"title": None})
    x = {"field": "stx", "type": "quantitative", "axis": {"title": "STX per wallet", "grid": False}}
    share = f"format(datum.fee_ustx / datum.wallets / {target_ustx}, '.1%')"
    tip = tooltip(
        ("window", "window"), ("breakeven_cpa_stx", "STX per wallet"), ("wallets", "wallets", ","),
        ("cohorts", "cohorts", ","), ("first_cohort", "first cohort"), ("last_cohort", "last cohort"), *priced,
    )  # fmt: skip
    words = {"x": {"datum": 0}, "y": y, "text": {"field": "words"}}
    return chart(
        "wallet_value_breakeven",
        transform=[
            defined(
                "Fees of the wallets' first days, divided by the number of wallets. A new wallet may cost this much."
            ),
            kept("datum.is_mature"),
            calculated("toNumber(datum.breakeven_cpa_stx)", "stx"),
            calculated("'first ' + datum.window_days + ' days'", "window"),
            _dollars("breakeven_cpa_usd"),
            calculated("isValid(datum.breakeven_cpa_usd) ? ' (' + datum.dollars + ')' : ''", "in_dollars"),
            calculated(f"{rounded('datum.stx')} + ' STX' + datum.in_dollars + ', ' + {share} + ' of target'", "words"),
        ],
        height=WORDED_STEP * windows,
        layer=[
            layer("bar", {"x": x, "y": y, "tooltip": tip}, color="@bar", cornerRadiusEnd=3, **BAR_BELOW),
            layer("text", words, color="@ink", **WORDS_ABOVE),
        ],
    )


def _payback(facts: Facts, basis: Basis) -> Chart:
    weekly = [row for row in facts.rows("value_weekly") if row["payback"] is not None]
    options = basis.options
    meaning = _payback_meaning(f"{money(stx(options.target_cpa_ustx))} STX", options)
    choices: list[Choice] = []
    if options.target_cpa_cents and any(row["payback_usd"] is not None for row in weekly):
        target = f"{Decimal(options.target_cpa_cents).scaleb(-2):,f} US dollars"
        in_dollars = _payback_meaning(target, options) + _ONLY_PRICED
        choices = [Choice("stx", "STX", meaning), Choice("usd", "US dollars", in_dollars)]
    return Chart(
        id="payback",
        title="Payback, by week of the first transaction",
        meaning=meaning,
        table="value_weekly",
        spec=_payback_lines(weekly) if weekly else None,
        alt="Lines of payback per weekly cohort and window. " + (_last_payback(weekly[-1]) if weekly else ""),
        note=_payback_note(weekly, basis),
        empty="" if weekly else f"No week of new wallets ended at least {options.windows[0]} days ago.",
        switch="Target in" if choices else "",
        choices=choices,
        choice="stx" if choices else None,
    )


def _payback_meaning(target: str, options: MetricOptions) -> str:
    return (
        f"Fees per wallet divided by the target of {target}. 100% means that a wallet paid its target in fees. "
        f"Weeks with fewer than {count(options.minimum_cohort, 'wallet')} are not shown."
    )


def _payback_note(weekly: Sequence[Row], basis: Basis) -> str:
    said = []
    if any(row["is_left_censored"] for row in weekly):
        said.append("The first weeks are near the start of the data, so their wallets may not be new.")
    if partial_weeks({row["week_ending"] for row in weekly}, basis):
        said.append("The first week has days that are not covered. Wallets first seen on these days are missing.")
    return " ".join(said)


def _last_payback(last: Row) -> str:
    return f"Week ending {last['week_ending']}, {last['window_days']} days: {last['payback']:.1%} of the target"


def _payback_lines(weekly: Sequence[Row]) -> Spec:
    """Return a chart with a line per window over the weekly cohorts. The target is drawn if a line is near it.

    The line of the shortest window ends at the right, so its label is beside its end. The other labels are above.
    """
    names = [f"{window} days" for window in sorted({row["window_days"] for row in weekly})]
    tip = tooltip(
        ("week_ending", "week ending"), ("window", "first days"), ("share", "payback", ".2%"),
        ("fee_per_wallet_stx", "STX per wallet"), *_in_dollars(weekly), ("wallets", "wallets", ","),
        ("older", "may not be new"),
    )  # fmt: skip
    encoding = {
        "x": time("week ending"),
        "y": {**amount("share"), "axis": {"title": "share of the target", "format": "~%"}},
        **lines("window", names, None),
        "tooltip": tip,
    }
    point = {name: part for name, part in encoding.items() if name != "strokeDash"}
    drawn = layer("line", encoding, strokeWidth=2)
    dots = layer("point", {**point, **shapes("window", names, None)}, filled=True, size=42, opacity=1)
    place = {name: point[name] for name in ("x", "y", "color")}
    labels = [
        ends("window", place, "datum.window", [kept(f"datum.window !== '{names[0]}'")], dx=0, dy=-11),
        ends("window", place, "datum.window", [kept(f"datum.window === '{names[0]}'")]),
    ]
    is_near = any(max(row["payback"], row.get("payback_usd") or 0) > _IN_SIGHT for row in weekly)
    return chart(
        "value_weekly",
        params=[{"name": "choice", "value": "stx"}],
        transform=[
            defined("Fees per wallet of the week's new wallets in their first days, divided by the target per wallet."),
            calculated("choice === 'usd' ? datum.payback_usd : datum.payback", "share"),
            kept("isValid(datum.share)"),
            _dollars("fee_per_wallet_usd"),
            older(),
            at("week_ending"),
            calculated("datum.window_days + ' days'", "window"),
        ],
        layer=[drawn, dots, *labels, *([_target()] if is_near else [])],
    )


def _target() -> Spec:
    y = {"field": "target", "type": "quantitative"}
    return {"data": {"values": [{"target": 1}]}, **layer("rule", {"y": y}, color="@failing", strokeDash=[4, 3])}


def _trailing(facts: Facts) -> list[Panel]:
    shown = [row for row in facts.rows("wallet_value_trailing") if row["is_mature"] and row["wallets"]]
    is_priced = any(row.get("fee_usd") is not None for row in shown)
    rows = [
        (
            f"{row['window_days']} days",
            number(row["wallets"]),
            number(row["tx_count"]),
            exactly(stx(row["fee_ustx"])),
            exactly(row["mean_fee_stx"]),
            exactly(row["median_fee_stx"]),
            *(_priced(row) if is_priced else ()),
        )
        for row in shown
    ]
    meaning = (
        "All wallets that were active in the last days of the data, and the fees that they paid then. Amounts are "
        "rounded; exact ones are shown on hover and in the CSV file."
    )
    dollars = ("fees, USD", "mean per wallet, USD", "fees with a price") if is_priced else ()
    header = (
        *("last", "wallets", "transactions", "fees, STX", "mean per wallet, STX", "median per wallet, STX"),
        *dollars,
    )
    panel = Panel("Fees of the active wallets", meaning, header, rows, "wallet_value_trailing", is_folded=True)
    return [panel] if rows else []


def _priced(row: Row) -> tuple[str | Amount, ...]:
    share = "—" if row["priced_share"] is None else f"{row['priced_share']:.1%}"
    if row["fee_usd"] is None:
        return "—", "—", share
    return exactly(row["fee_usd"]), exactly(row["mean_fee_usd"]), share

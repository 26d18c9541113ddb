"""The section of contracts and transfers: the most called contracts of 30 days, and transfers of STX per day."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stx_pipelines.dashboard.charts import (
    BAR_BELOW,
    WORDED_STEP,
    WORDS_ABOVE,
    Spec,
    bars,
    calculated,
    chart,
    defined,
    kept,
    layer,
    steps,
    tooltip,
)
from stx_pipelines.dashboard.facts import CONTRACTS, Facts, Row
from stx_pipelines.dashboard.parts import NOTHING_YET, Amount, Chart, Panel, Section
from stx_pipelines.dashboard.text import count, exactly, number, rounded

TRANSFERS = "transfers_daily"
CONTRACTS_DRAWN = 12
CONTRACTS_LISTED = 20
DAYS_LISTED = 30

_COUNTED = (
    "Calls, wallets and fees are those of successful calls. Failed calls are counted beside them. A wallet that calls "
    "on several days counts once, so the wallets of single days do not add up to this number."
)
_SENT = (
    "Successful transactions of the type token transfer. STX that a contract moves during a call is not a transfer "
    "here. Senders and recipients are distinct within the day and do not add up over days."
)
_NOT_NAMED = "calls whose contract is not stored"


def contracts(facts: Facts) -> Section:
    """Return the section with the most called contracts and the transfers per day."""
    called, sent = facts.rows(CONTRACTS), facts.rows(TRANSFERS)
    return Section(
        id="contracts",
        title="Contracts and transfers",
        short="Contracts",
        lead="The contracts that wallets called most in the last 30 closed days, and the transfers of STX per day.",
        charts=[*([_most_called(called)] if called else []), *(_transfers(sent[-1]) if sent else [])],
        panels=[*([_listed(called)] if called else []), *([_days(sent)] if sent else [])],
        empty="" if called or sent else NOTHING_YET,
    )


def _window(row: Row) -> str:
    return f"{row['first_date']} to {row['last_date']}"


def _most_called(rows: Sequence[Row]) -> Chart:
    named = [row for row in rows if row["contract_id"]]
    drawn = [row["contract_id"] for row in named[:CONTRACTS_DRAWN]]
    top = f"{named[0]['contract_id']} has the most, {number(named[0]['calls'])}" if named else _NOT_NAMED
    return Chart(
        id="contracts-called",
        title="Contracts with the most calls",
        meaning=f"Successful calls from {_window(rows[0])}, and the distinct wallets that made them.",
        table=CONTRACTS,
        spec=_bars(drawn),
        alt=f"Bars of the calls of {count(len(drawn), 'contract')}. {top}",
        empty="" if drawn else "The stored days do not name the called contracts.",
        is_wide=True,
    )


def _bars(drawn: Sequence[str]) -> Spec:
    """Return a chart with a bar per contract. The numbers of calls and of wallets are above the bar."""
    axis = {"title": None, "labelExpr": _short("datum.value"), "labelLimit": 220}
    y = steps("contract_id", drawn, inner=0.18, axis=axis)
    x = {
        "field": "calls",
        "type": "quantitative",
        "axis": {"title": "calls", "grid": False, "tickCount": 6, "tickMinStep": 1},
    }
    tip = tooltip(
        ("contract_id", "contract"), ("calls", "calls", ","), ("wallets", "distinct wallets", ","),
        ("fee_stx", "fees in STX"), ("failed", "failed calls", ","), ("landed", "of all calls", ","),
    )  # fmt: skip
    words = {"x": {"datum": 0}, "y": y, "text": {"field": "words"}, "tooltip": tip}
    return chart(
        CONTRACTS,
        transform=[
            defined(_COUNTED),
            kept(f"indexof({json.dumps(list(drawn))}, datum.contract_id) >= 0"),
            calculated(
                "format(datum.calls, ',') + ' by ' + format(datum.wallets, ',') + "
                "(datum.wallets == 1 ? ' wallet' : ' wallets')",
                "words",
            ),
        ],
        height=WORDED_STEP * max(1, len(drawn)),
        layer=[
            layer("bar", {"x": x, "y": y, "tooltip": tip}, color="@bar", cornerRadiusEnd=3, **BAR_BELOW),
            layer("text", words, color="@ink", **WORDS_ABOVE),
        ],
    )


def _short(contract: str) -> str:
    """Return an expression for a contract with a shortened address and its whole name."""
    return f"slice({contract}, 0, 5) + '…' + slice({contract}, indexof({contract}, '.') - 4)"


def _transfers(last: Row) -> tuple[Chart, Chart]:
    sent = number(None) if last["amount_stx"] is None else rounded(last["amount_stx"])
    transfers = Chart(
        id="transfers",
        title="Transfers of STX per day",
        meaning="Number of successful transfers of STX.",
        table=TRANSFERS,
        spec=bars(
            TRANSFERS,
            "transfers",
            _SENT,
            [("transfers", "transfers", ","), ("senders", "senders", ","), ("recipients", "recipients", ",")],
        ),
        alt=f"Bars of transfers per day. On {last['date']}: {number(last['transfers'])} transfers from "
        f"{number(last['senders'])} senders to {number(last['recipients'])} recipients",
    )
    amounts = Chart(
        id="transfer-amounts",
        title="Amounts transferred per day",
        meaning="Sum of the amounts of these transfers, in STX. Days whose files have no amounts have no bar.",
        table=TRANSFERS,
        spec=bars(
            TRANSFERS,
            "stx",
            f"Exact sum of the day's amounts. {_SENT}",
            [("amount_stx", "STX"), ("transfers", "transfers", ",")],
            title="STX",
            axis={"format": "~s"},
            also=[calculated("datum.amount_stx === null ? null : toNumber(datum.amount_stx)", "stx")],
        ),
        alt=f"Bars of STX transferred per day. On {last['date']}: {sent} STX",
    )
    return transfers, amounts


def _listed(rows: Sequence[Row]) -> Panel:
    few = len(rows) <= CONTRACTS_LISTED
    which = "All called contracts" if few else f"The {CONTRACTS_LISTED} contracts with the most calls"
    return Panel(
        "Calls, wallets, failures and fees by contract",
        f"{which}, {_window(rows[0])}. Failures are a part of all calls of any status.",
        ("contract", "calls", "distinct wallets", "failed, % of calls", "fees, STX"),
        [_contract_line(row) for row in rows[:CONTRACTS_LISTED]],
        CONTRACTS,
        is_folded=True,
    )


def _contract_line(row: Row) -> tuple[str | Amount, ...]:
    return (
        row["contract_id"] or _NOT_NAMED,
        number(row["calls"]),
        number(row["wallets"]),
        f"{number(row['failed'])} ({row['failed_share']:.1%})",
        exactly(row["fee_stx"]),
    )


def _days(rows: Sequence[Row]) -> Panel:
    shown = rows[-DAYS_LISTED:][::-1]
    return Panel(
        "Transfers of STX by day",
        f"Newest day first, {count(len(shown), 'day')}.",
        ("day (UTC)", "transfers", "amount, STX", "senders", "recipients"),
        [_day_line(row) for row in shown],
        TRANSFERS,
        is_folded=True,
    )


def _day_line(row: Row) -> tuple[str | Amount, ...]:
    amount = row["amount_stx"]
    sent = number(None) if amount is None else exactly(amount)
    return row["date"], number(row["transfers"]), sent, number(row["senders"]), number(row["recipients"])

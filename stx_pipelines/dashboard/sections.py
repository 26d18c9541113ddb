"""What the page says: its sections in order, their sentences, and which chart shows what. Facts in, words out. Pure.

A section without enough days has a sentence instead of a chart. A new section is one function more in `SECTIONS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.metrics import ACTIVE_TRANSACTIONS, FUNNEL_DAYS, VALUE_USTX, Basis
from stx_pipelines.dashboard import charts
from stx_pipelines.dashboard.charts import Spec
from stx_pipelines.dashboard.facts import Facts, Row, Table, stx
from stx_pipelines.dashboard.words import count, long_day, money, number

NOTHING_YET = "No closed day yet: numbers appear when the first day is complete and final. Open days are not counted."


@dataclass(frozen=True)
class Choice:
    """One position of a chart's switch."""

    value: str | int
    name: str
    meaning: str


@dataclass(frozen=True)
class Legend:
    """An entry of a legend with its count."""

    name: str
    colour: str
    count: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing, what it means, and the table that says the same; `empty` is a sentence in its place."""

    id: str
    title: str
    meaning: str
    table: str = ""
    spec: Spec | None = None
    alt: str = ""
    note: str = ""
    empty: str = ""
    is_wide: bool = False
    switch: str = ""
    choices: Sequence[Choice] = ()
    choice: str | int | None = None
    legend: Sequence[Legend] = ()


@dataclass(frozen=True)
class Panel:
    """A few numbers that are best read as a table."""

    title: str
    meaning: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    table: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with its charts; `facts` are name and sentence, `empty` a sentence in place of everything."""

    id: str
    title: str
    lead: str
    charts: Sequence[Chart] = ()
    facts: Sequence[tuple[str, str]] = ()
    empty: str = ""
    panels: Sequence[Panel] = ()


def coverage(facts: Facts) -> Section:
    """Which days are here, and which of them the numbers rest on."""
    rows = facts.rows("coverage")
    counts = Counter(row["shown"] for row in rows)
    entries = [
        Legend(name, colour.lstrip("@"), counts[name], meaning)
        for name, (colour, meaning) in charts.STATES.items()
        if counts[name]
    ]
    chart = Chart(
        id="calendar",
        title="Every day, one square",
        meaning="Numbers rest on closed days only: over, final, and equal to the chain's own count of transactions.",
        table="coverage",
        spec=charts.calendar(len({row["date"][:7] for row in rows})),
        alt="Calendar of days. " + ", ".join(f"{entry.count} {entry.name}" for entry in entries),
        is_wide=True,
        legend=entries,
    )
    return Section(
        id="coverage",
        title="What the numbers rest on",
        lead="No number is better than the days behind it, so they come first.",
        facts=[("Days wanted", f"{facts.coverage}."), *_basis_facts(facts.measured)],
        charts=[chart] if rows else [],
        empty="" if rows else "No day is wanted and none is here.",
    )


def growth(facts: Facts) -> Section:
    """New and active wallets."""
    daily = facts.rows("wallets_daily")
    last = daily[-1] if daily else {}
    active = Chart(
        id="active",
        title="Active wallets",
        meaning="Distinct wallets that sent a transaction on the day, and in the 7 and 30 days that end with it.",
        table="wallets_daily",
        spec=charts.active_wallets(),
        alt="Lines of distinct active wallets per day. "
        f"On {last.get('date')}: {number(last.get('active_wallets'))} in 1 day, "
        f"{number(last.get('active_7d'))} in 7 days, {number(last.get('active_30d'))} in 30 days",
        note=_gaps(daily),
    )
    censored = sum(row["is_left_censored"] for row in daily)
    new = Chart(
        id="new",
        title="New wallets per day",
        meaning="Wallets whose first transaction of all is on this day.",
        table="wallets_daily",
        spec=charts.new_wallets(),
        alt=f"Bars of new wallets per day. On {last.get('date')}: {number(last.get('new_wallets'))}",
        note=f"Paler: the first {count(censored, 'day')} of the data. A wallet seen there may be older than it looks."
        if censored
        else "",
    )
    lead = "How many wallets use the chain, and how many are seen for the first time."
    return _section("growth", "Growth", lead, [active, new] if daily else [])


def retention(facts: Facts) -> Section:
    """Who comes back, by the week a wallet began."""
    lead = "Of the wallets that began in a week, the share that came back later."
    rows, basis = facts.rows("wallet_retention_weekly"), facts.measured
    if not rows or basis is None:
        return _section("retention", "Retention", lead, [])
    windows, horizon = basis.options.windows, basis.options.horizon
    names = {"cumulative": "at all", "active_band": "in the last stretch", "survival": "still there"}
    meanings = {
        "cumulative": "A wallet counts if it has a transaction on at least one of the days 1 to H after its first day.",
        "active_band": "A wallet counts if it has a transaction after the next smaller window and up to day H "
        f"({', '.join(f'{low + 1} to {high}' for low, high in basis.options.bands)}).",
        "survival": "A wallet counts if it has a transaction on day H or later; every cohort is watched for "
        f"{horizon} days.",
    }
    mature = [row for row in rows if row["is_mature"]]
    if not mature:
        first = date.fromisoformat(rows[0]["week_ending"]) + windows[0] * DAY
        empty = (
            f"Too short for retention: the first cell appears when {long_day(first)} is complete, {windows[0]} days "
            "after the first week of wallets ended. A number is never shown before its window is over."
        )
        return _section("retention", "Retention", lead, [], empty)
    best = max(mature, key=lambda row: (row["definition"] == "cumulative", row["week_ending"], row["window_days"]))
    weeks = sorted({row["week_ending"] for row in rows})
    marked_to = max((row["week_ending"] for row in rows if row["is_left_censored"]), default="")
    marks = " Weeks with * are near the start of the data: their wallets may be older." if marked_to else ""
    drawn = f" Drawn are the newest {charts.WEEKS_DRAWN} weeks." if len(weeks) > charts.WEEKS_DRAWN else ""
    chart = Chart(
        id="retention-map",
        title="Wallets that came back, by week of their first transaction",
        meaning=meanings["cumulative"],
        table="wallet_retention_weekly",
        spec=charts.retention(weeks[-charts.WEEKS_DRAWN :], windows, meanings, marked_to),
        alt="Heat map of retention, a row per week and a column per window. "
        f"{best['definition']}, week ending {best['week_ending']}, {best['window_days']} days: "
        f"{number(best['retained'])} of {number(best['cohort_size'])} wallets",
        note="Outlined cells are not over yet; nothing is shown before it is measured in full." + marks + drawn,
        is_wide=True,
        switch="Came back",
        choices=[Choice(key, f"{name} ({key.replace('_', ' ')})", meanings[key]) for key, name in names.items()],
        choice="cumulative",
    )
    return _section("retention", "Retention", lead, [chart])


def value(facts: Facts) -> Section:
    """What a wallet brings, against what it may cost."""
    basis = facts.measured
    ripe = [row for row in facts.rows("wallet_value_breakeven") if row["is_mature"]]
    weekly = [row for row in facts.rows("value_weekly") if row["payback"] is not None]
    target = basis.options.target_cpa_ustx if basis else 0
    lead = "Fees that wallets paid in their first days, and how much of the target per wallet that is."
    if basis is None:
        return _section("value", "Value", lead, [])
    days = basis.options.windows[0]
    fees = Chart(
        id="fees-by-window",
        title="Fees per wallet by window",
        meaning=f"Fees of a wallet's first days: all mature cohorts of the last {basis.options.breakeven_days} days, "
        "fees added up and divided by their wallets. This is what a wallet may cost (breakeven CPA).",
        table="wallet_value_breakeven",
        spec=charts.fees_by_window(len(ripe), target) if ripe else None,
        alt="Bars of fees per wallet. " + "; ".join(_window_fee(row) for row in ripe),
        empty="" if ripe else f"No cohort that is surely new has been watched for {days} days yet.",
    )
    paid = Chart(
        id="payback",
        title="Payback, by week of the first transaction",
        meaning=f"Fees per wallet divided by the target of {money(stx(target))} STX. 100% means that a wallet brought "
        f"its target. Weeks under {count(basis.options.minimum_cohort, 'wallet')} are not shown.",
        table="value_weekly",
        spec=charts.payback(
            sorted({row["window_days"] for row in weekly}), target_in_sight=any(row["payback"] > 0.4 for row in weekly)
        )
        if weekly
        else None,
        alt="Lines of payback per weekly cohort and window. " + (_last_payback(weekly) if weekly else ""),
        note="The first weeks are near the start of the data: their wallets may be older."
        if any(row["is_left_censored"] for row in weekly)
        else "",
        empty="" if weekly else f"No week of wallets has been over for {days} days yet.",
    )
    return Section(id="value", title="Value", lead=lead, charts=[fees, paid], panels=_trailing(facts))


def funnel(facts: Facts) -> Section:
    """How many of the new wallets stay busy, and how many of those bring value."""
    lead = f"What becomes of new wallets in their first {FUNNEL_DAYS} days. Each step is part of the one above it."
    rows = facts.rows("funnel_stages")
    if not rows:
        judged, basis = facts.rows("wallet_funnel"), facts.measured
        if not judged or basis is None or basis.uncensored_from is None:
            return _section("funnel", "Funnel", lead, [])
        shortest = judged[0]["window_days"]
        first = basis.uncensored_from + (FUNNEL_DAYS + shortest - 1) * DAY
        empty = (
            f"Too short for a funnel: the first one appears when {long_day(first)} is complete. It needs wallets of "
            f"{shortest} days that are surely new, and {FUNNEL_DAYS} days in which to watch them."
        )
        return _section("funnel", "Funnel", lead, [], empty)
    windows = sorted({row["window_days"] for row in rows})
    longest = windows[-1]
    chart = Chart(
        id="funnel-stages",
        title="From first transaction to value",
        meaning=_funnel_meaning(rows, longest),
        table="wallet_funnel",
        spec=charts.funnel(longest),
        note=f"Active: at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days of the wallet.",
        alt="Funnel. "
        + "; ".join(f"{r['stage']}: {number(r['wallets'])}" for r in rows if r["window_days"] == longest),
        is_wide=True,
        switch="Wallets first seen in",
        choices=[Choice(each, f"{each} days", _funnel_meaning(rows, each)) for each in windows],
        choice=longest,
    )
    return _section("funnel", "Funnel", lead, [chart])


def network(facts: Facts) -> Section:
    """The network day: transactions, fees, types, failures."""
    days, types = facts.rows("network_daily"), facts.rows("network_types")
    last: Row = days[-1] if days else {}
    kinds = [name.replace("_", " ") for name in most_frequent(types)]
    found = [
        Chart(
            id="types",
            title="Transactions per day, by type",
            meaning="Canonical, successful transactions. A day is that of its Bitcoin (burn) block, in UTC.",
            table="network_types",
            spec=charts.transactions_by_type(kinds),
            alt=f"Stacked bars of transactions per day by type: {', '.join(kinds)}. "
            f"On {last.get('date')}: {number(last.get('transactions'))} transactions",
            is_wide=True,
        ),
        Chart(
            id="fees",
            title="Fees per day",
            meaning="Fees of successful transactions, in STX.",
            table="network_daily",
            spec=charts.fees(),
            alt=f"Bars of fees per day. On {last.get('date')}: {last.get('fee_stx')} STX",
        ),
        Chart(
            id="failures",
            title="Share that failed",
            meaning="Canonical transactions that did not succeed, of all that landed. They are in no other number.",
            table="network_daily",
            spec=charts.failures(),
            alt=f"Bars of the failed share per day. On {last.get('date')}: {number(last.get('failed'))} of "
            f"{number(last.get('landed'))}",
        ),
    ]
    lead = "What the chain itself did on each day, all kinds of transactions included."
    return _section("network", "The network, day by day", lead, found if days else [])


SECTIONS: Sequence[Callable[[Facts], Section]] = (coverage, growth, retention, value, funnel, network)
"""The page from top to bottom."""


def most_frequent(types: Sequence[Row]) -> list[str]:
    """Transaction types, the most frequent first."""
    counts: Counter[str] = Counter()
    for row in types:
        counts[row["tx_type"]] += row["transactions"]
    return [name for name, _ in counts.most_common()]


def funnel_stages(rows: Sequence[Row]) -> Table:
    """The funnel with a row per stage, as it is drawn."""
    activity = f"at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days"
    worth = f"{money(stx(VALUE_USTX))} STX"
    stages = {
        "cohort_size": ("New wallets", "Wallets first seen in these days."),
        "active_30d": ("Active", f"Of these, wallets with {activity}."),
        "active_and_value_30d": (
            f"Active, and {worth} of fees",
            f"Of these, wallets that also paid at least {worth} of fees in the first {FUNNEL_DAYS} days.",
        ),
    }
    made = [
        {
            **{name: row[name] for name in ("window_days", "first_cohort", "last_cohort", "cohort_size")},
            "order": order,
            "stage": stage,
            "meaning": meaning,
            "wallets": row[column],
            "rate": row[column] / row["cohort_size"],
        }
        for row in rows
        if row["is_mature"] and row["cohort_size"]
        for order, (column, (stage, meaning)) in enumerate(stages.items())
    ]
    return Table("funnel_stages", tuple(made[0]) if made else (), made)


def _section(name: str, title: str, lead: str, found: Sequence[Chart], empty: str = "") -> Section:
    return Section(id=name, title=title, lead=lead, charts=found, empty=empty or ("" if found else NOTHING_YET))


def _basis_facts(basis: Basis | None) -> list[tuple[str, str]]:
    if basis is None:
        return [("Numbers rest on", "nothing yet; " + NOTHING_YET[0].lower() + NOTHING_YET[1:])]
    out = [
        (basis.islands, "complete but behind a hole"),
        (basis.open_days, "open"),
        (basis.before_start, "before the data start"),
    ]
    left = ", ".join(f"{count(days, 'day')} {why}" for days, why in out if days) or "none"
    said = [
        (
            "Numbers rest on",
            f"{count(basis.days, 'complete day')} without a hole, {basis.coverage_start} to {basis.coverage_end}",
        ),
        ("Days left out", left),
    ]
    if basis.uncensored_from and basis.coverage_start and basis.uncensored_from > basis.coverage_start:
        said.append(("Wallets first seen before", f"{basis.uncensored_from} may be older than that, and are marked"))
    if excluded := basis.options.excluded_types:
        said.append(("No activity", f"transactions of type {', '.join(sorted(excluded))}"))
    return said


def _gaps(daily: Sequence[Row]) -> str:
    missing = [days for days, name in ((7, "active_7d"), (30, "active_30d")) if daily and daily[-1][name] is None]
    return f"The line of {missing[0]} days begins when {missing[0]} days are complete." if missing else ""


def _window_fee(row: Row) -> str:
    return f"first {row['window_days']} days: {row['breakeven_cpa_stx']} STX per wallet"


def _trailing(facts: Facts) -> list[Panel]:
    rows = [
        (
            f"{row['window_days']} days",
            number(row["wallets"]),
            number(row["tx_count"]),
            money(stx(row["fee_ustx"])),
            row["mean_fee_stx"],
            row["median_fee_stx"],
        )
        for row in facts.rows("wallet_value_trailing")
        if row["is_mature"] and row["wallets"]
    ]
    meaning = "All wallets active in the last days of the data, old and new, and the fees they paid, in exact STX."
    header = ("last", "wallets", "transactions", "fees", "mean", "median")
    return [Panel("Fees of the active wallets", meaning, header, rows, "wallet_value_trailing")] if rows else []


def _last_payback(weekly: Sequence[Row]) -> str:
    last = weekly[-1]
    return f"Week ending {last['week_ending']}, {last['window_days']} days: {last['payback']:.1%} of the target"


def _funnel_meaning(rows: Sequence[Row], window: int) -> str:
    row = next(each for each in rows if each["window_days"] == window)
    seen = f"first seen from {row['first_cohort']} to {row['last_cohort']}"
    return f"Wallets {seen}, whose first {FUNNEL_DAYS} days are over."

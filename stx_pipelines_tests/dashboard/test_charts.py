"""The charts are readable: gaps between bars, labels above bars, incomplete weeks marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.dashboard.charts import BAR_BELOW, bars
from stx_pipelines.dashboard.facts import Facts, read_facts
from stx_pipelines.dashboard.page import VEGA_LITE
from stx_pipelines.dashboard.parts import Chart
from stx_pipelines.dashboard.sections.fee_recipients import fee_recipients
from stx_pipelines.dashboard.sections.funnel import drawn_stages, funnel
from stx_pipelines.dashboard.sections.retention import retention
from stx_pipelines.dashboard.sections.value import value
from stx_pipelines.dashboard.themes import themed
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.dashboard.balances import write_days
from stx_pipelines_tests.dashboard.pages import covered
from stx_pipelines_tests.metrics.history import store_chain, store_in
from stx_pipelines_tests.world import FIRST_DAY, make_chain

Drawn = dict[str, list[dict[str, Any]]]

WORDS_HIGH = 13
"""The font size of the largest label of a bar."""


def whole(spec: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the chart with its colours and rows, half as wide as the page."""
    return themed(spec, "light") | {"width": 520, "data": {"values": list(rows)}}


def drawn(spec: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Drawn:
    """Return all items that this chart draws of these rows, by kind of mark."""
    found: Drawn = {}
    for kind, item in items(vl_convert.vegalite_to_scenegraph(whole(spec, rows), vl_version=VEGA_LITE)["scenegraph"]):
        found.setdefault(kind, []).append(item)
    return found


def items(mark: dict[str, Any], right: float = 0, down: float = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every item below a mark with its role and kind; positions count from the corner of the chart."""
    for item in mark.get("items", []):
        x, y = right + item.get("x", 0), down + item.get("y", 0)
        if "marktype" in item:
            yield from items(item, right, down)
        else:
            yield f"{mark['role']} {mark['marktype']}", {**item, "x": x, "y": y}
            yield from items(item, x, y)


def chart_of(facts: Facts, chart: Chart) -> Drawn:
    """Return all items that a chart draws of the page's facts."""
    assert chart.spec
    return drawn(chart.spec, facts.rows(chart.spec["data"]["name"]))


def daily_bars(days: int) -> list[tuple[float, float]]:
    """Return the left and right ends of the bars of a daily table."""
    last = FIRST_DAY + (days - 1) * DAY
    rows = [{"date": day.isoformat(), "new": 1, "is_left_censored": False} for day in days_between(FIRST_DAY, last)]
    found = drawn(bars("daily", "new", "", []), rows)["mark rect"]
    return sorted((item["x"], item["x"] + item["width"]) for item in found)


@pytest.mark.parametrize("days", [1, 2, 45, 60])
def test_bars_of_neighbouring_days_have_a_gap(days: int) -> None:
    """The gap is between a tenth and a half of a day."""
    places = daily_bars(days)
    assert len(places) == days
    for (start, end), (after, _) in pairwise(places):
        assert 0.1 < (after - end) / (after - start) < 0.5


def test_bars_of_a_long_history_have_no_gap() -> None:
    """They overlap by half a pixel. A gap smaller than a pixel would make some bars paler than others."""
    for (_, end), (after, _) in pairwise(daily_bars(1100)):
        assert after - end == pytest.approx(-0.5, abs=0.01)


def with_ethereum(made: MetricStore) -> Facts:
    """Return the page's facts, with stages of the funnel and three fee recipients."""
    write_days(made.folder.path)
    facts = read_facts(made, covered(made), "")
    return replace(facts, tables={**facts.tables, **drawn_stages(facts)})


@pytest.mark.parametrize("section", [value, funnel, fee_recipients])
def test_labels_never_cross_the_end_of_their_bar(own: MetricStore, section: Any) -> None:
    """They are above it, for any length of bar and label."""
    facts = with_ethereum(own)
    found = chart_of(facts, section(facts).charts[0])
    tops = sorted({round(bar["y"]) for bar in found["mark rect"]})
    words = sorted(item["y"] + item["dy"] for item in found["mark text"])
    assert len(words) == len(tops) >= 2
    ends = [0, *(top + BAR_BELOW["size"] for top in tops)]
    for middle, top, end_above in zip(words, tops, ends, strict=False):
        assert end_above <= middle - WORDS_HIGH / 2
        assert middle + WORDS_HIGH / 2 <= top


def test_weeks_that_are_covered_in_part_are_marked(made: MetricStore) -> None:
    """The days are Tuesday, 1 September to Thursday, 15 October: the first and the last week lack days."""
    facts = read_facts(made, covered(made), "")
    heat_map, *_ = retention(facts).charts
    labels = [item["text"] for item in chart_of(facts, heat_map)["axis-label text"]]
    assert [label for label in labels if "†" in label] == ["6 Sep 26 †", "18 Oct 26 †"]
    assert "13 Sep 26" in labels
    assert "Weeks with † have days that are not covered" in heat_map.note
    assert "*" not in heat_map.note
    _, payback, _ = value(facts).charts
    assert "The first week has days that are not covered" in payback.note


def test_weeks_have_both_signs_or_none(tmp_path: Path) -> None:
    """Four weeks from Monday to Sunday need no sign for missing days; the first 10 days may have older wallets.

    Nonces are not known here, so the first days of the coverage decide.
    """
    monday = FIRST_DAY + 6 * DAY
    store = store_in(tmp_path / "data", MetricOptions(windows=(3,), left_censor_days=10), None)
    store_chain(store, make_chain(35), days_between(monday, monday + 27 * DAY), with_nonces=False)
    store.refresh(["wallets_daily", "wallet_retention"])
    facts = read_facts(store, covered(store), "")
    heat_map, *_ = retention(facts).charts
    labels = [item["text"] for item in chart_of(facts, heat_map)["axis-label text"]]
    assert [label for label in labels if label.endswith("26") or "*" in label] == [
        *("13 Sep 26 *", "20 Sep 26 *", "27 Sep 26", "4 Oct 26"),
    ]
    assert "†" not in heat_map.note

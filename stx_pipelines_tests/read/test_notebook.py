"""The notebook runs whole over a small made-up history, and its numbers are a plain recount of the stored rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stx_pipelines import read
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines_tests.metrics.history import store_chain, store_in
from stx_pipelines_tests.world import FIRST_DAY, ROOT, make_chain

LAST = FIRST_DAY + 11 * DAY
WINDOWS = [1, 3, 7]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of twelve closed days with their metrics."""
    store = store_in(tmp_path_factory.mktemp("notebook") / "data", MetricOptions(windows=tuple(WINDOWS)), FIRST_DAY)
    store_chain(store, make_chain(12), days_between(FIRST_DAY, LAST))
    store.refresh()
    return store.folder.path


@pytest.fixture(scope="module")
def notebook() -> ModuleType:
    """Return the notebook as a module."""
    spec = importlib.util.spec_from_file_location("explore", ROOT / "notebooks" / "explore.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ran(folder: Path, notebook: ModuleType) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outputs as one HTML text, and the variables of a run with the folder as the own data folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STX_DATA_DIR", str(folder))
        outputs, variables = notebook.app.run()
        yield "\n".join(output.text for output in outputs if hasattr(output, "text")), variables


@pytest.fixture
def rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows of the table `transactions`."""
    return read.open(folder).transactions().arrow().to_pylist()


def test_the_whole_notebook_runs(ran: tuple[str, Mapping[str, Any]], folder: Path) -> None:
    said, variables = ran
    assert variables["covered"] == days_between(FIRST_DAY, LAST)
    assert variables["history"].path == folder
    for part in ("Coverage", "Wallets", "One address", "Contracts", "Retention with your own windows", "own SQL"):
        assert part in said
    assert said.count("<svg") >= 4
    assert "could not be read" not in said


def test_retention_equals_a_recount_and_the_metrics(
    notebook: ModuleType, folder: Path, rows: list[dict[str, Any]]
) -> None:
    """All wallets of this history are new, because it begins with the chain."""
    history = read.open(folder)
    days: dict[str, set[date]] = {}
    for row in rows:
        days.setdefault(row["sender_address"], set()).add(row["burn_block_time"].date())
    expected: dict[tuple[date, int], tuple[int, ...]] = {}
    for active in days.values():
        after = {(day - min(active)).days for day in active}
        for longer_than, window in zip((0, *WINDOWS), WINDOWS, strict=False):
            if min(active) + window * DAY <= LAST:
                counts = (1, any(1 <= k <= window for k in after), any(longer_than < k <= window for k in after))
                before = expected.get((min(active), window), (0, 0, 0))
                expected[min(active), window] = tuple(map(sum, zip(before, counts, strict=True)))
    active_days = history.transactions().sql(
        "SELECT DISTINCT sender_address, burn_block_time::DATE AS day FROM rows ORDER BY ALL"
    )
    cohorts = notebook.retention(active_days.arrow(), history.table("first_seen_wallets").arrow(), WINDOWS, LAST)
    found = {(day, window): tuple(counts) for day, window, *counts in (row.values() for row in cohorts.to_pylist())}
    assert found == expected
    published = history.table("wallet_retention").sql("FROM rows WHERE is_mature AND definition <> 'survival'")
    for row in published.arrow().to_pylist():
        size, cumulative, band = found[row["cohort_date"], row["window_days"]]
        retained = cumulative if row["definition"] == "cumulative" else band
        assert (size, retained) == (row["cohort_size"], row["retained"])
    for total in notebook.by_window(cohorts).to_pylist():
        cells = [counts for (_, window), counts in expected.items() if window == total["window_days"]]
        sums = tuple(map(sum, zip(*cells, strict=True)))
        assert (total["cohorts"], total["wallets"], total["came_back"], total["in_band"]) == (len(cells), *sums)
        assert (total["share"], total["band_share"]) == (sums[1] / sums[0], sums[2] / sums[0])


def test_contracts_and_an_address_equal_a_recount(
    notebook: ModuleType, folder: Path, rows: list[dict[str, Any]]
) -> None:
    history, first, last = read.open(folder), FIRST_DAY + 2 * DAY, FIRST_DAY + 8 * DAY
    contract_of = {row["tx_id"]: row["contract_id"] for row in history.table("transaction_details").arrow().to_pylist()}
    calls: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["tx_type"] == "contract_call" and first <= row["burn_block_time"].date() <= last:
            calls.setdefault(contract_of[row["tx_id"]], []).append(row)
    called = notebook.of_contracts(history.table("contracts_daily"), first, last).to_pylist()
    assert {row["contract_id"]: row["calls"] for row in called if row["calls"]} == {
        contract: len(mine) for contract, mine in calls.items()
    }
    for row in called:
        mine = calls.get(row["contract_id"], [])
        callers = [
            {each["sender_address"] for each in mine if each["burn_block_time"].date() == day}
            for day in days_between(first, last)
        ]
        assert row["wallets_of_busiest_day"] == max(map(len, callers))
        assert row["fee_stx"].scaleb(6) == sum(each["fee_ustx"] for each in mine)
    address = rows[0]["sender_address"]
    for row in notebook.of_address(history.transactions(), address).to_pylist():
        fees = [
            each["fee_ustx"] for each in rows if each["sender_address"] == address and each["tx_type"] == row["tx_type"]
        ]
        assert (row["transactions"], row["fee_ustx"]) == (len(fees), sum(fees))


def test_a_folder_without_days_has_one_sentence(
    notebook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STX_DATA_DIR", str(tmp_path / "data"))
    outputs, variables = notebook.app.run()
    said = "\n".join(output.text for output in outputs if hasattr(output, "text"))
    assert "No closed day is stored in" in said
    assert "make demo" in said
    assert "rows" not in variables


def test_the_demo_is_shown_where_the_own_folder_has_no_days(
    notebook: ModuleType, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STX_DATA_DIR", str(tmp_path / "data" / "own"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(folder)
    assert notebook.first_folder() == Path("data/demo")
    monkeypatch.setenv("STX_DATA_DIR", str(folder))
    assert notebook.first_folder() == folder


def test_an_answer_has_every_digit(notebook: ModuleType) -> None:
    """Wei do not fit into the numbers of a browser."""
    assert notebook.shown("balance_after", 10**30 + 1) == f"{10**30 + 1}"
    assert [notebook.shown("share", value) for value in (0.5, 3, None)] == ["50.00%", 3, ""]
    assert notebook.shown("fee_stx", Decimal("0.100000")) == "0.100000"
    assert notebook.whole_numbers("30, 7 7, x, 0, -1, 3") == [3, 7, 30]
    assert notebook.text("it's") == "'it''s'"

"""Contracts and transfers on the page: every number is a plain recount of the day files, also without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.dashboard.facts import CONTRACTS, MOST_CONTRACTS
from stx_pipelines.dashboard.text import money
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines_tests.dashboard.pages import LAST, build, embedded
from stx_pipelines_tests.metrics.history import day, rows_of, store_day, store_in


def cells(said: str, title: str) -> list[list[str]]:
    """Return the cells of a small table in the HTML, which needs no script. Of an amount it is the exact one."""
    panel = said[said.index(f'-title">{title}<') :]
    rows = re.findall(r"<tr>(.*?)</tr>", panel[: panel.index("</table>")], re.DOTALL)
    found = [re.findall(r'<t[hd](?: title="(.*?)"| scope="row")?>(.*?)</t[hd]>', row) for row in rows[1:]]
    return [[exact or shown for exact, shown in line] for line in found]


def stored(store: MetricStore, kind: str) -> Iterator[tuple[str, Tx]]:
    """Yield the day and the row of each canonical transaction of a type in the last 30 days."""
    for each in days_between(LAST - 29 * DAY, LAST):
        for row in from_arrow(DATASETS[TRANSACTIONS], store.files.read(each)):
            if row.canonical and row.tx_type == kind:
                yield str(each), row


def stx(ustx: int) -> str:
    return money(f"{Decimal(ustx).scaleb(-6):f}")


def test_contracts_of_30_days_equal_a_recount(made: MetricStore, html: str) -> None:
    """A wallet counts once in the window."""
    calls: dict[str, list[Tx]] = {}
    for _, row in stored(made, "contract_call"):
        calls.setdefault(row.contract_id or "", []).append(row)
    ours = []
    for contract, rows in calls.items():
        good = [row for row in rows if row.tx_status == "success"]
        failed = f"{len(rows) - len(good):,} ({(len(rows) - len(good)) / len(rows):.1%})"
        wallets = len({row.sender_address for row in good})
        ours.append((-len(good), contract, f"{wallets:,}", failed, stx(sum(row.fee_ustx for row in good))))
    expected = [[contract, f"{-count:,}", *rest] for count, contract, *rest in sorted(ours)]
    assert cells(html, "Calls, wallets, failures and fees by contract") == expected[:20]
    assert f"{LAST - 29 * DAY} to {LAST}" in html


def test_transfers_of_30_days_equal_a_recount(made: MetricStore, html: str) -> None:
    days: dict[str, list[Tx]] = {str(each): [] for each in days_between(LAST - 29 * DAY, LAST)}
    for date, row in stored(made, "token_transfer"):
        if row.tx_status == "success":
            days[date].append(row)
    expected = [
        [
            date,
            f"{len(rows):,}",
            stx(sum(row.amount_ustx or 0 for row in rows)),
            f"{len({row.sender_address for row in rows}):,}",
            f"{len({row.recipient_address for row in rows}):,}",
        ]
        for date, rows in sorted(days.items(), reverse=True)
    ]
    assert cells(html, "Transfers of STX by day") == expected


def test_many_contracts_and_calls_without_a_contract(tmp_path: Path) -> None:
    """The page has a hundred contracts, its list twenty, and calls whose contract is not stored have a name."""
    store = store_in(tmp_path / "data", MetricOptions(), day(70))
    row = msgspec.structs.replace(rows_of(70)[0], tx_type="contract_call")
    named = [msgspec.structs.replace(row, tx_id=f"0x{n}", contract_id=f"SP1.<b>{n}") for n in range(119)]
    unknown = [msgspec.structs.replace(row, tx_id=f"0x{n + 200}", contract_id=None) for n in range(2)]
    store_day(store, day(70), [*named, *unknown])
    store.refresh()
    said = build(store)
    assert len(embedded(said)["tables"][CONTRACTS]["rows"]) == MOST_CONTRACTS
    assert "The 100 contracts with the most calls. All are in the file metrics/contracts_30d.parquet." in said
    listed = cells(said, "Calls, wallets, failures and fees by contract")
    assert listed[0][:3] == ["calls whose contract is not stored", "2", "1"]
    assert len(listed) == 20
    assert "SP1.<b>" not in said.partition('<script type="application/json"')[0]
    assert cells(said, "Transfers of STX by day") == [[day(70).isoformat(), "0", "0", "0", "0"]]


@pytest.mark.usefixtures("opened")
def test_the_browser_draws_the_contracts(made: MetricStore, browser: Any) -> None:
    """The label of the first bar has the numbers of the first row."""
    first = cells(made.folder.page.read_text(), "Calls, wallets, failures and fees by contract")[0]
    find = "return [...document.querySelectorAll('[data-id=contracts-called] svg .role-mark.mark-text text')]"
    texts = browser.execute_script(f"{find}.map((each) => each.textContent)")
    assert texts[0] == f"{first[1]} by {first[2]} wallets"
    assert browser.get_log("browser") == []

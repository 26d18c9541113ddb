"""Ethereum's fee recipients: exact sums, their days, and a section only with day files."""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.dashboard.facts import FEE_RECIPIENTS, MOST_RECIPIENTS
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.fee_recipients import FeeRecipients, fee_recipients
from stx_pipelines.store.scratch import Engine
from stx_pipelines_tests.dashboard.balances import HUGE, Block, address, write_day, write_days
from stx_pipelines_tests.dashboard.pages import build, embedded, open_page, wait_for
from stx_pipelines_tests.metrics.history import store_in
from stx_pipelines_tests.store.ethereum_days import DAYS, blocks_of, changes_of, store_days, store_parts
from stx_pipelines_tests.world import FIRST_DAY


@pytest.fixture
def store(made: MetricStore, tmp_path: Path) -> MetricStore:
    """Return the 45 days and two days of Ethereum."""
    shutil.copytree(made.folder.path, tmp_path / "data")
    write_days(tmp_path / "data")
    return store_in(tmp_path / "data", MetricOptions(), FIRST_DAY)


def summed_up(folder: Path) -> FeeRecipients:
    """Return the sums of the day files."""
    known = fee_recipients(DataFolder(folder), Engine(200, 1), MOST_RECIPIENTS)
    assert known is not None
    return known


def test_increases_are_summed_up_exactly(tmp_path: Path) -> None:
    """Positive and net sums are exact to the Wei, also beyond 64 bits; zero and negative increases are counted."""
    write_days(tmp_path)
    rows = [tuple(row.values())[1:] for row in summed_up(tmp_path).table.to_pylist()]
    one, huge = Decimal("0.000000000000000001"), Decimal("99999999999.000000000000000007")
    assert huge == Decimal(f"{HUGE // 10**18}.{HUGE % 10**18:018}")
    assert rows == [
        (3, 6, 0.5, 1 + one, one - 2, 1, 1 / 3),
        (2, 6, 2 / 6, huge, huge, 1, 0.5),
        (1, 6, 1 / 6, Decimal(0), -one, 1, 1.0),
    ]


def test_sums_name_their_days_and_blocks(tmp_path: Path) -> None:
    """Stored days, blocks and times, and the missing days and blocks between them."""
    write_days(tmp_path)
    known = summed_up(tmp_path)
    assert (known.days, known.missing_days, known.recipients) == (2, 1, 3)
    assert (known.blocks, known.first_block, known.last_block, known.missing_blocks) == (6, 100, 106, 1)
    assert (known.first_time, known.last_time) == (datetime(2026, 9, 1), datetime(2026, 9, 3, 0, 0, 24))  # noqa: DTZ001


def test_the_section_is_there_only_with_its_day_files(store: MetricStore, html: str) -> None:
    """It defines the increase, never calls it a reward, and names missing days and blocks."""
    assert "fee-recipients" not in html
    assert FEE_RECIPIENTS not in embedded(html)["tables"]
    said = build(store)
    section = said[said.index('<section id="fee-recipients"') : said.index('<section id="downloads"')]
    assert "balance after the block minus the recipient&#39;s balance before the block" in section
    assert "The increase is not an income" in section
    assert "2 days of Ethereum, 2026-09-01 00:00 to 2026-09-03 00:00 UTC: 6 blocks, 100 to 106" in section
    assert "1 day and 1 block" in section
    assert '<td title="-1.999999999999999999">-2.00</td>' in section
    assert "reward" not in section.lower()
    assert 'class="warn" role' not in said


def test_recipients_are_ranked_by_fees_once_all_parts_are_stored(made: MetricStore, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(made.folder.path, data)
    store_days(data, DAYS[:2])
    store_parts(data, DAYS[0], blocks_of(DAYS[0]), changes_of(DAYS[0]))
    known = summed_up(data)
    assert (known.blocks_with_parts, known.blocks, known.is_ranked_by_fees) == (6, 12, False)
    said = build(store_in(data, MetricOptions(), FIRST_DAY))
    assert "By the number of blocks. The parts of the increases, such as priority fees, are stored for 6 of 12" in said
    store_parts(data, DAYS[1], blocks_of(DAYS[1]), changes_of(DAYS[1]))
    said = build(store_in(data, MetricOptions(), FIRST_DAY))
    assert "By the priority fees of the recipients&#39; blocks" in said
    assert "Fee recipients with the highest priority fees" in said
    table = summed_up(data).table
    fee = Decimal("3.000000000000000001")
    assert table.column("priority_fees_eth").to_pylist() == [fee * blocks for blocks in (6, 3, 3)]
    assert table.column("proposer_payments_eth")[0].as_py() == 6 * (fee - Decimal(5).scaleb(-18))


def test_a_page_holds_those_with_the_most_blocks(tmp_path: Path) -> None:
    """A hundred of 120, the most frequent first, with a note."""
    blocks = [Block(n, f"0x{n % 120:040x}", 0, n) for n in range(1, 300)]
    write_day(tmp_path / "data", date(2026, 9, 1), blocks)
    said = build(store_in(tmp_path / "data", MetricOptions(), FIRST_DAY))
    table = embedded(said)["tables"][FEE_RECIPIENTS]
    counts = [row[table["columns"].index("blocks")] for row in table["rows"]]
    assert (len(counts), counts) == (100, sorted(counts, reverse=True))
    assert "The 100 of 120 with the most blocks" in said


def test_day_files_without_a_block_make_no_section(tmp_path: Path) -> None:
    """There is nothing to show."""
    write_day(tmp_path, date(2026, 9, 1), [])
    assert fee_recipients(DataFolder(tmp_path), Engine(200, 1), MOST_RECIPIENTS) is None


def test_a_damaged_day_is_reported_and_removes_only_its_section(store: MetricStore) -> None:
    """The sections of Stacks stay."""
    (store.folder.days("miners_balance") / "2026-09-02.parquet").write_text("no Parquet")
    said = build(store)
    assert "Ethereum&#39;s fee recipients are not shown" in said
    assert "2026-09-02.parquet" in said
    assert '<section id="fee-recipients"' not in said
    assert '<figure class="wide" aria-labelledby="retention-map-title"' in said


def test_the_browser_draws_and_saves_it(store: MetricStore, browser: Any) -> None:
    """A bar per recipient, nothing in the console, and exact ETH in the file that a click saves."""
    build(store)
    open_page(browser, store.folder.page)
    texts = browser.execute_script(
        "return [...document.querySelectorAll('[data-id=fee-recipients-blocks] svg .role-mark.mark-text text')]"
        ".map((each) => each.textContent)"
    )
    assert texts == ["3 (50.0%)", "2 (33.3%)", "1 (16.7%)"]
    assert browser.get_log("browser") == []
    browser.find_element("css selector", f"#fee-recipients figure a[data-csv={FEE_RECIPIENTS}]").click()
    target = browser.downloads / f"{FEE_RECIPIENTS}.csv"
    wait_for(target.exists)
    with target.open(newline="") as handle:
        saved = list(csv.DictReader(handle))
    assert [row["fee_recipient"].lower() for row in saved] == [address(name) for name in "abc"]
    assert saved[1]["net_increase_eth"] == "99999999999.000000000000000007"

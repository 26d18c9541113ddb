"""Lists that never end, times of the far future and fees out of range: the day fails in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest

from stx_pipelines.chains.errors import MalformedAnswer, ProofError
from stx_pipelines.chains.stacks import BurnBlock, Cursor, Page, WindowPage
from stx_pipelines.chains.stacks_answers import parse_page
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.store.summaries import summarize
from stx_pipelines.sync.stacks.clock import refuse_future
from stx_pipelines_tests.world import FIRST_DAY, World, make_chain

MakeWorld = Callable[..., World]
NOW = datetime(2026, 9, 3, 12, tzinfo=UTC)
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


def test_pages_that_never_end_fail_their_day(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page has new transactions, and its next page is the same block again."""
    world = make_world(make_chain(1, 12))
    page_of, asked = StacksApi.page, 0

    def endless(api: StacksApi, cursor: Cursor) -> Page:
        nonlocal asked
        asked += 1
        page = page_of(api, Cursor.top_of(cursor.height))
        rows = [msgspec.structs.replace(row, tx_id=f"0x{asked * 1000 + n:064x}") for n, row in enumerate(page.rows)]
        return Page(rows, Cursor.top_of(cursor.height))

    monkeypatch.setattr(StacksApi, "page", endless)
    assert "transactions, but" in world.failed([FIRST_DAY])[FIRST_DAY]
    assert asked < 100
    assert world.certificates() == {}


def test_a_window_that_always_grows_fails_its_day(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(make_chain(1, 12), Knobs(v3_missing=True))
    page_of, asked = StacksApi.window_page, 0

    def endless(api: StacksApi, start: int, end: int, offset: int) -> WindowPage:
        nonlocal asked
        asked += 1
        page = page_of(api, start, end, 0)
        return WindowPage(page.rows, page.total + offset + 50)

    monkeypatch.setattr(StacksApi, "window_page", endless)
    assert FIRST_DAY in world.failed([FIRST_DAY])
    assert asked < 100


def burn_at(time: datetime) -> BurnBlock:
    return BurnBlock(int(time.timestamp()), "0x" + "0" * 64, 7, (), 0)


@pytest.mark.parametrize("hours", [2.1, 24 * 365 * 7000])
def test_a_burn_block_of_the_future_is_refused(hours: float) -> None:
    date = NOW.strftime(HTTP_DATE)
    refuse_future([burn_at(NOW + timedelta(hours=2))], NOW, date)
    with pytest.raises(ProofError, match=r"burn block 7 has the time \d+, more than two hours from now$"):
        refuse_future([burn_at(NOW + timedelta(hours=hours))], NOW, date)


@pytest.mark.parametrize("date", ["", "soon"])
def test_without_the_servers_time_only_our_clock_counts(date: str) -> None:
    with pytest.raises(ProofError, match=r"two hours from now$"):
        refuse_future([burn_at(NOW + timedelta(hours=3))], NOW, date)


def test_a_clock_that_is_behind_refuses_nothing_and_one_that_differs_is_named() -> None:
    server = (NOW + timedelta(days=1)).strftime(HTTP_DATE)
    refuse_future([burn_at(NOW + timedelta(days=1, hours=1))], NOW, server)
    with pytest.raises(ProofError, match=r"check the clock of this machine: it shows 2026-09-03 12:00 UTC, the server"):
        refuse_future([burn_at(NOW + timedelta(days=2))], NOW, server)


def test_a_list_with_a_burn_block_of_the_year_9999_fails_its_days(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(make_chain(1, 12))
    list_of = StacksApi.burn_blocks
    late = datetime(9999, 12, 30, tzinfo=UTC)

    def lying(api: StacksApi, offset: int) -> list[BurnBlock]:
        newest, *others = list_of(api, offset)
        return [msgspec.structs.replace(newest, burn_block_time=int(late.timestamp())), *others]

    monkeypatch.setattr(StacksApi, "burn_blocks", lying)
    assert "more than two hours from now" in world.failed([FIRST_DAY])[FIRST_DAY]


@pytest.mark.parametrize(("fee", "is_possible"), [(0, True), (2**63 - 1, True), (2**63, False), (10**19, False)])
def test_fees_are_of_63_bits(make_world: MakeWorld, fee: int, is_possible: bool) -> None:
    world = make_world(make_chain(1, 12))
    tip = world.chain.tip
    rows = list(world.chain.rows)
    position = next(n for n, tx in enumerate(rows) if tx.block_height == tip.height)
    world.chain.rows[position] = replace(rows[position], fee_ustx=fee)
    bodies: list[bytes] = []

    def keep(body: bytes) -> object:
        bodies.append(body)
        return body

    cursor = Cursor.top_of(tip.height)
    world.open_sync().client.http.get("/extended/v3/transactions", keep, params={"limit": 50, "cursor": str(cursor)})
    if is_possible:
        assert fee in {tx.fee_ustx for tx in parse_page(bodies[0], cursor).rows}
    else:
        with pytest.raises(MalformedAnswer):
            parse_page(bodies[0], cursor)


def test_sums_of_fees_do_not_wrap() -> None:
    day = int(NOW.timestamp())
    most = 2**63 - 1
    table = pa.table(
        {
            "burn_block_time": pa.array([day * 1_000_000] * 3, pa.timestamp("us", "UTC")),
            "tx_status": ["success"] * 3,
            "tx_type": ["coinbase"] * 3,
            "fee_ustx": pa.array([most] * 3, pa.int64()),
        }
    )
    assert summarize(table).fee_ustx == 3 * most

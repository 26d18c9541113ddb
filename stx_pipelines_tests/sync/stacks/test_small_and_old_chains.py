"""Chains with one burn block, days before Nakamoto, and looks that find nothing new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains import stacks_answers
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.stacks import WindowPage
from stx_pipelines.chains.stacks_answers import parse_window_page
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.sync.stacks.reader_count import MOST_READERS
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, soon

MakeWorld = Callable[..., World]
OLD = date(2024, 9, 1)
BY_SAMPLE = Knobs(burn_list_broken=True)


def test_a_chain_with_one_burn_block_is_a_chain(make_world: MakeWorld) -> None:
    minutes = 2
    while not (chain := make_chain(0, tip=soon(FIRST_DAY, minutes))).burn_blocks:
        minutes += 1
    assert len(chain.burn_blocks) == 1
    world = make_world(chain)
    certificate = world.stored([FIRST_DAY])[FIRST_DAY].certificate
    assert (certificate.state, certificate.seen) == ("open", 0)
    chain.grow(burn_blocks=3)
    world.stored([FIRST_DAY])
    world.assert_true([FIRST_DAY])


SERVERS = {"both": Knobs(), "no v3": Knobs(v3_missing=True), "no v1": Knobs(v1_gone=True), "sample": BY_SAMPLE}


@pytest.mark.parametrize("server", SERVERS)
def test_the_microblocks_of_an_old_day_are_all_exact_or_all_null(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture, server: str
) -> None:
    chain = make_chain(1, 12, first_day=OLD, microblocks=2)
    world = make_world(chain, SERVERS[server], stx_tip_age_minutes=0)
    certificate = world.stored([OLD])[OLD].certificate
    table = pq.read_table(world.data / "days" / "transactions" / f"{OLD}.parquet", partitioning=None)
    stored = dict(zip(*(table[name].to_pylist() for name in ("tx_id", "microblock_sequence")), strict=True))
    truth = {tx.tx_id: tx.microblock_sequence for tx in chain.transactions(OLD)}
    assert set(truth.values()) == {0, 1, 2_147_483_647}
    is_null = server == "no v1"
    assert stored == (dict.fromkeys(truth) if is_null else truth)
    assert ("microblock_sequence is NULL" in certificate.proof) is is_null
    assert [line for line in caplog.messages if line.startswith("no v1/tx on this server")][1:] == []
    if is_null:
        assert_shown("`no v1/tx on this server; microblock_sequence before 2024-10-29 is NULL`", caplog.text)
    elif server == "no v3":
        assert_shown("`no v3/transactions on this server`", caplog.text)
    elif server == "sample":
        assert_shown("`burn blocks cannot be listed here`", caplog.text)
    assert world.devnet.stats.by_route["v1/tx"] <= MOST_READERS + 2 * len(truth) // 50


def test_a_row_that_v1_lacks_makes_the_microblocks_of_its_day_null(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(1, 12, first_day=OLD, microblocks=2)
    world = make_world(chain, stx_tip_age_minutes=0)
    lost, whole = chain.transactions(OLD)[7].tx_id, parse_window_page

    def without_it(body: bytes) -> WindowPage:
        page = whole(body)
        kept = [row for row in page.rows if row.tx_id != lost]
        return WindowPage(kept, page.total - len(page.rows) + len(kept))

    monkeypatch.setattr(stacks_answers, "parse_window_page", without_it)
    assert "microblock_sequence is NULL" in world.stored([OLD])[OLD].certificate.proof
    assert len(file_rows(world.data, OLD)) == len(chain.transactions(OLD))


def test_a_look_at_the_tip_that_finds_nothing_new_is_written_down(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    today = world.days[-1]
    world.now = at(today, 12)
    world.stored()
    world.now += timedelta(minutes=20)
    assert world.open_sync().check_tip() is False
    assert world.open_sync().store.warehouse.published("transactions").checked[today] == world.now
    world.chain.grow(burn_blocks=1)
    assert world.open_sync().check_tip() is True
    assert today - DAY == FIRST_DAY

"""Syncs of blocks: days are complete and linked up to the newest final block, and stored blocks are not read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.ethereum import Block
from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.clients.ethereum_rpc import EthereumRpc, Tag
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.sync.ethereum.blocks import BlocksSync
from stx_pipelines.sync.outcome import WrongChain
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    failed,
    fetched,
    file_rows,
    final_blocks,
    make_chain,
    make_sparse_chain,
    open_store,
    stored,
    table_rows,
)
from stx_pipelines_tests.world import FIRST_DAY, at, query

MakeEthereum = Callable[..., DevnetWorld]
SECOND = FIRST_DAY + DAY


def test_every_day_is_stored_newest_first_and_equals_the_chain(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    outcomes = world.blocks()
    assert fetched(outcomes) == world.days[::-1]
    assert [stored(outcomes)[day].certificate.state for day in world.days] == ["closed", "closed", "open"]
    world.assert_blocks()


@pytest.mark.parametrize("days", [1, 8])
def test_days_are_found_by_time_at_any_pace_of_blocks(make_ethereum: MakeEthereum, days: int) -> None:
    """The same number of blocks is spread over one day or eight, and each is read about once."""
    world = make_ethereum(make_chain(days, slot_seconds=days * 60, missed_share=0.3), batch_size=200)
    world.blocks(world.days[1:])
    assert world.calls() <= world.chain.latest.number + 100 * len(world.days)
    world.assert_blocks(world.days[1:])


def test_days_between_stored_ones_are_found_and_linked(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(4))
    for some in ([1, 3], [0, 4], [2]):
        stored(world.blocks([world.days[n] for n in some]))
    world.assert_blocks()


@pytest.mark.parametrize("at_zero", [True, False])
def test_block_0_belongs_to_the_day_of_its_time(make_ethereum: MakeEthereum, at_zero: bool) -> None:
    """Block 0 of Ethereum's main network has a time in 1970, so no wanted day has it."""
    world = make_ethereum(make_chain(1, genesis_timestamp_zero=at_zero))
    stored(world.blocks())
    assert file_rows(world.data, "blocks", FIRST_DAY)[0][0] == (1 if at_zero else 0)
    world.assert_blocks()


def test_blocks_before_london_have_no_base_fee(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, london_number=100))
    stored(world.blocks())
    assert query(world.data, "SELECT count(*) FROM blocks WHERE base_fee_per_gas IS NULL") == [(100,)]
    world.assert_blocks()


def test_nothing_new_costs_at_most_6_calls(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.calls()
    assert fetched(world.blocks()) == []
    assert world.calls() <= 6


def test_closed_days_cost_no_call(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.calls()
    assert set(stored(world.blocks(world.days[:-1]))) == set(world.days[:-1])
    assert world.calls() == 0


def test_only_new_blocks_of_an_open_day_are_read(make_stored: MakeEthereum) -> None:
    world = make_stored()
    world.chain.grow(20)
    world.calls()
    assert fetched(world.blocks()) == [world.days[-1]]
    assert world.calls() <= 20 + 6
    world.assert_blocks()


def test_a_day_closes_when_a_block_of_the_next_is_final(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, 22))
    stored(world.blocks())
    while world.chain.latest.timestamp < at(SECOND + DAY).timestamp():
        world.chain.grow(1)
    assert stored(world.blocks([SECOND]))[SECOND].certificate.state == "open"
    world.chain.grow(12)
    world.calls()
    assert stored(world.blocks())[SECOND].certificate.state == "closed"
    assert world.calls() <= 150
    world.assert_blocks()


def test_today_before_its_first_final_block_is_open_and_empty(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(2, 0, 50))
    certificate = stored(world.blocks())[world.days[-1]].certificate
    assert (certificate.state, certificate.seen, certificate.last_hash) == ("open", 0, None)
    world.assert_blocks()
    world.chain.grow(30)
    stored(world.blocks())
    world.assert_blocks()


def test_a_day_without_a_block_is_a_certified_empty_day(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_sparse_chain())
    outcomes = stored(world.blocks())
    for day in (world.days[n - 1] for n in (2, 3, 5)):
        assert (outcomes[day].certificate.state, outcomes[day].certificate.seen) == ("closed", 0)
    world.assert_blocks()


def test_a_day_that_has_not_begun_is_not_certified_closed(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1))
    tomorrow = world.days[-1] + DAY
    world.blocks([*world.days, tomorrow])
    known = world.certificates().get(tomorrow)
    assert known is None or (known.state, known.seen) == ("open", 0)
    world.chain.grow(150)
    stored(world.blocks())
    world.assert_blocks()


@pytest.mark.parametrize("at_zero", [True, False])
def test_days_before_the_first_fail_in_one_sentence_and_the_others_are_stored(
    make_ethereum: MakeEthereum, at_zero: bool
) -> None:
    world = make_ethereum(make_chain(1, genesis_timestamp_zero=at_zero))
    early = [date(2015, 7, 29), FIRST_DAY - DAY]
    refused = failed(world.blocks([*early, FIRST_DAY]))
    assert refused == {day: f"{day} is before the chain's first day, {FIRST_DAY}" for day in early}
    world.assert_blocks([FIRST_DAY])


def test_force_reads_the_chosen_days_again_and_touches_no_other(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    world.now = at(world.days[-1], 12)
    world.blocks()
    before = world.certificates()
    world.calls()
    world.now = at(world.days[-1], 13)
    assert fetched(world.blocks([SECOND], force=True)) == [SECOND]
    assert 144 <= world.calls() <= 144 + 10
    assert [day for day, known in world.certificates().items() if known != before[day]] == [SECOND]
    world.assert_blocks()


def test_a_damaged_day_file_is_read_again(make_stored: MakeEthereum) -> None:
    """A closed day's file is replaced, and an open day's rows are changed."""
    world = make_stored()
    folder = world.data / "days" / "blocks"
    (folder / f"{SECOND}.parquet").write_bytes(b"not a day file")
    _spoil_rows(world, world.days[-1])
    world.chain.grow(1)
    assert fetched(world.blocks()) == [world.days[-1], SECOND]
    world.assert_blocks()


def _spoil_rows(world: DevnetWorld, day: date, dataset: str = "blocks") -> None:
    """Flip a bit in the rows. The certificate at the end of the file stays readable."""
    path = world.data / "days" / dataset / f"{day}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def test_a_reorg_is_repaired_although_day_files_are_damaged(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(2, 3))
    world.blocks()
    for day in world.days[1:]:
        _spoil_rows(world, day)
    world.chain.reorg(100)
    stored(world.blocks())
    world.assert_blocks()


def test_another_chain_is_refused_in_one_sentence_and_nothing_is_written(make_ethereum: MakeEthereum) -> None:
    """The other chains have another genesis block, or the same one and another chain id."""
    first = make_ethereum(make_chain(1))
    first.blocks()
    before = {path: path.read_bytes() for path in first.data.rglob("*") if path.is_file()}
    for other in (
        make_ethereum(make_chain(1, seed=2), data=first.data),
        make_ethereum(make_chain(1, chain_id=5), data=first.data),
        make_ethereum(make_chain(1), EthereumKnobs(chain_id=11), data=first.data),
    ):
        for attempt in (other.blocks, other.balances):
            with pytest.raises(WrongChain, match=r"serves the chain .* holds .* STX_DATA_DIR") as refused:
                attempt()
            assert "\n" not in str(refused.value)
        with pytest.raises(WrongChain):
            other.blocks([FIRST_DAY], force=True)
    assert {path: path.read_bytes() for path in first.data.rglob("*.parquet")} == {
        path: content for path, content in before.items() if path.suffix == ".parquet"
    }
    first.assert_blocks()


def test_a_first_response_that_is_null_does_not_change_the_chains_first_day(make_ethereum: MakeEthereum) -> None:
    """The identity is saved permanently, so one response without block 1 must not decide it."""
    world = make_ethereum(make_chain(1, genesis_timestamp_zero=True))

    def spoil(calls: list[Call]) -> None:
        """Respond with null, once, to the request after that of block 0."""
        if [call.params for call in calls] == [["0x0", False]]:
            world.knobs.faults, world.knobs.faults_left = {"null": 1.0}, 1

    world.knobs.on_request = spoil
    stored(world.blocks())
    assert world.devnet.ethereum_stats.by_fault["null"] == 1
    assert list(failed(world.blocks([FIRST_DAY - DAY]))) == [FIRST_DAY - DAY]
    world.assert_blocks()


def test_a_node_without_a_final_block_says_so(make_ethereum: MakeEthereum) -> None:
    """A chain of block 0 alone has no first day. Once it has grown, it can be synced."""
    chain = make_chain(0, 1)
    del chain.blocks[1:]
    world = make_ethereum(chain)
    with pytest.raises(ApiError, match="names no finalized block"):
        world.sync([FIRST_DAY - DAY])
    assert not list(world.data.rglob("*.parquet"))
    chain.grow(30)
    stored(world.blocks())
    world.assert_blocks()


def test_a_node_that_dropped_its_old_blocks_changes_nothing(
    make_ethereum: MakeEthereum, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A chain has a block at every height below its newest. Null means that the node dropped it."""
    world = make_ethereum(make_chain(4))
    older = world.days[:2]
    stored(world.blocks(older))
    before = {day: world.certificates(BLOCKS)[day] for day in older}
    ask = EthereumRpc.block

    def drop(self: EthereumRpc, which: int | Tag) -> Block | None:
        return None if isinstance(which, int) and 0 < which < 300 else ask(self, which)

    monkeypatch.setattr(EthereumRpc, "block", drop)
    stored(world.blocks(world.days[3:]))
    assert {day: world.certificates(BLOCKS)[day] for day in older} == before
    assert "no longer has block 284: 2026-09-02 is taken to be unchanged" in caplog.text
    assert_shown("`... no longer has block ...`", caplog.text)


def stale_sync(world: DevnetWorld, now: datetime) -> BlocksSync:
    sync = world.blocks_sync()
    sync.tip_age, sync.clock = timedelta(hours=6), lambda: now
    return sync


def test_a_stale_node_is_logged_and_later_days_are_not_stored(
    make_ethereum: MakeEthereum, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_ethereum(make_chain(1))
    newest, tomorrow = world.days[-1], world.days[-1] + DAY
    now = at(newest, 17)
    outcomes = list(stale_sync(world, now).sync([*world.days, tomorrow, tomorrow + DAY]))
    late = failed(outcomes)
    assert list(late) == [tomorrow + DAY, tomorrow]
    assert all("the server's newest block is of 2026-09-02 10:20 UTC, 6 h 40 min old" in one for one in late.values())
    assert "nothing to do here" in caplog.text
    assert world.blocks_sync().store.attempts.all() == {}
    world.assert_blocks()
    published = open_store(world.data, BLOCKS).warehouse.published(BLOCKS)
    assert (published.tip_time, published.tip_seen) == (at(newest, 10, 20), now)
    caplog.clear()
    world.chain.grow(150)
    now = at(tomorrow, 13)
    assert set(stored(stale_sync(world, now).sync([*world.days, tomorrow]))) == {*world.days, tomorrow}
    assert "nothing to do here" not in caplog.text
    world.assert_blocks()


def test_a_day_stored_before_the_node_became_stale_is_compared_as_usual(make_ethereum: MakeEthereum) -> None:
    """At midnight the node is fresh, so the new day is stored without rows. Then the node becomes stale."""
    world = make_ethereum(make_chain(1, 23, 50))
    tomorrow = world.days[-1] + DAY
    for hour in (0, 9):
        outcomes = stored(stale_sync(world, at(tomorrow, hour, 5)).sync([tomorrow]))
        assert (outcomes[tomorrow].certificate.state, outcomes[tomorrow].certificate.seen) == ("open", 0)


def test_a_node_that_is_not_there_is_unreachable_and_nothing_is_written(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1), EthereumKnobs(faults={"http_503": 1.0}), attempts=2)
    for attempt in (world.blocks, world.balances):
        with pytest.raises(Unreachable, match="2 attempts: HTTP 503"):
            attempt()
    assert not list(world.data.rglob("*"))


def test_a_failed_day_is_noted_until_it_is_stored(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain())
    tampered = final_blocks(world.chain, SECOND)[70].number
    right = world.chain.blocks[tampered]
    world.chain.blocks[tampered] = right._replace(parent_hash=right.hash)
    refused = failed(world.blocks())
    assert list(refused) == [SECOND]
    assert f"block {tampered} does not name block {tampered - 1} as its parent" in refused[SECOND]
    assert world.blocks_sync().store.attempts.all()[SECOND].count == 1
    world.assert_blocks([day for day in world.days if day != SECOND])
    world.chain.blocks[tampered] = right
    stored(world.blocks())
    assert world.blocks_sync().store.attempts.all() == {}
    world.assert_blocks()


def test_a_query_returns_the_blocks_of_one_fee_recipient(make_stored: MakeEthereum) -> None:
    """The query needs only the table. Addresses are in lower case."""
    world = make_stored()
    miner = world.chain.blocks[50].miner
    own = [block.number for day in world.days for block in final_blocks(world.chain, day) if block.miner == miner]
    assert query(world.data, f"SELECT number FROM blocks WHERE miner = '{miner}' ORDER BY 1") == [(n,) for n in own]
    assert len(table_rows(world.data, "blocks")) > len(own) > 5

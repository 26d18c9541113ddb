"""Days that cannot be proved are named and not stored, and the other days are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.project import Project
from stx_pipelines.sync.outcome import WrongChain
from stx_pipelines.sync.stacks.sync import open_stacks
from stx_pipelines_tests.world import FIRST_DAY, World, at, file_rows, make_chain, query, table_rows, table_truth

MakeWorld = Callable[..., World]
SECOND = FIRST_DAY + timedelta(days=1)


def rare_transaction(world: World, day: date) -> tuple[str, int]:
    """Return the id and the burn block of a transaction in the middle of the day."""
    txs = world.chain.transactions(day)
    tx = txs[len(txs) // 2]
    return tx.tx_id, tx.burn_block_height


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_a_day_with_a_hidden_transaction_is_not_published(make_world: MakeWorld, v3_missing: bool) -> None:
    world = make_world(make_chain(3, 12), Knobs(v3_missing=v3_missing))
    hidden, burn_height = rare_transaction(world, SECOND)
    world.knobs.hidden_transactions = {hidden}
    failed = world.failed()
    assert list(failed) == [SECOND]
    if not v3_missing:  # v1 reports how many rows a window has, so they are missed before burn blocks are counted
        assert str(burn_height) in failed[SECOND]
    assert not (world.data / "days" / "transactions" / f"{SECOND}.parquet").exists()
    others = [day for day in world.days if day != SECOND]
    assert table_rows(world.data) == table_truth(world.chain, others)


def test_a_failed_day_is_stored_once_the_server_is_right_and_only_it_is_fetched(make_world: MakeWorld) -> None:
    world = make_world(make_chain(5, 12))
    world.knobs.hidden_transactions = {rare_transaction(world, SECOND)[0]}
    world.failed()
    world.knobs.hidden_transactions = set()
    world.requests()
    stored = world.stored()
    assert {day for day, one in stored.items() if one.fetched} <= {SECOND, world.days[-1]}
    assert world.requests() <= 29
    world.assert_true()


def test_a_closed_day_with_damaged_rows_that_the_table_lacks_is_read_again(make_world: MakeWorld) -> None:
    """A day that is reported as stored has its file."""
    world = make_world(make_chain(2, 12))
    world.stored()
    (world.data / "warehouse.duckdb").unlink()
    path = world.data / "days/transactions" / f"{SECOND}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert world.stored()[SECOND].fetched
    assert path.with_suffix(".damaged").exists()
    world.assert_true()


def test_a_hidden_transaction_is_noticed_at_every_place(make_world: MakeWorld) -> None:
    """The places are the first and the last of the day and of a burn block, and a whole burn block."""
    world = make_world(make_chain(2, 12))
    rows = world.chain.transactions(SECOND)
    burn = [tx.tx_id for tx in rows if tx.burn_block_height == rows[40].burn_block_height]
    for hidden in ([rows[0].tx_id], [rows[-1].tx_id], [burn[0]], [burn[-1]], burn):
        world.knobs.hidden_transactions = set(hidden)
        assert list(world.failed([SECOND])) == [SECOND]
    world.knobs.hidden_transactions = set()
    world.stored()


def test_a_wrong_count_is_refused_and_its_burn_block_named(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12))
    heights = sorted({tx.burn_block_height for tx in world.chain.transactions(SECOND)})[10:13]
    world.knobs.wrong_counts = set(heights)
    failed = world.failed()
    assert list(failed) == [SECOND]
    assert all(str(height) in failed[SECOND] for height in heights)


def test_the_burn_blocks_of_a_day_that_differ_are_read_again_once(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12, transactions_per_day=3000))
    hidden, _ = rare_transaction(world, SECOND)
    world.knobs.hidden_transactions = {hidden}
    asked = 0

    def heal(path: str) -> None:
        nonlocal asked
        asked += path.startswith("/extended/v3/transactions")
        if asked == 61:  # the day has 60 pages, so it was read once
            world.knobs.hidden_transactions = set()

    world.knobs.on_request = heal
    certificate = world.stored([SECOND])[SECOND].certificate
    assert file_rows(world.data, SECOND)
    assert certificate.expected == certificate.seen == len(world.chain.transactions(SECOND))
    assert world.requests() <= 60 + 25


def test_a_day_before_the_chains_first_is_refused_in_one_sentence(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12))
    early = FIRST_DAY - timedelta(days=1)
    failed = world.failed([early, FIRST_DAY])
    assert list(failed) == [early]
    assert str(early) in failed[early]
    assert str(FIRST_DAY) in failed[early]
    assert table_rows(world.data) == table_truth(world.chain, [FIRST_DAY])


def test_a_server_that_is_no_hiro_api_is_named_as_such(make_world: MakeWorld, tmp_path: Path) -> None:
    """The message does not name STX_FIRST_DAY, which would not help."""
    elsewhere = make_world(make_chain(1, 1), data=tmp_path / "data")
    settings = elsewhere.settings().model_copy(update={"hiro_api_url": f"{elsewhere.devnet.url}/v9"})
    with pytest.raises(ApiError, match=r"/v9 is not a Hiro API for Stacks: check HIRO_API_URL"):
        list(open_stacks(Project(settings)).sync(elsewhere.days))
    assert not list((tmp_path / "data").rglob("*.parquet"))


@pytest.mark.parametrize("knobs", [{}, {"burn_list_broken": True}, {"v3_missing": True}], ids=["v3", "sample", "v1"])
def test_the_chains_first_day_is_stored(make_world: MakeWorld, knobs: dict[str, bool]) -> None:
    world = make_world(make_chain(1, 12), Knobs(**knobs))
    world.stored([FIRST_DAY])
    world.assert_true([FIRST_DAY])


def test_a_day_without_burn_blocks_is_a_certified_empty_day(make_world: MakeWorld) -> None:
    """With about one burn block a day, some days have none."""
    chain = make_chain(16, 12, burn_blocks_per_day=1, transactions_per_day=20, seed=3)
    world = make_world(chain)
    empty = [day for day in world.days[:-8] if not chain.transactions(day)]
    assert empty
    stored = world.stored()
    for day in empty:
        certificate = stored[day].certificate
        if not [burn for burn in chain.burn_blocks if at(day).timestamp() <= burn.time < at(day).timestamp() + 86_400]:
            assert certificate.proof == "no burn block in the day, enclosed by burn blocks on both sides"
        assert (certificate.expected, certificate.seen, certificate.first_height) == (0, 0, None)
        assert certificate.state == "closed"
    world.assert_true()
    [(rows,)] = query(world.data, f"SELECT count(*) FROM coverage WHERE day = '{empty[0]}' AND row_count = 0")
    assert rows == 1


def test_a_future_day_of_the_chain_is_not_certified_closed(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12))
    tomorrow = world.days[-1] + timedelta(days=1)
    world.sync([tomorrow])
    known = world.certificates().get(tomorrow)
    assert known is None or (known.state, known.seen) == ("open", 0)


def test_force_reads_the_chosen_days_again_and_touches_no_other(make_world: MakeWorld) -> None:
    world = make_world(make_chain(4, 12))
    world.now = at(world.days[-1], 12)
    world.stored()
    before = {day: (world.data / "days/transactions" / f"{day}.parquet").read_bytes() for day in world.days}
    ingested = query(world.data, "SELECT tx_id, ingested_at FROM transactions ORDER BY ALL")
    world.requests()
    world.now = at(world.days[-1], 13)
    stored = world.stored([SECOND], force=True)
    assert list(stored) == [SECOND]
    assert stored[SECOND].fetched
    assert 0 < world.requests() <= 8 + 3 + 7 + 4  # pages; the chain's beginning; an open day to compare; the tip
    after = {day: (world.data / "days/transactions" / f"{day}.parquet").read_bytes() for day in world.days}
    assert [day for day in world.days if after[day] != before[day]] == [SECOND]
    changed = set(query(world.data, "SELECT tx_id, ingested_at FROM transactions ORDER BY ALL")) - set(ingested)
    assert {tx_id for tx_id, _ in changed} == {row[0] for row in table_truth(world.chain, [SECOND])}
    world.assert_true()


def test_another_chain_is_refused_in_one_sentence_and_nothing_is_written(make_world: MakeWorld) -> None:
    first = make_world(make_chain(2, 12))
    first.stored()
    before = {path: path.read_bytes() for path in first.data.rglob("*.parquet")}
    rows = table_rows(first.data)
    other = make_world(make_chain(2, 12, seed=2), data=first.data)
    with pytest.raises(WrongChain, match="serves another chain") as refused:
        other.sync()
    assert "\n" not in str(refused.value)
    assert {path: path.read_bytes() for path in first.data.rglob("*.parquet")} == before
    assert table_rows(first.data) == rows
    first.stored()
    first.assert_true()


def test_another_chain_is_refused_before_any_day_is_stored(make_world: MakeWorld) -> None:
    first = make_world(make_chain(1, 12))
    first.open_sync().identity()
    other = make_world(make_chain(1, 12, seed=2), data=first.data)
    with pytest.raises(WrongChain):
        other.sync()


def test_another_chain_is_refused_with_force_too(make_world: MakeWorld) -> None:
    first = make_world(make_chain(1, 12))
    first.stored()
    other = make_world(make_chain(1, 12, seed=2), data=first.data)
    with pytest.raises(WrongChain):
        other.sync([FIRST_DAY], force=True)
    first.assert_true()


def test_a_server_without_block_1_needs_the_first_day_it_has(make_world: MakeWorld) -> None:
    chain = make_chain(3, 12, first_height=5_000)
    with pytest.raises(WrongChain, match="STX_FIRST_DAY"):
        make_world(chain).sync()
    world = make_world(chain, stx_first_day=SECOND)
    assert SECOND - timedelta(days=1) in world.failed()
    world.assert_true(world.days[1:])


def test_a_first_day_before_the_servers_history_is_refused(make_world: MakeWorld) -> None:
    early = FIRST_DAY - timedelta(days=30)
    world = make_world(make_chain(1, 12, first_height=5_000), stx_first_day=early)
    with pytest.raises(WrongChain, match="STX_FIRST_DAY"):
        world.sync([FIRST_DAY])


def test_a_server_that_is_not_there_is_unreachable_and_nothing_is_written(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12), hiro_attempts=2)
    world.knobs.fault_rate, world.knobs.fault_kinds = 1.0, ("503",)
    with pytest.raises(Unreachable, match="2 attempts"):
        world.sync()
    assert not list(world.data.rglob("*.parquet"))


def test_a_server_without_both_routes_is_named_in_one_sentence(make_world: MakeWorld) -> None:
    world = make_world(make_chain(1, 12), Knobs(v3_missing=True, v1_gone=True))
    results = world.sync([FIRST_DAY])
    [error] = [result.error for result in results if hasattr(result, "error")]
    assert isinstance(error, ApiError)
    assert "does not offer transactions through v3 or v1" in str(error)


@pytest.mark.parametrize("v3_missing", [False, True], ids=["v3", "v1"])
def test_before_nakamoto_the_proof_is_by_counts_only_and_the_certificate_says_so(
    make_world: MakeWorld, v3_missing: bool
) -> None:
    first_day = date(2024, 2, 1)
    world = make_world(make_chain(2, 12, first_day=first_day), Knobs(v3_missing=v3_missing))
    stored = world.stored()
    assert {one.certificate.proof for one in stored.values()} == {"counts only (microblocks)"}
    for day in world.days:
        assert len(file_rows(world.data, day)) == stored[day].certificate.expected
    [(known, unknown)] = query(
        world.data,
        "SELECT count(*) FILTER (microblock_sequence = 2147483647), count(*) FILTER (microblock_sequence IS NULL) "
        "FROM transactions",
    )
    assert (known > 0, unknown) == (True, 0)


def test_a_hidden_transaction_is_noticed_before_nakamoto_too(make_world: MakeWorld) -> None:
    first_day = date(2024, 2, 1)
    world = make_world(make_chain(1, 12, first_day=first_day))
    world.knobs.hidden_transactions = {rare_transaction(world, first_day)[0]}
    assert list(world.failed([first_day])) == [first_day]


def test_the_days_before_and_after_nakamoto_have_their_own_proofs(make_world: MakeWorld) -> None:
    world = make_world(make_chain(2, 12, first_day=date(2024, 10, 28)))
    proofs = [one.certificate.proof for _, one in sorted(world.stored().items())]
    assert proofs[0].startswith("counts only (microblocks)")
    assert "counts only" not in proofs[1] + proofs[2]
    assert query(world.data, "SELECT count(*) FROM transactions WHERE microblock_sequence IS NULL") == [(0,)]

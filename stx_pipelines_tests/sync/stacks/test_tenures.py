"""Closed days are proved by the bytes of their blocks: a false row is refused, and a node that cannot help is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import ceil
from random import Random

import msgspec
import pytest

from stx_pipelines.chains.days import day_of
from stx_pipelines.chains.evidence import Round
from stx_pipelines.chains.tenure_proof import TenureFault
from stx_pipelines.devnet.stacks.chain import StacksBlock, StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.sync.stacks.sync import StacksSync
from stx_pipelines_tests.world import FIRST_DAY, World, at, failed, make_chain

MakeWorld = Callable[..., World]
SECOND = FIRST_DAY + timedelta(days=1)
CHANGES = {
    "a missing transaction": {},
    "a wrong fee": {"fee_ustx": 1},
    "a wrong sender": {"sender_address": "SP000000000000000000002Q6VF78"},
    "a wrong type": {"tx_type": "coinbase"},
    "a wrong nonce": {"nonce": 99_999},
}


def small_chain(days: int = 2, **options: object) -> StacksChain:
    return make_chain(days, 12, **{"burn_blocks_per_day": 24, "transactions_per_day": 240, **options})


def users_transaction(chain: StacksChain, burn_height: int | None = None) -> tuple[str, int]:
    """Return the id and the height of a successful transaction of a user in the second day."""
    found = next(
        tx
        for tx in chain.transactions(SECOND)[60:]
        if tx.tx_type == "token_transfer" and tx.tx_status == "success" and burn_height in (None, tx.burn_block_height)
    )
    return found.tx_id, found.block_height


def evidence(world: World) -> dict[str, frozenset[int]]:
    store = world.store("transactions")
    return {str(day): store.evidence.of(known) for day, known in world.certificates().items()}


@pytest.mark.parametrize("change", CHANGES)
def test_a_false_row_is_refused_by_the_full_proof_and_named(make_world: MakeWorld, change: str) -> None:
    """Counts and pages agree with each other, so only the hashes show it."""
    world = make_world(small_chain(), stx_proof="full")
    tx_id, height = users_transaction(world.chain)
    world.chain.falsify(tx_id, **CHANGES[change])
    reasons = world.failed()
    assert list(reasons) == [SECOND]
    assert f"Stacks block {height} " in reasons[SECOND]
    assert tx_id in reasons[SECOND]
    assert SECOND in world.store("transactions").attempts.all()
    counted = make_world(world.chain, stx_proof="counts")
    assert SECOND in counted.stored()


def lose(world: World, block: StacksBlock) -> str:
    """Remove all rows of a block from pages and counts; return the id of its first transaction."""
    for tx in block.transactions:
        world.chain.falsify(tx.tx_id)
    return block.transactions[0].tx_id


PLACES = {
    "the newest block of a burn block": lambda burns: burns[8].blocks[-1:],
    "the lowest block of a burn block": lambda burns: burns[8].blocks[:1],
    "a whole burn block": lambda burns: burns[8].blocks,
    "the newest block of the day": lambda burns: burns[-1].blocks[-1:],
}


@pytest.mark.parametrize("place", PLACES)
def test_lost_blocks_are_named_by_the_full_proof(make_world: MakeWorld, place: str) -> None:
    """Rows, counts and numbering agree without them."""
    world = make_world(small_chain(3), stx_proof="full")
    own = [burn for burn in world.chain.burn_blocks if day_of(burn.time) == SECOND and burn.tx_count > 3]
    busy = [burn for burn in own if len(burn.blocks) > 1]
    lost = [block for block in PLACES[place](busy) if block.transactions]
    named = [lose(world, block) for block in lost]
    reasons = world.failed()
    assert list(reasons) == [SECOND]
    assert any(tx_id in reasons[SECOND] for tx_id in named) or f"block {lost[-1].height} " in reasons[SECOND]


def test_a_fault_in_every_tenure_is_refused_by_a_sample_at_once(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), stx_proof="sample")
    burns = {tx.burn_block_height: tx.tx_id for tx in world.chain.transactions(SECOND) if tx.tx_type == "coinbase"}
    for tx_id in burns.values():
        world.chain.falsify(tx_id, fee_ustx=5)
    assert list(world.failed()) == [SECOND]


def test_a_sample_has_the_oldest_the_newest_and_random_others(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), stx_proof="sample", stx_proof_tenures=4)
    world.stored()
    burns = sorted({tx.burn_block_height for tx in world.chain.transactions(SECOND)})
    known = evidence(world)[str(SECOND)]
    assert len(known) == 4
    assert {burns[0], burns[-1]} <= known <= set(burns)
    assert "4 of" in world.certificates()[SECOND].proof
    again = make_world(world.chain, stx_proof="sample", stx_proof_tenures=8)
    again.stored()
    other = make_world(world.chain, stx_proof="sample", stx_proof_tenures=8)
    other.stored()
    assert evidence(again) != evidence(other)


def test_draws_without_repetition_find_a_single_fault(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), stx_proof="counts")
    tx_id, _ = users_transaction(world.chain)
    world.chain.falsify(tx_id)
    world.stored()
    sync = with_mode(world, "sample", Random(1))
    assert sync.tenures is not None
    certificate = world.certificates()[SECOND]
    rows = sync.store.rows(SECOND)
    proofs, known = sync.tenures, set[int]()

    def draw() -> None:
        for _ in range(ceil(len({row.burn_block_height for row in rows}) / 5)):
            proof = proofs.prove(rows, certificate, known)
            assert proof.round is not None
            assert known.isdisjoint(proof.round.burn_blocks)
            known.update(proof.round.burn_blocks)

    with pytest.raises(TenureFault, match=tx_id):
        draw()


def with_mode(world: World, mode: str, chance: Random) -> StacksSync:
    sync = world.open_sync()
    assert sync.tenures is not None
    sync.tenures.mode, sync.tenures.random = mode, chance  # type: ignore[assignment]
    return sync


def test_there_are_no_false_alarms_with_growth_and_reorgs(make_world: MakeWorld) -> None:
    chain = small_chain(6)
    world = make_world(chain, stx_proof="full")
    for step in range(6):
        world.stored()
        chain.reorg(burn_blocks=2 + step)
        chain.grow(burn_blocks=9)
    world.stored()
    world.assert_true()
    closed = {str(day): known for day, known in world.certificates().items() if known.is_closed}
    assert len(closed) > 5
    for day, known in closed.items():
        busy = {tx.burn_block_height for tx in chain.transactions(known.day)} - {chain.burn_blocks[0].height}
        assert evidence(world)[day] == busy


@pytest.mark.parametrize("mode", ["sample", "full"])
@pytest.mark.parametrize(
    ("knobs", "spec"),
    [({"node_missing": True}, {}), ({}, {"header_version": 2})],
    ids=["no routes", "version 2"],
)
def test_a_node_that_cannot_help_fails_no_day(
    make_world: MakeWorld, mode: str, knobs: dict[str, bool], spec: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(small_chain(4, **spec), Knobs(**knobs), stx_proof=mode)
    world.stored()
    world.assert_true()
    assert not any(evidence(world).values())
    said = [record.getMessage() for record in caplog.records if "proved by counts" in record.getMessage()]
    assert len(said) == 1
    assert all("by the hashes" not in known.proof for known in world.certificates().values())


def test_a_tenure_that_ends_early_is_continued_at_its_last_parent(make_world: MakeWorld) -> None:
    """A node ends a tenure at 16 MiB. A stream that was cut between two blocks looks the same."""
    world = make_world(small_chain(), Knobs(tenure_bytes=3_000), stx_proof="full")
    world.stored()
    assert len(evidence(world)[str(SECOND)]) >= 20


@pytest.mark.parametrize("bit", range(3, 8 * 206, 301))
def test_spoiled_bytes_are_no_proof(make_world: MakeWorld, bit: int) -> None:
    world = make_world(small_chain(), Knobs(tenure_flipped_bit=bit), stx_proof="full")
    outcomes = world.sync()
    assert not any(evidence(world).values())
    for reason in failed(outcomes).values():
        assert "Stacks block" in reason


def test_the_bytes_of_another_block_are_a_fault(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), Knobs(tenure_of_parent=True), stx_proof="sample")
    assert "by its bytes, not" in world.failed()[SECOND]


def test_evidence_is_void_when_the_day_is_written_with_other_rows(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), stx_proof="sample")
    world.stored()
    before = evidence(world)[str(SECOND)]
    world.stored([SECOND], force=True)
    assert evidence(world)[str(SECOND)] >= before
    store = world.store("transactions")
    other = msgspec.structs.replace(world.certificates()[SECOND], rows_digest="other")
    assert store.evidence.of(other) == frozenset()
    store.evidence.add(other, Round("node", at(SECOND), (1,)))
    assert store.evidence.of(other) == {1}
    assert store.evidence.of(world.certificates()[SECOND]) == frozenset()


def test_damaged_evidence_is_no_evidence(make_world: MakeWorld) -> None:
    world = make_world(small_chain(), stx_proof="sample")
    world.stored()
    (world.data / "days/transactions" / f"{SECOND}.evidence.json").write_text("{")
    assert evidence(world)[str(SECOND)] == frozenset()
    world.stored()


def test_another_node_gets_no_key_and_has_its_own_budget(make_world: MakeWorld) -> None:
    chain = small_chain()
    node, api = make_world(chain), make_world(chain, Knobs(node_missing=True))
    world = make_world(
        chain, Knobs(node_missing=True), data=api.data, stx_node_url=node.url, stx_proof="sample", hiro_api_key="secret"
    )
    project = world.project()
    client = project.stacks_node(project.stacks_api().http)
    assert "secret" not in str(client.http.headers)
    assert client.http.budget.requests_per_minute == 50
    same = make_world(chain, hiro_api_key="secret")
    shared = same.project().stacks_api().http
    assert same.project().stacks_node(shared).http is shared


def test_the_evidence_names_the_node(make_world: MakeWorld) -> None:
    chain = small_chain()
    node = make_world(chain)
    world = make_world(
        chain, Knobs(node_missing=True), stx_node_url=node.url, stx_node_requests_per_minute=0, stx_proof="sample"
    )
    world.stored()
    content = (world.data / "days/transactions" / f"{SECOND}.evidence.json").read_text()
    assert node.url in content
    assert len(evidence(world)[str(SECOND)]) == 5

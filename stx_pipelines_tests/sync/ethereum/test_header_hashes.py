"""Every header is hashed: an altered field is named with its block; what cannot be hashed is linked and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.datasets import BLOCKS, DATASETS
from stx_pipelines.chains.ethereum_proof import HASHED
from stx_pipelines.devnet.ethereum.header import FUTURE_MEMBER
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    failed,
    final_blocks,
    make_chain,
    open_store,
    stored,
    world,
)
from stx_pipelines_tests.world import FIRST_DAY

MakeEthereum = Callable[..., DevnetWorld]

MEMBERS = [
    "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty", "gasLimit",
    "gasUsed", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas",
    "parentBeaconBlockRoot", "requestsHash",
]  # fmt: skip


def altered(chain: Any, member: str) -> EthereumKnobs:
    """A block with withdrawals and extra data; this member of it is another under the same hash."""
    block = next(one for one in chain.blocks[20:] if one.number % 4 == 3 and one.extra_data != "0x")
    return EthereumKnobs(altered_member=member, altered_block=block.number)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevnetWorld]:
    """A node whose chain no test changes. Tests set its knobs."""
    with world(make_chain(1), tmp_path_factory.mktemp("unused")) as running:
        yield running


@pytest.fixture
def alter(served: DevnetWorld, data: Path) -> Callable[[str], DevnetWorld]:
    """Return a function that alters a member of a block of this node and gives an empty data folder."""

    def make(member: str) -> DevnetWorld:
        vars(served.knobs).update(vars(altered(served.chain, member)))
        return replace(served, data=data)

    return make


@pytest.mark.parametrize("member", MEMBERS)
def test_an_altered_field_is_named_with_its_block_and_nothing_is_stored(
    alter: Callable[[str], DevnetWorld], member: str
) -> None:
    world = alter(member)
    number, name = world.knobs.altered_block, world.chain.blocks[world.knobs.altered_block].hash
    refused = failed(world.blocks([FIRST_DAY]))
    assert list(refused) == [FIRST_DAY]
    assert refused[FIRST_DAY].startswith(f"block {number}: ")
    assert name in refused[FIRST_DAY]
    assert world.certificates() == {}


def test_a_day_with_an_altered_field_is_stored_once_the_field_is_right(alter: Callable[[str], DevnetWorld]) -> None:
    world = alter("gasUsed")
    assert list(failed(world.blocks([FIRST_DAY]))) == [FIRST_DAY]
    world.knobs.altered_member = ""
    stored(world.blocks())
    world.assert_blocks()


@pytest.mark.parametrize("member", ["hash", "parentHash"])
def test_an_altered_hash_breaks_the_links(alter: Callable[[str], DevnetWorld], member: str) -> None:
    world = alter(member)
    assert f"block {world.knobs.altered_block} " in failed(world.blocks([FIRST_DAY]))[FIRST_DAY]


def test_other_withdrawals_than_the_header_names_are_refused(alter: Callable[[str], DevnetWorld]) -> None:
    world = alter("withdrawals")
    refused = failed(world.blocks([FIRST_DAY]))
    number = world.knobs.altered_block
    assert refused == {FIRST_DAY: f"block {number}: its withdrawals do not have its withdrawals root"}


def test_the_certificate_says_that_the_headers_were_hashed(make_ethereum: MakeEthereum) -> None:
    """Also of an open day that grew bit by bit."""
    world = make_ethereum(make_chain(1, 3))
    stored(world.blocks())
    world.chain.grow(10)
    stored(world.blocks())
    assert all(known.proof.endswith(f"; {HASHED}") for known in world.certificates().values())
    world.assert_blocks()


def test_a_chain_that_hashes_otherwise_is_linked_and_that_is_logged_once(
    make_ethereum: MakeEthereum, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_ethereum(make_chain(2, other_hashes=True))
    stored(world.blocks())
    for known in world.certificates().values():
        assert known.proof.endswith("linked, not hashed (this chain hashes other fields than Ethereum)")
    assert sum("linked, not hashed" in message for message in caplog.messages) == 1
    world.assert_blocks()
    stored(world.balances())
    world.assert_true()


def test_fields_of_a_fork_to_come_are_linked_from_their_block_on(make_ethereum: MakeEthereum) -> None:
    """The blocks before are hashed, and a wrong field of theirs is still found."""
    chain = make_chain(2, future_number=200)
    world = make_ethereum(chain)
    stored(world.blocks())
    said = {day: known.proof.rpartition("; ")[2] for day, known in world.certificates().items()}
    linked = f"headers from block {{}} on are linked, not hashed (unknown field {FUTURE_MEMBER})"
    second, third = (final_blocks(chain, day)[0].number for day in world.days[1:])
    assert said == {
        world.days[0]: HASHED,
        world.days[1]: linked.format(200),
        world.days[2]: linked.format(third - 1),
    }
    world.assert_blocks()
    world.knobs.altered_member, world.knobs.altered_block = "gasUsed", second + 1
    assert f"block {second + 1}: " in failed(world.blocks([world.days[1]], force=True))[world.days[1]]


def test_a_day_on_which_no_header_is_hashed_is_refused_once_another_day_was(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(2))
    stored(world.blocks(world.days[:1]))
    world.knobs.altered_member = "mixHash"
    assert list(failed(world.blocks(world.days[1:2]))) == world.days[1:2]


def test_an_open_day_of_an_earlier_version_is_read_again_for_what_it_lacks(make_ethereum: MakeEthereum) -> None:
    """Its closed days stay as they are."""
    world = make_ethereum(make_chain(1))
    stored(world.blocks())
    for day in world.days:
        _write_as_before(world.data, day)
    before = world.certificates()
    world.chain.grow(1)
    stored(world.blocks())
    assert world.certificates()[FIRST_DAY] == before[FIRST_DAY]
    world._assert_certified()
    today = world.days[-1]
    rows = open_store(world.data, BLOCKS).rows(today)
    assert rows == final_blocks(world.chain, today)


def _write_as_before(data: Path, day: Any) -> None:
    files = open_store(data, BLOCKS).files
    known = files.certificate(day)
    assert known is not None
    added = [column.name for column in DATASETS[BLOCKS].columns if column.added]
    old = msgspec.structs.replace(known, proof=known.proof.rpartition("; ")[0])
    files.write(files.read(day).drop_columns(added), old)

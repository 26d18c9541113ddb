"""Responses and files of any shape: a documented error, or the same values as a plain reading of the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from stx_pipelines.chains import certificate as certificates
from stx_pipelines.chains import stacks, stacks_answers
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import Cursor, PageMovedError
from stx_pipelines.coverage.progress import Progress
from stx_pipelines.devnet.server import serve
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import Identity, keep_identity, known_identity
from stx_pipelines.store.shared import FileShared
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import FIRST_DAY, at, make_chain

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["", "0x", "-1", "1e9"])
any_json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
not_utf8 = st.binary(max_size=9).map(lambda text: b'{"sentence":"\xff' + text + b'"}')
noise = st.binary(max_size=300) | not_utf8 | any_json.map(lambda value: json.dumps(value).encode())
deep = st.sampled_from([b'{"a":' + b"[" * depth + b"]" * depth + b"}" for depth in (900, 100_000)])


@cache
def answers() -> dict[str, bytes]:
    """Return one correct response of every route that the client reads."""
    chain = make_chain(1, 12)
    top = chain.blocks[-2].height
    start, end = int(at(FIRST_DAY).timestamp()), int(at(FIRST_DAY).timestamp()) + 86_399
    paths = {
        "tip": "",
        "block": f"/v2/blocks/{top}",
        "burn block": f"/v2/burn-blocks/{chain.burn_blocks[-2].height}",
        "burn blocks": "/v2/burn-blocks?limit=30&offset=0",
        "page": f"/v3/transactions?limit=50&cursor={Cursor.top_of(top)}",
        "window page": f"/v1/tx?limit=50&offset=0&start_time={start}&end_time={end}&order=asc",
    }
    with serve(chain) as devnet:
        return {
            name: requests.get(f"{devnet.url}/extended{path}", timeout=LONGEST).content for name, path in paths.items()
        }


@cache
def asked() -> Cursor:
    return Cursor.top_of(max(tx["block"]["height"] for tx in json.loads(answers()["page"])["results"]))


PARSERS: dict[str, Callable[[bytes], Any]] = {
    "tip": stacks_answers.parse_tip,
    "block": stacks_answers.parse_block,
    "burn block": stacks_answers.parse_burn_block,
    "burn blocks": stacks_answers.parse_burn_blocks,
    "page": lambda body: stacks_answers.parse_page(body, asked()),
    "window page": stacks_answers.parse_window_page,
}


@pytest.mark.parametrize("route", PARSERS)
def test_random_bytes_are_refused_as_a_response(route: str, whole: bool) -> None:
    @settings(max_examples=2_000 if whole else 30)
    @given(noise | deep)
    def refused(body: bytes) -> None:
        with pytest.raises((MalformedAnswer, PageMovedError)):
            PARSERS[route](body)

    refused()


@pytest.mark.parametrize("route", PARSERS)
def test_a_response_with_one_fault_is_refused_or_read_unchanged(route: str, whole: bool, dice: Random) -> None:
    """The fault is a replaced value, a missing key or a doubled element. Accepted rows must equal the JSON."""

    @settings(max_examples=3_000 if whole else 40)
    @given(any_json | st.sampled_from([2**63, -1, 2**31, "0x" + "A" * 64, "0x" + "0" * 64, "null"]), st.randoms())
    def holds(value: Any, chance: Random) -> None:
        wrong = spoil(json.loads(answers()[route]), value, chance)
        try:
            found = PARSERS[route](json.dumps(wrong).encode())
        except (MalformedAnswer, PageMovedError):
            return
        if route == "page":
            assert [plain_v3(tx) for tx in wrong["results"]] == [said(row) for row in found.rows]
        elif route == "window page":
            assert [plain_v1(tx) for tx in wrong["results"]] == [said(row) for row in found.rows]
            assert found.total == wrong["total"]
        elif route == "burn blocks":
            assert [as_json(burn) for burn in found] == [named(burn, found[0]) for burn in wrong["results"]]
        else:
            assert as_json(found) == named(wrong["chain_tip"] if route == "tip" else wrong, found)

    holds()


def spoil(answer: Any, value: Any, chance: Random) -> Any:
    """Put one fault at a random place of a response."""
    here = answer
    while True:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        if not keys:
            return answer
        key = chance.choice(keys)
        if isinstance(here[key], dict | list) and chance.random() < 0.85:
            here = here[key]
            continue
        what = chance.random()
        if what < 0.7:
            here[key] = value
        elif what < 0.9 or isinstance(here, dict):
            del here[key]
        else:
            here.append(here[key])
        return answer


def as_json(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def named(value: dict[str, Any], like: Any) -> dict[str, Any]:
    """Keep only the keys that the client reads."""
    return {name: value[name] for name in like.__struct_fields__}


def said(row: stacks.Tx) -> tuple[object, ...]:
    return (
        row.tx_id, row.block_height, row.block_time, row.tx_index, row.sender_address, row.nonce, row.fee_ustx,
        row.tx_type, row.tx_status, row.burn_block_time, row.burn_block_height, row.sponsor_address, row.canonical,
    )  # fmt: skip


def plain_v3(tx: dict[str, Any]) -> tuple[object, ...]:
    block, burn, sender, sponsor = tx["block"], tx["bitcoin_block"], tx.get("sender"), tx.get("sponsor")
    return (
        tx["tx_id"], block["height"], block["time"], block["tx_index"], sender and sender["address"],
        sender and sender["nonce"], int(tx["fee_rate"]), tx["type"], tx["status"], burn["time"], burn["height"],
        sponsor and sponsor["address"], True,
    )  # fmt: skip


def plain_v1(tx: dict[str, Any]) -> tuple[object, ...]:
    return (
        tx["tx_id"], tx["block_height"], tx["block_time"], tx["tx_index"], tx["sender_address"], tx["nonce"],
        int(tx["fee_rate"]), tx["tx_type"], tx["tx_status"], tx["burn_block_time"], tx["burn_block_height"],
        tx.get("sponsor_address"), tx["canonical"],
    )  # fmt: skip


A_CERTIFICATE = Certificate(
    dataset="transactions", day=FIRST_DAY, state="closed", proof="all", expected=3, seen=3, published=2,
    left_out={"abort": 1}, first_height=1, last_height=2, last_hash="0x00", first_block_time=at(FIRST_DAY),
    last_block_time=at(FIRST_DAY, 3), burn_blocks=1, proved_to=9, tip_height=20, proved_at=at(FIRST_DAY, 5),
    requests=4, seconds=0.5, route="v3",
)  # fmt: skip


def test_a_certificate_of_any_shape_is_refused_or_read_unchanged(whole: bool) -> None:
    @settings(max_examples=3_000 if whole else 60)
    @given(any_json, st.randoms(), noise | deep)
    def holds(value: Any, chance: Random, other: bytes) -> None:
        right = json.loads(certificates.encode(A_CERTIFICATE))
        wrong = spoil(json.loads(certificates.encode(A_CERTIFICATE)), value, chance)
        with pytest.raises(msgspec.DecodeError):
            certificates.decode(other)
        try:
            found = certificates.decode(json.dumps(wrong).encode())
        except (msgspec.DecodeError, certificates.NewerCertificate):
            return
        again = json.loads(certificates.encode(found))
        assert {name for name in right if again.get(name) != right[name]} == {
            name for name in right if wrong.get(name) != right[name]
        }

    holds()


def test_side_files_of_any_content_are_ignored_or_reported(tmp_path: Path, whole: bool) -> None:
    """A broken file of the chain's identity is an error; every other side file counts as missing."""
    folder = tmp_path / "days"
    warehouse, coverage = Warehouse(DataFolder(tmp_path)), tmp_path / "coverage" / "transactions.json"
    note, memory = folder / f"{FIRST_DAY}.attempts.json", folder / ".certificates.json"
    shared, progress = FileShared(DataFolder(tmp_path)), DataFolder(tmp_path).progress("transactions")
    for path in (coverage, progress, note):
        path.parent.mkdir(exist_ok=True)

    @settings(max_examples=2_000 if whole else 40)
    @given(noise | deep)
    def holds(content: bytes) -> None:
        for path in (coverage, progress, note, memory, DataFolder(tmp_path).identity("stacks")):
            path.write_bytes(content)
        assert warehouse.published("transactions").loaded == {}
        assert shared.reported("transactions", Progress) is None
        assert AttemptFiles(folder).all() == {}
        assert DayFiles(folder).certificates() == {}
        with pytest.raises(StoreError, match="delete it"):
            known_identity(DataFolder(tmp_path))

    holds()
    keep_identity(DataFolder(tmp_path), Identity(1, "0x00", FIRST_DAY))
    assert known_identity(DataFolder(tmp_path)) == Identity(1, "0x00", FIRST_DAY)
    shared.report("transactions", known := Progress(1, at(FIRST_DAY), at(FIRST_DAY), 3))
    assert shared.reported("transactions", Progress) == known

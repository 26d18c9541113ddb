"""`pull` stores the Ethereum days of others whose links, headers and balances agree with the receiver's own node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.coverage.chains import ETHEREUM
from stx_pipelines.project import Project
from stx_pipelines.settings import load_settings
from stx_pipelines.sharing.offer import Place
from stx_pipelines.sharing.publish import publish
from stx_pipelines.store.objects import open_objects
from stx_pipelines.sync.outcome import WrongChain
from stx_pipelines_tests.sharing.published import changed_manifest, copy_of, forge, pull
from stx_pipelines_tests.sync.ethereum.world import DAY, FIRST_DAY, DevnetWorld, make_chain, world

DAYS = [FIRST_DAY, FIRST_DAY + DAY]
WRONG = DAYS[1]


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevnetWorld]:
    """Two closed days of blocks and balances, published to `site` beside the data folder."""
    folder = tmp_path_factory.mktemp("publisher")
    with world(make_chain(2), folder / "data") as made:
        made.sync()
        project = Project(load_settings(**made.given))
        publish(project, open_objects(str(folder / "site"), writes=True), with_days=True)
        yield made


@pytest.fixture
def site(publisher: DevnetWorld, tmp_path: Path) -> Path:
    return copy_of(publisher.data.parent / "site", tmp_path / "site")


@pytest.fixture
def receiver(publisher: DevnetWorld, tmp_path: Path) -> DevnetWorld:
    return DevnetWorld(publisher.url, tmp_path / "data", devnet=publisher.devnet)


def project_of(receiver: DevnetWorld) -> Project:
    return Project(load_settings(**receiver.given))


def test_honest_days_are_stored_as_they_are(publisher: DevnetWorld, receiver: DevnetWorld, site: Path) -> None:
    done = pull(project_of(receiver), site, DAYS, ETHEREUM)
    assert (set(done.stored), done.refused) == ({Place(name, day) for name in (BLOCKS, BALANCES) for day in DAYS}, {})
    assert abs(done.sent - done.expected) <= done.expected // 20
    for dataset in (BLOCKS, BALANCES):
        theirs = publisher.certificates(dataset)
        assert {day: known.id for day, known in receiver.certificates(dataset).items()} == {
            day: theirs[day].id for day in DAYS
        }
    receiver.sync()
    receiver.assert_true()


@pytest.mark.parametrize(
    ("dataset", "number", "values", "why"),
    [
        (BLOCKS, 50, {"gas_used": 7}, "differs in gas_used"),
        (BLOCKS, 60, {"hash": "0x" + "ab" * 32}, "as its parent"),
        (BLOCKS, 70, {"extra_data": "<script>"}, "not hex"),
        (BALANCES, 50, {"miner": "0x" + "ab" * 20}, "fee recipient"),
        (BALANCES, 50, {"withdrawals_gwei": 77}, "other withdrawals"),
    ],
)
def test_a_day_with_a_forged_row_is_refused(
    receiver: DevnetWorld, site: Path, dataset: str, number: int, values: dict[str, Any], why: str
) -> None:
    forge(site, WRONG, lambda rows: [*rows[:number], rows[number]._replace(**values), *rows[number + 1 :]], dataset)
    done = pull(project_of(receiver), site, DAYS, ETHEREUM)
    assert why in done.refused[Place(dataset, WRONG)]
    assert list(receiver.certificates(dataset)) == [DAYS[0]]


def test_a_forged_balance_is_found_by_the_node(receiver: DevnetWorld, site: Path) -> None:
    def add(rows: list[Any]) -> list[Any]:
        alone = next(row.miner for row in rows)
        return [
            row._replace(balance_before=row.balance_before + 5, balance_after=row.balance_after + 5)
            if row.miner == alone
            else row
            for row in rows
        ]

    forge(site, WRONG, add, BALANCES)
    done = pull(project_of(receiver), site, DAYS, ETHEREUM)
    assert "in the file" in done.refused[Place(BALANCES, WRONG)]


def test_a_dropped_block_is_found(receiver: DevnetWorld, site: Path) -> None:
    forge(site, WRONG, lambda rows: rows[:-1], BLOCKS, seen=143, expected=143, published=143)
    done = pull(project_of(receiver), site, DAYS, ETHEREUM)
    assert {place.dataset for place in done.refused} == {BLOCKS, BALANCES}
    assert WRONG not in receiver.certificates()


def test_another_chain_is_refused(receiver: DevnetWorld, site: Path) -> None:
    with changed_manifest(site) as fields:
        fields["ethereum"] = type(fields["ethereum"])(5, "0x" + "ab" * 32, FIRST_DAY)
    with pytest.raises(WrongChain, match="another Ethereum chain"):
        pull(project_of(receiver), site, DAYS, ETHEREUM)

"""`pull` stores the days of others that agree with the receiver's own API, and refuses all others by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.certificate import ClosedBy
from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.sharing.offer import Place
from stx_pipelines.sharing.publish import publish
from stx_pipelines.sharing.stacks import StacksCheck
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.objects import open_objects
from stx_pipelines.sync.outcome import WrongChain
from stx_pipelines_tests.sharing.published import changed_manifest, copy_of, forge, pull, write
from stx_pipelines_tests.world import DAY, FIRST_DAY, World, at, file_rows, make_chain, truth, world

DAYS = [FIRST_DAY + n * DAY for n in range(4)]
WRONG = DAYS[1]


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four closed days and an open one, published to `site` beside the data folder."""
    folder = tmp_path_factory.mktemp("publisher")
    with world(make_chain(4, transactions_per_day=110), folder / "data", stx_tip_age_minutes=0) as made:
        made.stored()
        publish(made.project(), open_objects(str(folder / "site"), writes=True), with_days=True)
        yield made


@pytest.fixture
def site(publisher: World, tmp_path: Path) -> Path:
    return copy_of(publisher.data.parent / "site", tmp_path / "site")


@pytest.fixture
def receiver(publisher: World, tmp_path: Path) -> World:
    return World(publisher.url, tmp_path / "data", devnet=publisher.devnet, overrides=publisher.overrides)


def refused(receiver: World, site: Path) -> str:
    """Pull all days; assert that all but the wrong day are stored, and return why the wrong one is not."""
    done = pull(receiver.project(), site, DAYS)
    assert [day for _, day in done.stored] == [day for day in DAYS if day != WRONG], done
    assert list(receiver.certificates()) == [day for day in DAYS if day != WRONG]
    [((dataset, day), why)] = done.refused.items()
    assert (dataset, day) == (TRANSACTIONS, WRONG)
    return why


def test_honest_days_are_stored_as_they_are_for_the_cost_that_was_said(
    publisher: World, receiver: World, site: Path
) -> None:
    publisher.requests()
    done = pull(receiver.project(), site, DAYS)
    assert (done.stored, done.refused) == ([Place(TRANSACTIONS, day) for day in DAYS], {})
    assert publisher.requests() == done.sent
    assert abs(done.sent - done.expected) <= 2
    ours, theirs = receiver.certificates(), publisher.certificates()
    assert {day: known.id for day, known in ours.items()} == {day: theirs[day].id for day in DAYS}
    assert all(file_rows(receiver.data, day) == truth(receiver.chain, day) for day in DAYS)
    loaded = receiver.store(TRANSACTIONS).warehouse.published(TRANSACTIONS).loaded
    assert loaded == {day: known.id for day, known in ours.items()}
    assert not receiver.folder.pulled.path.exists()
    receiver.now = at(FIRST_DAY + 4 * DAY, 12)
    coverage = transactions_coverage(receiver.project().replaced(stx_target_days=4), receiver.now)
    assert {day.day for day in coverage.days if day.complete} == set(DAYS)
    assert pull(receiver.project(), site, DAYS) == ([], {}, 0, 0)
    synced = receiver.stored()
    assert [day for day, outcome in synced.items() if outcome.fetched] == [DAYS[-1] + DAY]
    receiver.assert_true()


def _with(number: int, **values: Any) -> Callable[[list[Tx]], list[Tx]]:
    """Return a change of one row."""
    return lambda rows: [*rows[:number], msgspec.structs.replace(rows[number], **values), *rows[number + 1 :]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_with(7, fee_ustx=1), "differs in fee_ustx"),
        (_with(70, sender_address="SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7"), "differs in sender_address"),
        (_with(3, memo="0x00", amount_ustx=5), "differs in amount_ustx, memo"),
        (_with(9, tx_id="0x" + "ab" * 32), "lacks transaction"),
        (_with(9, index_block_hash=None), "rows without the index block hash"),
        (_with(9, sender_address="<script>"), "impossible values"),
        (_with(9, burn_block_time=int(at(WRONG, 1).timestamp())), "have another time"),
        (lambda rows: rows[::-1], "not in the order of the chain"),
    ],
)
def test_a_day_with_a_forged_row_is_refused(
    receiver: World, site: Path, change: Callable[[list[Tx]], list[Tx]], why: str
) -> None:
    forge(site, WRONG, change)
    assert why in refused(receiver, site)


@pytest.mark.parametrize("number", [0, 40, -1])
def test_a_dropped_row_is_found_by_the_counts(receiver: World, site: Path, number: int) -> None:
    left = truth(receiver.chain, WRONG)
    dropped = left.pop(number)
    facts = {
        "seen": len(left),
        "expected": len(left),
        "published": sum(row.tx_status == "success" for row in left),
    }
    forge(site, WRONG, lambda rows: [row for row in rows if row.tx_id != dropped.tx_id], **facts)
    assert re.search(r"burn block \d+ has \d+ transactions, but \d+ were read", refused(receiver, site))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"closed_by": ClosedBy(10**9, "0x" + "ab" * 32)}, "closed by Stacks block 1000000000"),
        ({"first_parent_hash": "0x" + "ab" * 32}, "another Stacks block"),
        ({"proof": "every burn block, by hand"}, "describes no proof"),
        ({"published": 3}, "states published 3"),
        ({"chain": "stacks:0x" + "ab" * 32}, "is of another chain"),
        ({"state": "open"}, "is of an open day"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_day_with_a_false_certificate_is_refused(
    receiver: World, site: Path, facts: dict[str, Any], why: str
) -> None:
    forge(site, WRONG, **facts)
    done = pull(receiver.project(), site, DAYS)
    assert why in done.refused[Place(TRANSACTIONS, WRONG)]
    assert WRONG not in receiver.certificates()


def test_days_that_do_not_follow_each_other_are_refused(receiver: World, site: Path) -> None:
    certified = DayFiles(site / "days" / TRANSACTIONS, remembers=False).certificates()
    day = next(day for day in DAYS[1:] if certified[day].first_height == (certified[day - DAY].last_height or 0) + 1)
    forge(site, day, first_parent_hash="0x" + "ab" * 32)
    done = pull(receiver.project(), site, DAYS)
    assert {place.day for place, why in done.refused.items() if "does not follow" in why} == {day - DAY, day}


def test_files_of_another_chain_are_refused(receiver: World, site: Path, tmp_path: Path) -> None:
    with world(make_chain(4, transactions_per_day=110, seed=7), tmp_path / "other", stx_tip_age_minutes=0) as other:
        other.stored([DAYS[0], WRONG])
        publish(other.project(), open_objects(str(tmp_path / "theirs"), writes=True), with_days=True)
        certified = DayFiles(site / "days" / TRANSACTIONS, remembers=False).certificates()
        [chain] = {known.chain for known in certified.values()}
        table = other.store(TRANSACTIONS).files.read(WRONG)
        certificate = other.certificates()[WRONG]
    with pytest.raises(WrongChain, match="another Stacks chain"):
        pull(receiver.project(), tmp_path / "theirs", DAYS)
    assert receiver.certificates() == {}
    write(site, table, certificate)
    assert "is of another chain" in refused(receiver, site)
    write(site, table, msgspec.structs.replace(certificate, chain=chain))
    assert "burn block" in pull(receiver.project(), site, [WRONG, WRONG]).refused[Place(TRANSACTIONS, WRONG)]


def test_a_name_that_is_none_of_a_day_file_stops_the_pull(receiver: World, site: Path) -> None:
    with changed_manifest(site) as fields:
        entry = next(entry for entry in fields["files"] if entry.day == WRONG)
        fields["files"] = [msgspec.structs.replace(entry, name="days/../../days/x.parquet")]
    with pytest.raises(StoreError, match="no name of a day file"):
        pull(receiver.project(), site, DAYS)
    assert not receiver.folder.pulled.path.exists()


def test_a_file_that_is_longer_than_said_or_changed_is_refused(receiver: World, site: Path) -> None:
    path = site / "days" / TRANSACTIONS / f"{WRONG}.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert "another size or SHA-256" in refused(receiver, site)
    path.write_bytes(content + b"x")
    with pytest.raises(StoreError, match="more than"):
        pull(receiver.project(), site, [WRONG, WRONG])


def test_a_stopped_pull_reads_no_file_twice(receiver: World, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(StacksCheck, "compare_counts", stop)
        with pytest.raises(KeyboardInterrupt):
            pull(receiver.project(), site, DAYS)
    assert receiver.certificates() == {}
    for path in (site / "days").rglob("*.parquet"):
        path.unlink()
    assert len(pull(receiver.project(), site, DAYS).stored) == len(DAYS)


def test_nothing_is_stored_if_each_sample_has_a_day_that_differs(
    receiver: World, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StacksCheck, "compare_pages", lambda check, pages: check.refuse(next(iter(pages)), "differs"))
    done = pull(receiver.project(), site, DAYS)
    assert (done.stored, len(done.refused)) == ([], len(DAYS))
    assert receiver.certificates() == {}


def test_a_stored_day_is_never_replaced(receiver: World, site: Path) -> None:
    receiver.stored([WRONG])
    before = receiver.store(TRANSACTIONS).files.path(WRONG).read_bytes()
    forge(site, WRONG, _with(7, fee_ustx=1))
    done = pull(receiver.project(), site, DAYS)
    assert (len(done.stored), done.refused) == (len(DAYS) - 1, {})
    assert receiver.store(TRANSACTIONS).files.path(WRONG).read_bytes() == before

"""Notes of failed attempts beside the day files. A success removes the note; an unreachable server leaves none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.clients.errors import ApiError, RateLimited, Unreachable
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.project import Project
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.sync.stacks.sync import open_stacks
from stx_pipelines_tests.world import FIRST_DAY, World, at, make_chain

MakeWorld = Callable[..., World]
BAD = FIRST_DAY + timedelta(days=1)
NOON = at(FIRST_DAY + timedelta(days=3), 12)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    world = make_world(make_chain(3, 12))
    world.now = NOON
    return world


def hide_one(world: World, day: date = BAD) -> None:
    world.knobs.hidden_transactions = {world.chain.transactions(day)[40].tx_id}


def notes(world: World) -> dict[date, Attempts]:
    """Return the content of the `DAY.attempts.json` files, read without the package."""
    found = {}
    for path in (world.data / "days" / "transactions").glob("*.attempts.json"):
        content = json.loads(path.read_text())
        day = date.fromisoformat(path.name.removesuffix(".attempts.json"))
        found[day] = Attempts(content["count"], content["sentence"], datetime.fromisoformat(content["at"]))
    return found


def test_a_failed_proof_leaves_its_count_its_sentence_and_its_time(world: World) -> None:
    hide_one(world)
    sentence = world.failed()[BAD]
    assert notes(world) == {BAD: Attempts(1, sentence, NOON)}
    world.now = NOON + timedelta(hours=1)
    world.failed()
    assert notes(world) == {BAD: Attempts(2, sentence, NOON + timedelta(hours=1))}


def test_a_success_deletes_the_note(world: World) -> None:
    hide_one(world)
    world.failed()
    assert notes(world)
    world.knobs.hidden_transactions = set()
    world.stored()
    assert notes(world) == {}
    world.assert_true()


def test_the_fourth_failed_proof_sets_the_day_aside_and_the_others_are_complete(world: World) -> None:
    hide_one(world)
    states = []
    for _ in range(4):
        world.failed()
        coverage = transactions_coverage(world.project().replaced(stx_target_days=3), NOON)
        states.append([(day.day, day.state) for day in coverage.days if not day.complete])
    assert states == [[(BAD, "failing")]] * 3 + [[(BAD, "set aside")]]


def test_an_open_day_that_fails_keeps_its_rows_and_its_note(world: World) -> None:
    world.stored()
    kept = world.certificates()
    newest = world.days[-1]
    hide_one(world, newest)
    world.sync([newest], force=True)
    assert set(notes(world)) == {newest}
    assert world.certificates()[newest] == kept[newest]


def test_a_note_beside_a_closed_day_is_removed(world: World) -> None:
    world.stored()
    folder = world.data / "days" / "transactions"
    AttemptFiles(folder).add(BAD, "left over", NOON)
    world.stored([BAD])
    assert notes(world) == {}


@pytest.mark.parametrize("count", [1, 3])
def test_an_unreachable_server_is_no_attempt(world: World, count: int) -> None:
    world.overrides |= {"hiro_attempts": 2}
    world.knobs.fault_rate, world.knobs.fault_kinds = 1.0, ("503",)
    for _ in range(count):
        with pytest.raises(Unreachable):
            world.sync()
    assert notes(world) == {}


def test_a_server_that_fails_during_the_sync_is_no_attempt(world: World) -> None:
    world.overrides |= {"hiro_attempts": 2}
    asked = 0

    def fail_later(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 15:
            world.knobs.fault_rate, world.knobs.fault_kinds = 1.0, ("502", "drop")

    world.knobs.on_request = fail_later
    with pytest.raises(Unreachable):
        world.sync()
    assert asked >= 15
    assert notes(world) == {}


def test_a_rate_limit_is_no_attempt(world: World) -> None:
    world.overrides |= {"hiro_attempts": 2, "hiro_longest_wait_seconds": 1}
    asked = 0

    def limit_later(_: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 15:
            world.knobs.fault_rate, world.knobs.fault_kinds = 1.0, ("429",)
            world.knobs.retry_after_seconds = 4000

    world.knobs.on_request = limit_later
    with pytest.raises(RateLimited):
        world.sync()
    assert notes(world) == {}


def test_a_refused_connection_is_no_attempt(world: World) -> None:
    world.stored([world.days[0]])
    away = world.settings().model_copy(update={"hiro_api_url": "http://127.0.0.1:9", "hiro_attempts": 1})
    with pytest.raises(ApiError, match="connection refused"):
        list(open_stacks(Project(away)).sync(world.days))
    assert notes(world) == {}


def test_a_failed_day_is_counted_once_and_the_other_days_are_stored(world: World) -> None:
    hide_one(world)
    world.sync()
    assert {day: note.count for day, note in notes(world).items()} == {BAD: 1}
    assert set(world.certificates()) == set(world.days) - {BAD}


def test_an_unreadable_note_counts_as_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("days")
    (folder / f"{BAD}.attempts.json").write_text('{"count": 3, "sente')
    files = AttemptFiles(folder)
    assert files.all() == {}
    files.add(BAD, "again", NOON)
    assert files.all() == {BAD: Attempts(1, "again", NOON)}
    files.clear(BAD)
    files.clear(BAD)
    assert list(folder.iterdir()) == []

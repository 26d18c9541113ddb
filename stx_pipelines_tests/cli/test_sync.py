"""`sync`: which days it fetches, its exit codes and its messages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stx_pipelines.metrics.open import chain_start
from stx_pipelines.store.identity import known_identity
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, make_chain, recent_chain, table_rows, today


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(recent_chain(4))


def test_sync_ends_with_0_when_all_wanted_days_are_complete_and_a_second_one_fetches_nothing(
    world: World, run: Run
) -> None:
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == DONE, done.output
    world.assert_true(world.days[1:])
    world.requests()
    assert run(world, "sync", "--target-days", "3").exit_code == DONE
    assert world.requests() <= 5


def test_more_target_days_than_the_chain_has_are_the_whole_chain(world: World, run: Run) -> None:
    assert run(world, "sync", "--target-days", "900").exit_code == DONE
    world.assert_true()


def test_days_that_remain_are_exit_code_2_and_the_newest_came_first(world: World, run: Run) -> None:
    done = run(world, "sync", "--target-days", "3", "--max-days", "2")
    assert done.exit_code == NOT_YET
    assert set(world.certificates()) == set(world.days[-3:])  # today, and two days that were missing
    assert run(world, "sync", "--target-days", "3").exit_code == DONE


def test_one_day_at_a_time_fetches_all_old_days(world: World, run: Run) -> None:
    """As from cron: today is missing each time and does not count as one of `--max-days`."""
    codes = []
    for _ in range(2):
        (world.data / f"days/transactions/{world.days[-1]}.parquet").unlink(missing_ok=True)
        codes.append(run(world, "sync", "--target-days", "2", "--max-days", "1").exit_code)
    assert codes == [NOT_YET, DONE]
    world.assert_true(world.days[2:])


@pytest.mark.parametrize("stored", [0, 2], ids=["from the beginning", "later"])
def test_a_server_that_does_not_respond_is_exit_code_2(world: World, run: Run, stored: int) -> None:
    if stored:
        world.stored(world.days[-stored:])
    world.overrides |= {"hiro_api_url": "http://127.0.0.1:9", "hiro_attempts": 2}
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == NOT_YET
    assert "connection refused" in done.output
    assert_shown("`... gave no usable response in 5 attempts: connection refused`", done.output)
    assert "Traceback" not in done.output


def test_another_chain_is_exit_code_1_and_nothing_is_written(world: World, make_world: MakeWorld, run: Run) -> None:
    world.stored(world.days[-2:])
    rows, known = table_rows(world.data), world.certificates()
    other = make_world(recent_chain(4, seed=2), data=world.data)
    done = run(other, "sync", "--target-days", "3")
    assert done.exit_code == ERROR
    assert "serves another chain" in done.output
    assert_shown("`the data folder holds the chain whose block 1 is ...`", done.output)
    assert (table_rows(world.data), world.certificates()) == (rows, known)
    assert run(world, "sync", "--target-days", "3").exit_code == DONE


def test_a_wrong_setting_is_exit_code_1_and_one_sentence(world: World, run: Run) -> None:
    world.overrides["hiro_attempts"] = "often"
    done = run(world, "sync")
    assert done.exit_code == ERROR
    assert done.stderr.startswith("error: HIRO_ATTEMPTS is 'often'")
    assert len(done.stderr.splitlines()) == 1


def test_a_server_without_block_1_is_exit_code_1(make_world: MakeWorld, run: Run) -> None:
    world = make_world(recent_chain(2, first_height=700))
    done = run(world, "sync")
    assert done.exit_code == ERROR
    assert "STX_FIRST_DAY" in done.output
    assert_shown("`... does not have block 1 of its chain`", done.output)
    world.overrides["stx_first_day"] = world.days[1]
    assert run(world, "sync").exit_code == DONE
    world.assert_true(world.days[1:])


def test_a_first_day_is_used_on_a_server_that_has_the_whole_chain(world: World, run: Run) -> None:
    """The chain is still identified by its block 1, so that earlier days may be wanted later."""
    world.overrides["stx_first_day"] = world.days[2]
    assert run(world, "sync").exit_code == DONE
    world.assert_true(world.days[2:])
    known = known_identity(world.folder)
    assert known
    assert (known.height, known.first_day) == (1, world.days[0])
    assert chain_start(world.project()) == world.days[0]
    world.overrides["stx_first_day"] = world.days[0]
    assert run(world, "sync").exit_code == DONE
    world.assert_true()


def test_a_day_before_the_folder_began_is_not_wanted(make_world: MakeWorld, run: Run) -> None:
    world = make_world(recent_chain(3, first_height=700), stx_first_day=today() - timedelta(days=1))
    assert run(world, "sync").exit_code == DONE
    assert chain_start(world.project()) is None
    world.overrides["stx_first_day"] = world.days[0]
    done = run(world, "sync")
    assert done.exit_code == DONE
    assert done.stderr == (
        f"STX_FIRST_DAY={world.days[0]} is before the first day of {world.data}, so days are wanted from "
        f"{world.days[2]} on; for earlier days, set STX_DATA_DIR to a new folder\n"
    )


def test_a_day_that_cannot_be_proved_is_named_and_the_others_are_stored(world: World, run: Run) -> None:
    bad = world.days[2]
    world.knobs.hidden_transactions = {world.chain.transactions(bad)[3].tx_id}
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code in {ERROR, NOT_YET}  # set aside once it failed often enough
    assert str(bad) in done.output
    assert set(world.certificates()) == {day for day in world.days[1:] if day != bad}
    world.knobs.hidden_transactions = set()
    assert run(world, "sync", "--target-days", "3", "--retry").exit_code == DONE
    world.assert_true(world.days[1:])


def test_force_refresh_reads_the_chosen_days_again(world: World, run: Run) -> None:
    world.stored(world.days[1:])
    paths = {day: world.data / "days/transactions" / f"{day}.parquet" for day in world.days[1:]}
    before = {day: path.stat().st_mtime_ns for day, path in paths.items()}
    first, last = str(world.days[1]), str(world.days[2])
    done = run(world, "sync", "--target-days", "3", "--force-refresh", "--from", first, "--to", last)
    assert done.exit_code == DONE, done.output
    assert [day for day, path in paths.items() if path.stat().st_mtime_ns != before[day]] == world.days[1:3]
    world.assert_true(world.days[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--force-refresh"],
        ["--force-refresh", "--from", "2026-01-01"],
        ["--force-refresh", "--to", "2026-01-01"],
        ["--from", "2026-01-01", "--to", "2026-01-02"],
        ["--from", "2026-01-01"],
        ["--to", "2026-01-01"],
        ["--force-refresh", "--from", "2026-01-02", "--to", "2026-01-01"],
        ["--force-refresh", "--from", str(today()), "--to", str(today() + timedelta(days=2))],
    ],
    ids=" ".join,
)
def test_arguments_that_do_not_belong_together_are_one_sentence(world: World, run: Run, arguments: list[str]) -> None:
    done = run(world, "sync", *arguments)
    assert done.exit_code == ERROR
    assert done.output.startswith("error: --f")
    assert len(done.output.splitlines()) == 1
    assert not world.data.exists()


@pytest.mark.parametrize(
    "arguments", [["--target-days", "0"], ["--max-days", "x"], ["--from", "yesterday"], ["--what"]]
)
def test_invalid_arguments_are_a_usage_error(world: World, run: Run, arguments: list[str]) -> None:
    assert run(world, "sync", *arguments).exit_code == ERROR


def test_a_chain_that_ended_long_ago_leaves_the_newest_days_open(make_world: MakeWorld, run: Run) -> None:
    """The server's chain does not grow: its newest days stay open, and the sync ends."""
    world = make_world(make_chain(2, 12, first_day=today() - timedelta(days=5)))
    done = run(world, "sync", "--target-days", "6")
    assert "Traceback" not in done.output
    assert world.certificates()[world.days[-1]].state == "open"
    world.assert_true()

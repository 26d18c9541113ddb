"""Faults of the network and the server: runs take longer or report an error, and stored days stay correct."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import product
from random import Random

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.stacks import router
from stx_pipelines.devnet.stacks.answers import gone
from stx_pipelines.devnet.stacks.knobs import FAULT_KINDS, FaultKind, Knobs
from stx_pipelines.devnet.stacks.routes_v3 import V3Pages
from stx_pipelines.sync.stacks.sync import StacksSync
from stx_pipelines_tests.faults.undisturbed import sync_until_complete
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, at, file_rows, make_chain, truth

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]


@pytest.mark.parametrize("percent", [1, 20])
def test_faults_of_every_kind_at_once_change_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool, percent: int
) -> None:
    """Short form: all kinds together. Whole form: also each kind alone, on a longer chain."""
    together: list[tuple[FaultKind, ...]] = [FAULT_KINDS]
    for kinds in together + ([(kind,) for kind in FAULT_KINDS] if whole else []):
        chain = make_chain(20 if whole else 3, 9, seed=dice.randrange(10**6))
        knobs = Knobs(fault_rate=percent / 100, fault_kinds=kinds, retry_after_seconds=0, seed=dice.randrange(10**6))
        world = make_world(chain, knobs, hiro_attempts=6)
        sync_until_complete(world)
        ends_undisturbed(world)


def test_faults_that_outlast_all_retries_change_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool
) -> None:
    """Bursts of only faults end a run with an error, and the next run continues."""
    for kinds in [(kind,) for kind in FAULT_KINDS] if whole else [tuple(dice.sample(FAULT_KINDS, 4))]:
        world = make_world(
            make_chain(4, 9, seed=dice.randrange(10**6), transactions_per_day=600),
            Knobs(fault_kinds=kinds, retry_after_seconds=0, seed=dice.randrange(10**6)),
            hiro_attempts=3,
        )
        world.knobs.on_request = in_bursts(world, dice)
        assert sync_until_complete(world) > 1, f"the bursts of {kinds} ended no run"
        ends_undisturbed(world)


def in_bursts(world: World, dice: Random) -> Callable[[str], None]:
    """Make 40 to 80 requests fail after every 15 to 60 correct ones, three times."""
    left, until = 3, dice.randint(5, 20)

    def count(_: str) -> None:
        nonlocal left, until
        until -= 1
        if until == 0 and left:
            left, until = left - 1, 80 + dice.randint(15, 60)
            world.knobs.fail_next = dice.randint(40, 80)

    return count


def test_wrong_counts_are_refused_day_by_day(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool
) -> None:
    """Exactly the days with a wrong count fail; the others are stored."""
    for _ in range(15 if whole else 1):
        world = make_world(make_chain(3, 20, seed=dice.randrange(10**6)))
        wrong = dice.sample(world.chain.burn_blocks[:-1], dice.randint(1, 5))
        world.knobs.wrong_counts = {burn.height for burn in wrong}
        days = {
            world.days[0] + timedelta(days=int(burn.time - at(world.days[0]).timestamp()) // 86_400) for burn in wrong
        }
        assert set(world.failed()) == days
        assert set(world.certificates()) == set(world.days) - days
        world.knobs.wrong_counts = set()
        sync_until_complete(world)
        ends_undisturbed(world)


LIES = {
    "skips a row": lambda height, index, _: f"{height}:2147483647:{max(0, index - 1)}",
    "skips a block": lambda height, _, __: f"{max(0, height - 1)}:2147483647:32767",
    "skips many": lambda height, _, dice: f"{max(0, height - dice.randint(2, 90))}:2147483647:32767",
    "climbs": lambda height, _, dice: f"{height + dice.randint(1, 50)}:2147483647:32767",
    "stands still": lambda height, _, __: f"{height}:2147483647:32767",
    "ends": lambda *_: None,
    "is no cursor": lambda height, *_: f"{height}",
    "names a microblock": lambda height, index, _: f"{height}:7:{index}",
}


def test_a_server_with_a_wrong_next_cursor_causes_no_wrong_day(
    make_world: MakeWorld,
    ends_undisturbed: EndsUndisturbed,
    monkeypatch: pytest.MonkeyPatch,
    dice: Random,
    whole: bool,
) -> None:
    """Every cursor is wrong, or every fifth. A run ends, stored days are correct, the others are stored later."""
    honest = V3Pages._page
    lie, rate = "", 0.0

    def page(self: V3Pages, *arguments: object) -> bytes:
        answer = json.loads(honest(self, *arguments))  # type: ignore[arg-type]
        if (said := answer["cursor"]["next"]) and dice.random() < rate:
            height, _, index = map(int, said.split(":"))
            answer["cursor"]["next"] = LIES[lie](height, index, dice)
        return json.dumps(answer).encode()

    monkeypatch.setattr(V3Pages, "_page", page)
    for lies in [[name] for name in LIES] if whole else [dice.sample(list(LIES), 4)]:
        world = make_world(make_chain(2, 9, seed=dice.randrange(10**6), transactions_per_day=700), hiro_attempts=2)
        for lie, rate in product(lies, (1.0, 0.2)):  # noqa: B007 - the server reads the rate
            with suppress(ApiError):
                world.sync()
            assert world.requests() < 1_500
            for day in world.certificates():
                assert file_rows(world.data, day) == truth(world.chain, day), lie
        rate = 0.0
        sync_until_complete(world)
        ends_undisturbed(world)


def test_a_server_that_flips_between_its_routes_changes_nothing(
    make_world: MakeWorld,
    ends_undisturbed: EndsUndisturbed,
    monkeypatch: pytest.MonkeyPatch,
    dice: Random,
    whole: bool,
) -> None:
    """v3 and v1 are switched off and on at random. The index block hash is not compared, because v1 has none."""
    for n in range(16 if whole else 1):
        if n % 2 or dice.random() < 0.5:  # from here on also v3 responds with 410
            monkeypatch.setattr(router, "no_route", lambda _: gone())
        world = make_world(make_chain(3, 9, seed=dice.randrange(10**6), transactions_per_day=600))

        def flip(_: str, knobs: Knobs = world.knobs) -> None:
            if dice.random() < 0.05:
                knobs.v3_missing, knobs.v1_gone = dice.random() < 0.5, dice.random() < 0.2

        world.knobs.on_request = flip
        sync_until_complete(world)
        ends_undisturbed(world, without=["index_block_hash"])


def test_clocks_that_jump_change_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, monkeypatch: pytest.MonkeyPatch, dice: Random
) -> None:
    """Our clock jumps by up to three days in either direction at every reading, while the chain grows."""
    world = make_world(make_chain(2, 9, seed=dice.randrange(10**6)))
    real = at(world.days[-1], 9)
    open_sync = world.open_sync

    def opened_sync() -> StacksSync:
        opened = open_sync()
        opened.clock = lambda: real + timedelta(seconds=dice.randint(-3 * 86_400, 3 * 86_400))
        return opened

    monkeypatch.setattr(world, "open_sync", opened_sync)
    for hours in range(0, 30, 10):
        world.chain.grow_to(real + timedelta(hours=hours))
        sync_until_complete(world)
        world.assert_true()
    ends_undisturbed(world)


def test_a_limit_lowered_in_mid_run_is_obeyed_and_changes_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random
) -> None:
    """The limit falls to a fifth. The client reads it from the headers, waits as requested and is rarely refused."""
    world = make_world(
        make_chain(4, 9, seed=dice.randrange(10**6)),
        Knobs(requests_per_minute=200, limit_window_seconds=2.0),
        hiro_requests_per_minute=6_000,
        hiro_attempts=10,
    )

    def lower(_: str) -> None:
        if world.devnet.stats.requests == 20:
            world.knobs.requests_per_minute = 40

    world.knobs.on_request = lower
    world.stored()
    assert world.devnet.stats.by_status[429] <= 24  # one for every reader with an open request
    ends_undisturbed(world)


def test_a_pause_longer_than_the_settings_allow_ends_the_run_and_changes_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed
) -> None:
    """A server that requires a pause of an hour gets few further requests."""
    world = make_world(make_chain(2, 9))
    world.knobs.fault_rate, world.knobs.fault_kinds, world.knobs.retry_after_seconds = 1.0, ("429",), 3_600
    with pytest.raises(ApiError) as limited:
        world.sync()
    assert_shown("`rate limited until ...`", str(limited.value))
    assert world.requests() <= 24
    world.knobs.fault_rate = 0.0
    sync_until_complete(world)
    ends_undisturbed(world)

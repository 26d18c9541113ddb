"""Processes that die: stored days are kept, and the next sync stores the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines.sync.ethereum.blocks import BLOCKS
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, EthereumSync, World, fetched, make_chain, stored
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import child_environment

MakeEthereum = Callable[..., DevnetWorld]


class Killed(BaseException):
    """An error that no code catches."""


def die_in(walk: EthereumSync, what: str, turn: int, die: Callable[[], None]) -> None:
    """Make the sync die before it writes a file or loads the table for the `turn`th time."""
    owner: Any = walk.store.files if what == "write" else walk.store.warehouse
    right, begun = getattr(owner, what), 0

    def dying(*given: Any, **named: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun == turn:
            die()
        return right(*given, **named)

    setattr(owner, what, dying)


def killed(walk: EthereumSync, world: DevnetWorld, what: str, turn: int) -> None:
    def die() -> None:
        raise Killed

    die_in(walk, what, turn, die)
    with pytest.raises(Killed):
        list(walk.sync(world.days))


@pytest.mark.parametrize("what", ["write", "load"])
@pytest.mark.parametrize("dataset", [BLOCKS, BALANCES])
def test_killed_between_two_files_or_between_file_and_table(
    make_ethereum: MakeEthereum, dataset: str, what: str
) -> None:
    world = make_ethereum(make_chain())
    if dataset == BALANCES:
        stored(world.blocks())
    walk = world.blocks_sync() if dataset == BLOCKS else world.balances_sync()
    killed(walk, world, what, 2)
    kept = world.days[-1:] if what == "write" else world.days[1:]
    assert set(world.certificates(dataset)) == set(kept)
    again = world.sync()
    assert set(fetched(again.blocks if dataset == BLOCKS else again.balances)) == set(world.days) - set(kept)
    world.assert_true()


@pytest.mark.parametrize(("what", "turn"), [("write", 1), ("write", 2), ("write", 3), ("load", 1)])
def test_killed_while_changed_days_are_read_again(make_stored: MakeEthereum, what: str, turn: int) -> None:
    """Two days change: the closed one is opened, then both are written. After the kill, a sync of today alone fetches
    every day that is not closed."""
    world = make_stored(6)
    world.chain.reorg(60)
    killed(world.blocks_sync(), world, what, turn)
    before = world.certificates()
    newest, older = before[world.days[-1]], before[world.days[-2]]
    assert not newest.is_closed
    if (what, turn) != ("write", 1):
        assert not older.is_closed
    stored(world.blocks(world.days[-1:]))
    stored(world.balances())
    world.assert_true()


def test_killed_while_the_balances_of_changed_days_are_read_again(make_stored: MakeEthereum) -> None:
    world = make_stored(6)
    world.chain.reorg(60)
    stored(world.blocks())
    killed(world.balances_sync(), world, "write", 2)
    assert fetched(world.sync().balances) == [world.days[-2]]
    world.assert_true()


def test_killed_between_the_blocks_and_the_balances_that_were_read_for_them(make_ethereum: MakeEthereum) -> None:
    """The chain changes while balances are read. The process dies after their blocks were read again."""
    world = make_ethereum(make_chain(2, 6))
    stored(world.blocks())
    world.chain.reorg(60)
    killed(world.balances_sync(), world, "write", 1)
    world.sync()
    world.assert_true()


def test_after_a_real_kill_stored_days_are_kept(make_ethereum: MakeEthereum) -> None:
    world, dataset = make_ethereum(make_chain(1)), BALANCES
    stored(world.blocks())
    arguments = [sys.executable, "-m", __name__, world.url, str(world.data), dataset, *map(str, world.days)]
    done = subprocess.run(arguments, env=child_environment({}), timeout=LONGEST, check=False)
    assert done.returncode == 9
    assert set(world.certificates(dataset)) == {world.days[-1]}
    world.sync()
    world.assert_true()


def main(url: str, data: str, dataset: str, *days: str) -> None:
    """Sync the days, and die before the second one is written."""
    from datetime import date

    world = World(url, Path(data))
    walk = world.blocks_sync() if dataset == BLOCKS else world.balances_sync()
    die_in(walk, "write", 2, lambda: os._exit(9))
    list(walk.sync(date.fromisoformat(day) for day in days))


if __name__ == "__main__":
    main(*sys.argv[1:])

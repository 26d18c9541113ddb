"""The balances of new wallets equal a plain recount of the devnet's accounts, and their nonces prove the history."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import count

import pytest
from msgspec.structs import replace

from stx_pipelines.chains.datasets import DATASETS, WALLET_BALANCES
from stx_pipelines.chains.days import day_of
from stx_pipelines.clients.errors import Interrupted
from stx_pipelines.devnet.stacks.accounts import Accounts
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines.sync.runner import open_sync, run_sync
from stx_pipelines.sync.stacks.balances import open_wallet_balances
from stx_pipelines.sync.stacks.verify_balances import verify_balances
from stx_pipelines_tests.cli.conftest import run
from stx_pipelines_tests.cli.folders import DONE, HEALTHY, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, failed, make_chain, plain_rows, query, recent_chain, stored

__all__ = ["run"]  # a fixture, found by its name

MODULE = "stx_pipelines.sync.stacks.balances"


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return a world of a few closed days, whose transactions are stored."""
    world = make_world(make_chain(2, transactions_per_day=900), stx_balances=True)
    world.stored()
    world.requests()
    return world


def recount(world: World, day: date) -> list[tuple[object, ...]]:
    """Return the rows that the day must have, from the chain and its accounts. Rows of block 1 move no nonce."""
    nonces = defaultdict[str, list[int]](list)
    rows = [tx for tx in world.chain.transactions(day) if tx.block_height > 1]
    last = max(rows, key=lambda tx: tx.block_height)
    new = {tx.sender_address for tx in rows if tx.nonce == 0} | {
        tx.sponsor_address for tx in rows if tx.sponsor_nonce == 0
    }
    for tx in (tx for tx in world.chain.rows if tx.block_height <= last.block_height):
        nonces[tx.sender_address].append(tx.nonce)
        if tx.sponsor_address is not None and tx.sponsor_address != tx.sender_address:
            nonces[tx.sponsor_address].append(tx.sponsor_nonce)
    accounts = Accounts(world.chain)
    block = next(block for block in world.chain.blocks if block.height == last.block_height)
    made = []
    for address in sorted(new):
        held = accounts.at(address, last.block_height)
        unlock = block.burn_height + 1_000 if held.locked else 0
        funded = held.total >= 10_000_000
        balance = (held.total - held.locked, held.locked, unlock)
        place = (block.height, block.index_hash, last.burn_block_time)
        made.append((address, *balance, max(nonces[address]) + 1, funded, *place))
    return made


def closed_days(world: World) -> list[date]:
    return [day for day, known in world.certificates().items() if known.is_closed]


def test_every_row_equals_a_recount_and_a_stored_day_costs_no_request(world: World) -> None:
    days = closed_days(world)
    outcomes = stored(run_sync(world.project(), WALLET_BALANCES, days, force=False))
    assert list(outcomes) == days[::-1]
    assert len(days) == 2
    found = {day: plain_rows(world.data, WALLET_BALANCES, day) for day in days}
    assert found == {day: recount(world, day) for day in days}
    assert all(found.values())
    rows = [row for day in days for row in found[day]]
    assert {row[5] for row in rows} == {True, False}
    assert any(row[2] for row in rows)
    assert world.requests() == len(rows) == query(world.data, "SELECT count(*) FROM wallet_balances")[0][0]
    assert stored(run_sync(world.project(), WALLET_BALANCES, days, force=False)).keys() == set(days)
    assert world.requests() == 0


def test_a_wrong_nonce_fails_the_day_and_an_open_day_waits(
    world: World, make_world: Callable[..., World], run: Run
) -> None:
    [first, second, today] = world.days
    world.knobs.nonce_excess = 1
    sentences = failed(run_sync(world.project(), WALLET_BALANCES, world.days, force=False))
    assert sentences.keys() == set(world.days)
    assert sentences[first].startswith("the node states higher nonces than our transactions have for")
    address, *_, nonce, _, height, _, _ = recount(world, second)[0]
    assert sentences[second] == (
        f"the node states {int(str(nonce)) + 1} as the next nonce of {address} after block {height}, but the account's "
        f"highest nonce up to that block is {int(str(nonce)) - 1}, so it must be {nonce}"
    )
    assert "not closed yet" in sentences[today]
    store = world.project().store(WALLET_BALANCES)
    assert store.attempts.all().keys() == {first, second}
    assert store.files.days() == []
    assert_shown("`the node states ... as the next nonce of ...`", sentences[second])
    assert run(world, "verify", "--from", str(second), "--to", str(second)).exit_code == DONE
    world.overrides |= {"stx_node_url": make_world(world.chain).url, "stx_node_requests_per_minute": 0}
    assert run(world, "sync", "--chain", "stacks_balances", "--retry").exit_code == DONE


def test_a_stored_day_is_verified_again(world: World) -> None:
    """Verification finds a node with other nonces, rows that the transactions contradict, and a missing row."""
    day = closed_days(world)[-1]
    stored(run_sync(world.project(), WALLET_BALANCES, [day], force=False))
    store = world.project().store(WALLET_BALANCES)
    rows, known = store.rows(day), store.files.certificates()[day]
    world.requests()

    def verified(every: bool = True) -> tuple[str, list[str]]:
        return verify_balances(open_wallet_balances(world.project()), known, every=every)

    assert verified() == (
        f"{len(rows)} new wallets, all nonces are one more than those of our transactions; {len(rows)} balances read "
        "once more",
        [],
    )
    assert world.requests() == len(rows)
    assert "; 20 balances" in verified(every=False)[0]
    assert world.requests() == 20 < len(rows)
    world.knobs.nonce_excess = 1
    assert verified()[1] == [f"{row.address} now differs from the file in nonce" for row in rows]
    world.knobs.nonce_excess, world.knobs.states_kept = 0, 1
    compared, faults = verified()
    assert "no balance was read once more, because the node does not give it" in compared
    assert faults == []
    wrong = [rows[0]._replace(nonce=rows[0].nonce + 1), rows[1]._replace(is_funded=not rows[1].is_funded), *rows[2:-1]]
    store.files.write(to_arrow(DATASETS[WALLET_BALANCES], wrong), replace(known, seen=len(wrong)))
    nonce, funded, missing = verified()[1]
    assert f"the node states {rows[0].nonce + 1} as the next nonce of {rows[0].address}" in nonce
    assert funded == f"the row of {rows[1].address} does not fit its balance or the day's last block"
    assert missing == f"{rows[-1].address} is new on the day, but has no row"


def test_an_interrupted_day_goes_on_where_it_stopped(world: World) -> None:
    """A day that failed, or is read by force, asks for every account again."""
    day, read = closed_days(world)[-1], 10
    rows = len(recount(world, day))
    sync = open_wallet_balances(world.project())
    pages = count(1)
    sync.on_page = lambda _: sync.client.http.stop.set() if next(pages) == read else None
    with pytest.raises(Interrupted):
        list(sync.sync([day]))
    with world.folder.states(WALLET_BALANCES).open("ab") as file:
        file.write(b'["0x12')  # a kill may cut off a line
    world.requests()
    world.knobs.nonce_excess = 1
    assert failed(run_sync(world.project(), WALLET_BALANCES, [day], force=False)).keys() == {day}
    assert world.requests() == 1
    world.knobs.nonce_excess = 0
    stored(run_sync(world.project(), WALLET_BALANCES, [day], force=False))
    assert world.requests() == rows
    assert plain_rows(world.data, WALLET_BALANCES, day) == recount(world, day)
    assert not world.folder.states(WALLET_BALANCES).exists()


def test_a_block_without_transactions_is_not_awaited(make_world: Callable[..., World]) -> None:
    """The nonces of its day are proved as on other days."""
    world = make_world(make_chain(9, transactions_per_day=100, burn_blocks_per_day=24), stx_balances=True)
    world.stored()
    full = {tx.block_height for tx in world.chain.rows}
    [_, empty] = [block for block in world.chain.blocks if block.height not in full]
    day = day_of(next(tx.burn_block_time for tx in world.chain.rows if tx.block_height == empty.height - 1))
    assert day == day_of(next(tx.burn_block_time for tx in world.chain.rows if tx.block_height == empty.height + 1))
    world.knobs.nonce_excess = 1
    [sentence] = failed(run_sync(world.project(), WALLET_BALANCES, [day], force=False)).values()
    assert "so it must be" in sentence
    world.knobs.nonce_excess = 0
    stored(run_sync(world.project(), WALLET_BALANCES, [day], force=False))
    assert plain_rows(world.data, WALLET_BALANCES, day) == recount(world, day) != []


def test_at_most_30_percent_of_the_budget(world: World) -> None:
    for budget, share in ((0, 0), (1, 1), (50, 15), (500, 150)):
        project = world.project().replaced(hiro_requests_per_minute=budget)
        assert open_sync(project, WALLET_BALANCES).share.requests_per_minute == share  # type: ignore[attr-defined]


def test_off_costs_no_request_and_no_import(make_world: Callable[..., World], run: Run) -> None:
    world = make_world(recent_chain(2, transactions_per_day=320), stx_target_days=2)
    sys.modules.pop(MODULE, None)
    accounts: list[str] = []
    world.knobs.on_request = lambda path: accounts.append(path) if "/v2/accounts" in path else None
    assert run(world, "sync").exit_code == DONE
    assert MODULE not in sys.modules
    assert accounts == []
    assert [each["dataset"] for each in json.loads(run(world, "status", "--json").stdout)] == ["transactions"]

    world.overrides["stx_balances"] = "1"
    world.knobs.states_kept = 1
    told = run(world, "sync")
    assert told.exit_code == DONE, told.output
    assert "does not give the states of accounts at the end of" in told.output
    assert_shown("`... does not give the states of accounts at the end of ...`", told.output)
    assert len(accounts) == 1
    assert run(world, "sync").exit_code == DONE
    assert len(accounts) == 1
    health = run(world, "health")
    assert health.exit_code == HEALTHY, health.output

    (world.folder.unserved(WALLET_BALANCES)).unlink()
    world.knobs.states_kept = 0
    done = run(world, "sync")
    assert done.exit_code == DONE, done.output
    days = closed_days(world)
    assert {day: plain_rows(world.data, WALLET_BALANCES, day) for day in days} == {
        day: recount(world, day) for day in days
    }
    verified = run(world, "verify", "--chain", "stacks_balances")
    assert verified.exit_code == DONE, verified.output
    assert "balances read once more" in verified.stdout
    [_, status] = json.loads(run(world, "status", "--json").stdout)
    assert status["days_wanted"] == status["days_complete"] == len(days) > 0

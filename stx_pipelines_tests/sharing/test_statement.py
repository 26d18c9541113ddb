"""A statement lists what changed an account's balance, and adds up to the microSTX or says by how much it does not."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.devnet.stacks.accounts import REWARD_USTX, Accounts
from stx_pipelines.settings import SettingsError
from stx_pipelines.sharing import statement
from stx_pipelines.sharing.statement import Line, Statement, make_statement
from stx_pipelines_tests.cli.conftest import run
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, Run
from stx_pipelines_tests.world import World, make_chain

__all__ = ["run"]  # a fixture, found by its name


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(make_chain(3))


def of(world: World, address: str) -> Statement:
    api = world.project().stacks_api()
    return make_statement(api, world.project().stacks_node(api.http), address, world.days[1], world.days[2])


def busiest(world: World, role: str) -> str:
    rows = [tx for day in world.days[1:3] for tx in world.chain.transactions(day) if tx.fee_ustx]
    names = Counter(getattr(tx, f"{role}_address") for tx in rows)
    names.pop(None, None)
    return str(names.most_common(1)[0][0])


def miner(world: World) -> str:
    return next(tx.sender_address for tx in world.chain.transactions(world.days[1]) if tx.tx_type == "coinbase")


def in_days(world: World, unix: int) -> bool:
    return world.days[1] <= datetime.fromtimestamp(unix, UTC).date() <= world.days[2]


@pytest.mark.parametrize("role", ["sender", "sponsor"])
def test_every_transaction_of_the_days_is_listed_and_adds_up(world: World, role: str) -> None:
    address = busiest(world, role)
    made = of(world, address)
    truth = [each for each in Accounts(world.chain).changes(address) if in_days(world, each.tx.block_time)]
    assert [line.tx_id for line in made.lines] == [each.tx.tx_id for each in truth] != []
    assert [(line.sent_ustx, line.received_ustx, line.balance_ustx) for line in made.lines] == [
        (each.sent, each.received, each.after) for each in truth
    ]
    assert made.unexplained_ustx == 0
    payers = {each.tx.tx_id: each.tx.sponsor_address or each.tx.sender_address for each in truth}
    for line, each in zip(made.lines, truth, strict=True):
        assert line.fee_ustx == (each.tx.fee_ustx if payers[line.tx_id] == address else 0)


def test_rewards_of_a_miner_are_not_explained(world: World) -> None:
    made = of(world, miner(world))
    coinbases = sum(line.tx_type == "coinbase" for line in made.lines)
    assert made.unexplained_ustx == coinbases * REWARD_USTX > 0


def test_a_balance_that_is_too_large_by_one_shows(world: World) -> None:
    address = busiest(world, "sender")
    opening = of(world, address).opening
    assert opening is not None

    def lie(path: str) -> None:
        world.knobs.balance_excess_ustx = int("/v2/accounts" in path and opening.index_block_hash[2:] not in path)

    world.knobs.on_request = lie
    assert of(world, address).unexplained_ustx == 1


def test_a_reorg_during_the_statement_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    address, forks = busiest(world, "sender"), []
    read = statement._changes

    def changes(*arguments: object) -> object:
        if not forks:
            forks.append(1)
            world.chain.reorg(burn_blocks=200)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(statement, "_changes", changes)
    made = of(world, address)
    assert made.unexplained_ustx == 0
    assert world.chain.block_by_hash(made.closing.index_block_hash) is not None
    truth = [each.tx.tx_id for each in Accounts(world.chain).changes(address) if in_days(world, each.tx.block_time)]
    assert [line.tx_id for line in made.lines] == truth


def test_a_node_without_old_states_is_named(world: World) -> None:
    world.knobs.states_kept = 5
    with pytest.raises(SettingsError, match="does not keep the balances of old blocks"):
        of(world, busiest(world, "sender"))


def test_a_server_without_accounts_is_named(world: World) -> None:
    world.knobs.node_missing = True
    with pytest.raises(ApiError, match="HTTP 404 at /v2/accounts"):
        of(world, busiest(world, "sender"))


def test_more_transactions_than_fit_into_memory_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "MOST_TRANSACTIONS", 1)
    with pytest.raises(SettingsError, match="choose a shorter range"):
        of(world, busiest(world, "sender"))


def test_the_command_prints_a_table_or_csv_and_ends_with_the_sum(world: World, run: Run, tmp_path: Path) -> None:
    address, days = busiest(world, "sender"), ("--from", str(world.days[1]), "--to", str(world.days[2]))
    shown = run(world, "statement", address, *days)
    assert shown.exit_code == DONE, shown.output
    assert shown.stdout.splitlines()[-1].endswith("it adds up to the microSTX.")
    file = tmp_path / "lines.csv"
    assert run(world, "statement", address, *days, "--format", "csv", "--output", str(file)).exit_code == DONE
    printed = run(world, "statement", address, *days, "--format", "csv")
    assert printed.stdout == file.read_text()
    made = of(world, address)
    with file.open(newline="") as lines:
        assert next(csv.reader(lines)) == list(Line._fields)
        lines.seek(0)
        assert [int(row["balance_ustx"]) for row in csv.DictReader(lines)] == [line.balance_ustx for line in made.lines]
    unexplained = run(world, "statement", miner(world), *days)
    assert unexplained.exit_code == NOT_YET
    assert "are not explained by transactions. Block rewards" in unexplained.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("SP1/../x", "--from", "2026-01-01", "--to", "2026-01-02"), "is not a Stacks address"),
        (("SP1", "--from", "2026-01-02", "--to", "2026-01-01"), "--from is not after --to"),
        (("SP1",), "--from and --to are needed"),
    ],
)
def test_wrong_arguments_are_one_sentence(world: World, run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(world, "statement", *arguments)
    assert done.exit_code == ERROR
    assert said in done.output

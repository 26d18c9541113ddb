"""`verify --chain ethereum` finds what differs between the node, the day files and the tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines_tests.cli.folders import DONE, ERROR
from stx_pipelines_tests.store.ethereum_days import change
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, make_chain, open_store
from stx_pipelines_tests.world import FIRST_DAY

RunEthereum = Callable[..., Result]
DAYS = ("--from", str(FIRST_DAY), "--to", str(FIRST_DAY))


@pytest.fixture
def stored(make_ethereum: Callable[..., DevnetWorld]) -> DevnetWorld:
    """Two days, stored and loaded."""
    world = make_ethereum(make_chain(1))
    world.sync()
    return world


def rewrite(world: DevnetWorld, dataset: str, at: int, **fields: Any) -> None:
    """Change a row of a day file and keep its certificate."""
    store = open_store(world.data, dataset)
    rows, known = store.rows(FIRST_DAY), store.files.certificate(FIRST_DAY)
    assert known is not None
    rows[at] = rows[at]._replace(**fields)
    store.files.write(to_arrow(DATASETS[dataset], rows), known)


def verify(run: RunEthereum, world: DevnetWorld, *options: str) -> Result:
    return run(world, "verify", "--chain", "ethereum", *options)


@pytest.mark.parametrize("every", [(), ("--all",)])
def test_good_days_agree(stored: DevnetWorld, run: RunEthereum, every: tuple[str, ...]) -> None:
    stored.calls()
    done = verify(run, stored, *DAYS, *every)
    assert done.exit_code == DONE, done.output
    lines = done.stdout.splitlines()
    said = int(lines[0].split("about ")[1].split()[0].replace(",", ""))
    assert stored.calls() <= said + 10
    rows = stored.certificates(BALANCES)[FIRST_DAY].seen
    chosen, proved = (rows, rows) if every else (20, r"2[012]")  # the first and the last may be drawn as well
    assert f"blocks {FIRST_DAY}: {rows + 1} blocks: all agree" in lines
    said_of_balances = (
        f"miners_balance {FIRST_DAY}: {rows} rows, {chosen} of them read once more; "
        f"balances of {proved} of {rows} blocks proved by account proofs: all agree"
    )
    assert any(re.fullmatch(said_of_balances, line) for line in lines)
    assert lines[-1] == "miners_balance: 1 of 1 days are in the table exactly as in their files"


def test_without_days_closed_ones_are_chosen(stored: DevnetWorld, run: RunEthereum) -> None:
    done = verify(run, stored)
    assert done.exit_code == DONE, done.output
    assert f"blocks {FIRST_DAY}: " in done.stdout


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"gas_used": 1}, "differs from the file in gas_used"), ({"state_root": "0x" + "1" * 64}, "in state_root")],
)
def test_an_altered_row_of_blocks_is_named(
    stored: DevnetWorld, run: RunEthereum, fields: dict[str, Any], words: str
) -> None:
    rewrite(stored, BLOCKS, 50, **fields)
    done = verify(run, stored, *DAYS)
    assert done.exit_code == ERROR
    assert f"blocks {FIRST_DAY}: block 50 " in done.stdout
    assert words in done.stdout


def test_an_altered_balance_is_found_by_all(stored: DevnetWorld, run: RunEthereum) -> None:
    rows = open_store(stored.data, BALANCES).rows(FIRST_DAY)
    at = next(n for n, (one, two) in enumerate(zip(rows[1:], rows[2:], strict=False), 1)
              if rows[n - 1].miner != one.miner != two.miner)  # fmt: skip
    wrong = rows[at].balance_after + 1
    rewrite(stored, BALANCES, at, balance_after=wrong, balance_increase=rows[at].balance_increase + 1)
    done = verify(run, stored, *DAYS, "--all")
    assert done.exit_code == ERROR
    assert f"{rows[at].miner} has {wrong - 1} Wei at block {rows[at].block_number}, but {wrong} in" in done.stdout


def test_a_node_with_an_altered_header_is_named(stored: DevnetWorld, run: RunEthereum) -> None:
    stored.knobs.altered_member, stored.knobs.altered_block = "logsBloom", 60
    done = verify(run, stored, *DAYS)
    assert done.exit_code == ERROR
    assert "block 60: its fields have the hash" in done.stdout


def test_a_table_that_differs_is_named(stored: DevnetWorld, run: RunEthereum) -> None:
    change(stored.data / "warehouse.duckdb", "UPDATE blocks SET difficulty = 5 WHERE number = 7")
    done = verify(run, stored, *DAYS)
    assert done.exit_code == ERROR
    assert f"blocks {FIRST_DAY}: the table differs" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--all",), "--all is for --chain ethereum, --chain stacks_balances or --merkle"),
        (("--chain", "ethereum", "--links"), "--merkle and --links are for --chain stacks"),
    ],
)
def test_options_of_the_other_chain_are_refused(
    stored: DevnetWorld, run: RunEthereum, options: tuple[str, ...], said: str
) -> None:
    done = run(stored, "verify", *options)
    assert done.exit_code == ERROR
    assert said in done.output

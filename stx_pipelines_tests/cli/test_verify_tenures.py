"""`verify --merkle` finds false rows in stored days and resumes; `verify --links` compares days without a request."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pyarrow.parquet as pq
import pytest

from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.sync.stacks.tenures import can_be_proved
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.coverage.made_up import certificate
from stx_pipelines_tests.world import World, recent_chain

DAYS = 3


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return days of small burn blocks, and today, proved by counts."""
    chain = recent_chain(DAYS, burn_blocks_per_day=12, transactions_per_day=120)
    return make_world(chain, stx_target_days=DAYS, stx_proof="counts")


def closed(world: World) -> list[date]:
    return [day for day, known in world.certificates().items() if known.is_closed]


def test_all_burn_blocks_are_proved_once_and_the_status_says_so(world: World, run: Run) -> None:
    world.stored()
    done = run(world, "verify", "--merkle", "--all")
    assert done.exit_code == DONE, done.output
    assert "requests" in done.stdout.splitlines()[0]
    assert done.stdout.count("burn blocks proved now") == len(closed(world))
    world.requests()
    again = run(world, "verify", "--merkle", "--all")
    assert again.exit_code == DONE
    assert world.requests() == 0
    assert "0 burn blocks of" in again.stdout
    assert "burn blocks also by the hashes" in run(world, "status").stdout


def test_a_sample_goes_on_where_the_last_one_ended(world: World, run: Run) -> None:
    world.stored()
    day = closed(world)[-1]
    store = world.store("transactions")
    counts = []
    for _ in range(4):
        assert run(world, "verify", "--merkle", "--from", str(day), "--to", str(day)).exit_code == DONE
        counts.append(len(store.evidence.of(world.certificates()[day])))
    busy = len({tx.burn_block_height for tx in world.chain.transactions(day)})
    assert counts == [min(busy, 5 * number) for number in range(1, 5)]


@pytest.mark.parametrize("fields", [{}, {"fee_ustx": 3}], ids=["missing", "wrong fee"])
def test_a_row_that_pages_and_counts_agree_on_is_named(world: World, run: Run, fields: dict[str, int]) -> None:
    world.sync([])
    day = world.days[1]
    tx = next(tx for tx in world.chain.transactions(day) if tx.tx_type == "token_transfer")
    world.chain.falsify(tx.tx_id, **fields)
    world.stored()
    counted = run(world, "verify", "--from", str(day), "--to", str(day))
    assert f"{day}: " in counted.stdout
    assert " burn blocks agree" in counted.stdout
    done = run(world, "verify", "--merkle", "--all")
    assert done.exit_code == ERROR
    assert f"{day}: burn block {tx.burn_block_height}: Stacks block {tx.block_height} " in done.stderr
    assert tx.tx_id in done.stderr
    assert "sync --force-refresh" in done.stderr


def test_a_server_without_raw_blocks_is_named_and_the_full_proof_ends_with_2(make_world: MakeWorld, run: Run) -> None:
    chain = recent_chain(DAYS, burn_blocks_per_day=12, transactions_per_day=120)
    world = make_world(chain, Knobs(node_missing=True), stx_target_days=DAYS, stx_proof="full")
    done = run(world, "sync")
    assert done.exit_code == NOT_YET, done.output
    assert "verify --merkle --all" in done.stderr
    world.assert_true()
    done = run(world, "verify", "--merkle", "--all")
    assert done.exit_code == NOT_YET
    assert "set STX_NODE_URL" in done.stderr
    world.knobs.node_missing = False
    assert run(world, "verify", "--merkle", "--all").exit_code == DONE
    assert run(world, "sync").exit_code == DONE


def test_links_need_no_request_and_name_a_day_of_another_fork(world: World, run: Run) -> None:
    world.stored()
    world.requests()
    done = run(world, "verify", "--links")
    assert done.exit_code == DONE, done.output
    assert world.requests() == 0
    store = world.store("transactions")
    day = closed(world)[-1]
    known = world.certificates()[day]
    false = msgspec.structs.replace(known, first_parent_hash="0x" + "1" * 64)
    store.files.write(pq.read_table(store.files.path(day)), false)
    done = run(world, "verify", "--links")
    assert done.exit_code == ERROR
    assert done.stderr.startswith(f"{day}: the parent of its first Stacks block ({known.first_height})")


WRONG = {
    "--merkle --links": "exclude each other",
    "--all": "--all is for",
    "--merkle --chain ethereum": "are for --chain stacks",
    "--merkle --from 2020-01-01 --to 2020-01-02": "no closed day was chosen",
}


@pytest.mark.parametrize("options", WRONG)
def test_options_that_do_not_fit_are_one_sentence(world: World, run: Run, options: str) -> None:
    done = run(world, "verify", *options.split())
    assert done.exit_code == ERROR
    assert WRONG[options] in done.stderr


def test_nothing_is_asked_of_days_before_nakamoto() -> None:
    known = msgspec.structs.replace(certificate(date(2026, 1, 1)), seen=1)
    for day, route, expected in (
        (date(2024, 10, 29), "v3", True),
        (date(2024, 10, 28), "v3", False),
        (date(2024, 10, 29) + timedelta(days=9), "v1", False),
    ):
        assert can_be_proved(msgspec.structs.replace(known, day=day, route=route)) == expected

"""The metadata of a day of Ethereum equals the sums of the day's rows, to the last digit."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import msgspec
from eth_utils import from_wei

from stx_pipelines.chains.addresses import shown_address
from stx_pipelines.defs.assets.metadata import describe_balances, describe_blocks
from stx_pipelines.store.summaries import summarize_balances
from stx_pipelines_tests.store.ethereum_days import (
    ALICE,
    BOB,
    CAROL,
    DAYS,
    PER_DAY,
    balances_table,
    blocks_of,
    blocks_table,
    certificate,
    changes_of,
)
from stx_pipelines_tests.world import ROOT

DAY = DAYS[0]
BLOCKS, CHANGES = blocks_of(DAY), changes_of(DAY)


def in_eth(wei: int) -> Decimal:
    """Return Wei as ETH, converted by Ethereum's own library, which refuses negative values."""
    return Decimal(from_wei(abs(wei), "ether")).copy_sign(wei)


def text(value: dg.MetadataValue) -> str:
    return str(value.value)


def by_hour(value: dg.MetadataValue) -> dict[str, list[object]]:
    """Return the values of each hour that has blocks, from a table by hour."""
    assert isinstance(value, dg.TableMetadataValue)
    assert [record.data["hour (UTC)"] for record in value.records] == [f"{hour:02}" for hour in range(24)]
    rows = {str(record.data["hour (UTC)"]): list(record.data.values())[1:] for record in value.records}
    return {hour: row for hour, row in rows.items() if row[0]}


def test_a_day_of_blocks_says_what_a_person_wants_to_know() -> None:
    metadata = describe_blocks(certificate("blocks", DAY, BLOCKS), blocks_table(BLOCKS))
    said = {name: value.value for name, value in metadata.items()}
    assert said["state"] == "closed"
    assert said["expected"] == said["seen"] == said["dagster/partition_row_count"] == PER_DAY
    assert said["heights"] == "1000 to 1005"
    assert (said["calls"], said["calls_per_block"], said["blocks_per_second"]) == (9, 1.5, 3.0)
    assert (said["gas_used"], said["transactions"]) == (PER_DAY * 21_000, 0 + 1 + 2 + 3 + 4 + 5)
    assert said["fee_recipients"] == 3
    lines = str(said["top_fee_recipients"]).splitlines()[2:]
    shown = [shown_address(miner) for miner in (BOB, ALICE, CAROL)]
    assert lines == [f"| `{miner}` | {blocks} |" for miner, blocks in zip(shown, (3, 2, 1), strict=True)]
    hours = Counter(f"{datetime.fromtimestamp(block.timestamp, UTC):%H}" for block in BLOCKS)
    assert by_hour(metadata["blocks_per_hour"]) == {hour: [count] for hour, count in hours.items()}


def test_a_day_of_balances_says_whose_balance_changed_by_how_much() -> None:
    metadata = describe_balances(certificate("miners_balance", DAY, BLOCKS), balances_table(CHANGES))
    said = {name: value.value for name, value in metadata.items()}
    total = sum(change.balance_increase for change in CHANGES)
    assert said["increase_eth"] == f"{in_eth(total):f}"
    assert said["positive_share"] == said["zero_share"] == said["negative_share"] == 0.3333
    lines = str(said["top_fee_recipients"]).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [f"| `{shown_address(miner)}`" for miner in (BOB, ALICE, CAROL)]
    for line, miner in zip(lines, (BOB, ALICE, CAROL), strict=True):
        mine = sum(change.balance_increase for change in CHANGES if change.miner == miner)
        assert Decimal(line.split(" | ")[2].removesuffix(" |")) == in_eth(mine)
    hours = {f"{datetime.fromtimestamp(change.block_time, UTC):%H}" for change in CHANGES}
    shown = by_hour(metadata["increase_per_block"])
    assert shown.keys() == hours
    means = [Decimal(str(mean)) * int(str(count)) for count, mean in shown.values()]
    assert abs(sum(means) - in_eth(total)) < Decimal("0.00001") * len(CHANGES)


def test_a_day_without_blocks_can_be_described() -> None:
    for describe, table in (
        (describe_blocks, blocks_table([])),
        (describe_balances, balances_table([])),
    ):
        metadata = describe(certificate("blocks", DAY, []), table)
        assert text(metadata["heights"]) == "none"
        assert metadata["calls_per_block"].value == 0.0


def test_a_day_that_took_no_time_has_no_pace() -> None:
    quick = msgspec.structs.replace(certificate("blocks", DAY, BLOCKS), seconds=0.0)
    assert describe_blocks(quick, blocks_table(BLOCKS))["blocks_per_second"].value == 0.0


def test_the_table_by_hour_leaves_no_block_out_and_is_small() -> None:
    many = [change._replace(balance_increase=n * 10**15) for n, change in enumerate(CHANGES * 1_203)][:7_213]
    by_hour = summarize_balances(balances_table(many)).by_hour
    assert sum(hour.blocks for hour in by_hour) == len(many)
    assert sum(hour.increase for hour in by_hour) == sum(change.balance_increase for change in many)
    table = describe_balances(certificate("x", DAY, BLOCKS), balances_table(many))["increase_per_block"]
    assert len(dg.serialize_value(table)) < 6_000  # bytes; Dagster's history keeps it for every day


def test_nobody_calls_the_increase_a_reward() -> None:
    """The increase consists of fees minus payments, and of withdrawals and other transfers."""
    found = subprocess.run(
        ["git", "grep", "-il", "reward", "--", "stx_pipelines/*thereum*", "stx_pipelines/store/sql"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""

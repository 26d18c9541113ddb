"""The asset checks of Ethereum fail or warn about wrong rows, and skip days that are not loaded yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stx_pipelines.defs.checks import ethereum_checks
from stx_pipelines.defs.resources import EthereumNode
from stx_pipelines.store.ethereum_checks import IncreaseShares, is_odd
from stx_pipelines_tests.store.ethereum_days import DAYS, blocks_of, change, store_blocks, store_days


@pytest.fixture
def database(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of three valid days, in the data folder of the settings."""
    monkeypatch.setenv("STX_DATA_DIR", str(data))
    return store_days(data)


def results() -> dict[str, dg.AssetCheckEvaluation]:
    """Run all checks in Dagster, and return their results by name."""
    assets = [dg.AssetSpec("blocks"), dg.AssetSpec("miners_balance")]
    defs = dg.Definitions(
        assets=assets,
        asset_checks=ethereum_checks,
        jobs=[dg.define_asset_job("look", selection=dg.AssetSelection.all_asset_checks())],
        executor=dg.in_process_executor,
        resources={"ethereum_node": EthereumNode()},
    )
    result = defs.resolve_job_def("look").execute_in_process(raise_on_error=False)
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def test_three_sound_days_pass_every_check(database: Path) -> None:
    assert database.exists()
    said = results()
    assert sorted(said) == ["balances_add_up", "blocks_are_linked", "increases_are_plausible"]
    assert all(each.passed for each in said.values())
    assert said["blocks_are_linked"].asset_key == dg.AssetKey("blocks")
    assert said["balances_add_up"].metadata["days_waiting_for_balances"].value == "none"
    shares = said["increases_are_plausible"].metadata
    assert [shares[f"{sign}_share"].value for sign in ("positive", "zero", "negative")] == [0.3333] * 3


def test_what_is_wrong_is_named_in_a_sentence(database: Path) -> None:
    change(
        database,
        "UPDATE blocks SET parent_hash = '0x00' WHERE number = 1003",
        "DELETE FROM miners_balance WHERE block_number = 1009",
    )
    said = results()
    linked, sums = said["blocks_are_linked"], said["balances_add_up"]
    assert not linked.passed
    assert linked.description
    assert linked.description.startswith("these blocks do not follow from the block before them in the table: 1003;")
    assert not sums.passed
    assert sums.description
    assert ": 1009; `stx-pipelines rebuild`" in sums.description


def test_a_day_whose_blocks_are_ahead_of_its_balances_waits(database: Path) -> None:
    """This happens after a reorg or on an open day. The next run reads the balances again."""
    store_blocks(database.parent, DAYS[2], blocks_of(DAYS[2], fork="f"))
    said = results()
    assert all(each.passed for each in said.values())
    assert said["balances_add_up"].metadata["days_waiting_for_balances"].value == str(DAYS[2])


def test_blocks_that_have_landed_and_wait_for_the_table_are_not_missed_in_it(database: Path) -> None:
    """The day file is newer than the table while another process has the database open."""
    store_blocks(database.parent, DAYS[1], blocks_of(DAYS[1])[:4], "open")
    store_blocks(database.parent, DAYS[1], blocks_of(DAYS[1]), load=False)
    said = results()
    assert said["blocks_are_linked"].passed
    assert said["balances_add_up"].passed


def test_a_day_full_of_zeros_is_a_warning_that_names_the_day(database: Path) -> None:
    change(
        database,
        "INSERT INTO miners_balance SELECT m.* FROM miners_balance AS m, range(50) "
        f"WHERE block_time::DATE = DATE '{DAYS[1]}' AND balance_increase = 0",
    )
    plausible = results()["increases_are_plausible"]
    assert not plausible.passed
    assert plausible.severity == dg.AssetCheckSeverity.WARN
    assert plausible.metadata["odd_days"].value == str(DAYS[1])


@pytest.mark.parametrize(
    ("day", "positive", "zero", "negative", "odd"),
    [
        ("2022-09-15", 400, 0, 600, False),
        ("2022-09-15", 399, 0, 601, True),
        ("2022-09-15", 700, 300, 0, False),
        ("2022-09-15", 699, 301, 0, True),
        ("2022-09-14", 750, 0, 250, False),
        ("2022-09-14", 749, 0, 251, True),
        ("2022-09-14", 950, 50, 0, False),
        ("2022-09-14", 949, 51, 0, True),
        ("2026-09-01", 0, 99, 0, False),
        ("2026-09-01", 0, 100, 0, True),
    ],
)
def test_before_the_merge_other_shares_are_plausible_than_since(
    day: str, positive: int, zero: int, negative: int, *, odd: bool
) -> None:
    """A day with few blocks is always plausible."""
    assert is_odd(IncreaseShares(date.fromisoformat(day), positive, zero, negative)) is odd


def test_a_missing_database_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STX_DATA_DIR", str(data))
    with pytest.raises(dg.Failure, match="does not exist; run `stx-pipelines rebuild`"):
        ethereum_checks[0](ethereum_node=EthereumNode())

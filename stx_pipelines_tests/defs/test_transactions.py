"""The UI, Dagster's commands and our commands store the same days, and Dagster has an event for each day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.definitions import build_defs
from stx_pipelines.defs.assets.daily import PASSING, RETRY_AT
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.checks import stacks_checks, transactions_are_certified
from stx_pipelines.defs.partitions import DAYS_TAG
from stx_pipelines.defs.resources import StacksApi
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.store.files import StoreError
from stx_pipelines.sync.outcome import Outcome
from stx_pipelines_tests.faults.processes import of_dagster, range_of_days
from stx_pipelines_tests.world import World, alike, command, query, recent_chain, table_rows, world

DAYS = 7
KEYS = {
    "state", "proof", "expected", "seen", "requests", "heights", "fees_stx", "summary", "transactions_per_hour",
    "first_block_time", "last_block_time", "dagster/partition_row_count",
}  # fmt: skip


@pytest.fixture(scope="module")
def truth_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of seven days and today, stored without Dagster. Other ways to store days are compared with it."""
    with world(recent_chain(DAYS), tmp_path_factory.mktemp("reference")) as reference:
        reference.stored()
        reference.assert_true()
        yield reference


@pytest.fixture
def here(truth_world: World, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with the same devnet and an empty data folder. Its settings are in the environment."""
    vars(truth_world.knobs).update(vars(Knobs()))
    mine = replace(truth_world, data=data, last_sync=None)
    for name, value in mine.environment.items():
        monkeypatch.setenv(name, value)
    home = data.parent / "dagster-home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    yield mine
    vars(truth_world.knobs).update(vars(Knobs()))


def materialize(instance: dg.DagsterInstance, first: date, last: date, **config: Any) -> dg.ExecuteInProcessResult:
    """Run one partition, or a range of partitions in one run, as the UI does."""
    ops = {"ops": {"transactions": {"config": config}}} if config else None
    common: dict[str, Any] = {
        "resources": {"stacks_api": StacksApi()},
        "instance": instance,
        "raise_on_error": False,
        "run_config": ops,
    }
    if first == last:
        return dg.materialize([transactions], partition_key=str(first), **common)
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    return dg.materialize([transactions], tags=tags, **common)


def materializations(instance: dg.DagsterInstance) -> list[dg.AssetMaterialization]:
    """Return Dagster's events of stored days, newest first."""
    records = instance.fetch_materializations(dg.AssetKey("transactions"), limit=100).records
    return [record.asset_materialization for record in records if record.asset_materialization]


def assert_same(here: World, reference: World, days: list[date]) -> None:
    """Assert that `here` has exactly these days, with the same rows and certificates as `reference`."""
    ours, theirs = alike(here.certificates()), alike(reference.certificates())
    assert ours == {day: theirs[day] for day in days}
    wanted = {str(day) for day in days}
    assert table_rows(here.data) == [row for row in table_rows(reference.data) if str(row[8].date()) in wanted]


def test_one_partition_lands_that_day(here: World, truth_world: World) -> None:
    day = here.days[3]
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, day, day).success
        assert instance.get_materialized_partitions(dg.AssetKey("transactions")) == {str(day)}
    assert_same(here, truth_world, [day])


def test_a_range_of_days_in_one_run_lands_them_all(here: World, truth_world: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(instance, here.days[0], here.days[-1])
        assert result.success
        assert instance.get_materialized_partitions(dg.AssetKey("transactions")) == {str(day) for day in here.days}
        assert instance.get_runs_count() == 1
    assert_same(here, truth_world, here.days)


MODULE = ["-m", "stx_pipelines.definitions"]


@pytest.mark.parametrize(
    "program",
    [["dagster", "asset", "materialize", "--select"], ["dagster_dg_cli.cli", "launch", "--assets"]],
    ids=["dagster", "dg launch"],
)
def test_dagsters_commands_store_a_day(here: World, truth_world: World, program: list[str]) -> None:
    day = here.days[-2]
    module, *arguments = program
    done = command([*arguments, "transactions", "--partition", str(day), *MODULE], here.environment, module=module)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_same(here, truth_world, [day])


def test_dagsters_command_stores_a_range_of_days(here: World, truth_world: World) -> None:
    """The command runs in this process, because it has imported Dagster already."""
    done = of_dagster(range_of_days(STACKS, here.days[0], here.days[-1]), here.environment)
    assert done.exit_code == 0, done.output[-2000:]
    assert_same(here, truth_world, here.days)


def test_our_command_lands_what_is_wanted(here: World, truth_world: World) -> None:
    done = command(["sync", "--target-days", str(DAYS)], here.environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_same(here, truth_world, here.days)
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("transactions")) == {str(day) for day in here.days}
        told = {run.tags.get(DAYS_TAG) for run in instance.get_runs()}
    assert told >= {str(here.days[-1]), f"{here.days[0]}..{here.days[-2]} ({DAYS} days)"}


def test_a_failing_day_is_named_and_the_others_are_kept_and_logged(here: World, truth_world: World) -> None:
    bad = here.days[4]
    here.knobs.hidden_transactions = {here.chain.transactions(bad)[7].tx_id}
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(instance, here.days[2], here.days[6])
        assert not result.success
        [event] = result.get_step_failure_events()
        said = event.step_failure_data.user_failure_data
        assert said
        assert said.description
        assert "1 of 5 days failed" in said.description
        assert f"{bad}: burn block" in said.description
        kept = [day for day in here.days[2:7] if day != bad]
        assert instance.get_materialized_partitions(dg.AssetKey("transactions")) == {str(day) for day in kept}
    assert_same(here, truth_world, kept)


def test_a_day_tells_the_ui_what_a_person_wants_to_know(here: World) -> None:
    day = here.days[3]
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(instance, day, day)
        assert result.success
        events = materializations(instance)
    assert len(events) == 1
    txs = here.chain.transactions(day)
    for event in events:
        assert event.partition == str(day)
        metadata = event.metadata
        assert set(metadata) >= KEYS
        assert metadata["expected"].value == metadata["seen"].value == len(txs)
        assert Decimal(str(metadata["fees_stx"].value)) == Decimal(sum(tx.fee_ustx for tx in txs)) / 10**6
        assert metadata["heights"].value == f"{txs[0].block_height} to {txs[-1].block_height}"
        summary = str(metadata["summary"].value)
        for word in ("token_transfer", "contract_call", "success"):
            count = sum(word in (tx.tx_type, tx.tx_status) for tx in txs)
            assert f"| {word} | {count:,} |" in summary
        by_hour = Counter(f"{datetime.fromtimestamp(tx.burn_block_time, UTC):%H}" for tx in txs)
        table = metadata["transactions_per_hour"]
        assert isinstance(table, dg.TableMetadataValue)
        shown = {each.data["hour (UTC)"]: each.data["transactions"] for each in table.records}
        assert shown == {f"{hour:02}": by_hour[f"{hour:02}"] for hour in range(24)}


@pytest.mark.parametrize("error", [StoreError("the disk is full"), dg.DagsterExecutionInterruptedError()])
def test_a_day_whose_run_of_one_partition_fails_after_it_was_stored_has_its_event(
    here: World, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    day = here.days[3]
    sync = StacksApi.sync

    def failing(api: StacksApi, days: Sequence[date], *, force: bool = False) -> Iterator[Outcome]:
        yield from sync(api, days, force=force)
        raise error

    monkeypatch.setattr(StacksApi, "sync", failing)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not materialize(instance, day, day).success
        [event] = materializations(instance)
    assert event.partition == str(day)
    assert set(event.metadata) >= KEYS


def test_a_stored_day_whose_event_was_lost_has_it_after_the_next_run(here: World) -> None:
    """If a process is killed after it stored the day, the day has a file but no event."""
    day = here.days[3]
    here.stored([day])
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, day, day).success
        [event] = materializations(instance)
    assert event.partition == str(day)
    assert set(event.metadata) >= KEYS


def test_a_day_that_a_run_of_one_partition_refreshes_besides_has_an_event_of_its_own(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, open_day = here.days[3], here.days[-1]
    sync = StacksApi.sync
    monkeypatch.setattr(StacksApi, "sync", lambda api, days, force: sync(api, [*days, open_day]))
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, day, day).success
        assert sorted(str(event.partition) for event in materializations(instance)) == [str(day), str(open_day)]


def test_force_refresh_reads_the_chosen_days_again_and_no_other(here: World, truth_world: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, here.days[0], here.days[3]).success
        files = {day: here.data / "days/transactions" / f"{day}.parquet" for day in here.days[:4]}
        before = {day: path.stat().st_mtime_ns for day, path in files.items()}
        here.requests()
        assert materialize(instance, here.days[1], here.days[2], force_refresh=True).success
        assert here.requests() > 10
        changed = [day for day, path in files.items() if path.stat().st_mtime_ns != before[day]]
    assert changed == here.days[1:3]
    assert_same(here, truth_world, here.days[:4])


def test_a_closed_day_that_is_here_costs_no_request(here: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, here.days[2], here.days[2]).success
        here.requests()
        assert materialize(instance, here.days[2], here.days[2]).success
    assert here.requests() == 0


def test_a_wrong_setting_is_one_sentence_in_the_run(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIRO_ATTEMPTS", "often")
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(instance, here.days[2], here.days[2])
    [event] = result.get_step_failure_events()
    said = event.step_failure_data.user_failure_data
    assert said
    assert "HIRO_ATTEMPTS" in str(said.description)


def test_a_rate_limit_leaves_the_instant_to_come_back_in_the_failure(here: World) -> None:
    here.knobs.fault_rate, here.knobs.fault_kinds, here.knobs.retry_after_seconds = 1.0, ("429",), 4000
    before = time.time()
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(instance, here.days[2], here.days[2])
    [event] = result.get_step_failure_events()
    said = event.step_failure_data.user_failure_data
    assert said
    assert said.metadata[PASSING].value is True
    until = said.metadata[RETRY_AT].value
    assert isinstance(until, float)
    assert before + 4000 <= until <= time.time() + 4000


def test_a_day_that_landed_anew_and_waits_for_the_database_is_no_stranger_in_it(here: World) -> None:
    here.stored(here.days[:3])
    files = here.project().store().files
    files.reopen(here.days[1])
    files.path(here.days[2]).unlink()
    result = transactions_are_certified(stacks_api=StacksApi())
    assert isinstance(result, dg.AssetCheckResult)
    metadata = {key: value.value for key, value in result.metadata.items()}
    assert metadata == {
        "days": 1,
        "wrong_days": "none",
        "days_waiting_to_load": str(here.days[1]),
        "days_without_certificate": str(here.days[2]),
    }
    assert not result.passed


def test_the_nightly_check_reads_the_pages_of_every_day_file(here: World) -> None:
    here.stored(here.days[:3])
    check = next(each for each in stacks_checks if "transactions_files_are_sound" in each.node_def.name)
    sound = check(stacks_api=StacksApi())
    assert isinstance(sound, dg.AssetCheckResult)
    assert sound.passed
    path = here.project().store().files.path(here.days[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    result = check(stacks_api=StacksApi())
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    assert result.metadata["damaged_days"].value == str(here.days[1])
    assert str(path) in (result.description or "")


def test_the_key_is_nowhere_in_dagsters_history(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIRO_API_KEY", "secret-key-0123456789")
    with dg.DagsterInstance.get() as instance:
        materialize(instance, here.days[2], here.days[2])
        here.knobs.fault_rate, here.knobs.fault_kinds = 1.0, ("503",)
        materialize(instance, here.days[3], here.days[3])
    for folder in (here.data, here.data.parent / "dagster-home"):
        for path in folder.rglob("*"):
            assert not path.is_file() or b"secret-key-0123456789" not in path.read_bytes(), path


def test_the_read_only_warehouse_is_there_for_peoples_own_assets(here: World) -> None:
    day = here.days[3]

    @dg.asset
    def mine(duckdb: dg.ResourceParam[Any]) -> int:
        with duckdb.get_connection() as connection:
            return int(connection.execute("SELECT count(*) FROM transactions").fetchall()[0][0])

    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(instance, day, day).success
    resources = build_defs().resources
    assert resources
    result = dg.materialize([mine], resources={"duckdb": resources["duckdb"]})
    assert result.output_for_node("mine") == query(here.data, "SELECT count(*) FROM transactions")[0][0]

"""Day files of earlier versions are used as they are; those of a later version are not touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from itertools import pairwise

import msgspec
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.certificate import VERSION, Certificate
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.version import VERSION as PACKAGE_VERSION
from stx_pipelines_tests.cli.folders import DONE, ERROR, MISCONFIGURED, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, query, recent_chain

KEY = b"stx_pipelines.certificate"
SINCE_VERSIONS = ("chain", "rows_digest", "made_by", "version")


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(recent_chain(4), stx_target_days=4)
    world.stored()
    return world


def restamp(files: DayFiles, day: date, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    """Replace the certificate of a day file, not its rows."""
    table = files.read(day)
    metadata = dict(table.schema.metadata)
    metadata[KEY] = json.dumps(change(json.loads(metadata[KEY])), separators=(",", ":")).encode()
    pq.write_table(table.replace_schema_metadata(metadata), files.path(day), compression="zstd")


def before_versions(certificate: dict[str, object]) -> dict[str, object]:
    """Return a certificate as written by the last release whose certificates had no version."""
    kept = {name: value for name, value in certificate.items() if name not in SINCE_VERSIONS}
    return kept | {"first_parent_hash": None}


def first_of_all(certificate: dict[str, object]) -> dict[str, object]:
    """Return a certificate as written by the first version."""
    unknown = {*SINCE_VERSIONS, "first_parent_hash", "closed_by", "seconds"}
    renamed = {"tip_height": "tip_burn_height"}
    return {renamed.get(name, name): value for name, value in certificate.items() if name not in unknown}


@pytest.mark.parametrize("change", [before_versions, first_of_all])
def test_a_folder_of_an_earlier_version_keeps_its_days_without_a_fetch_or_a_load(
    world: World, run: Run, change: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    files = world.project().store().files
    for day in world.days:
        restamp(files, day, change)
    (files.folder / ".certificates.json").unlink()
    assert run(world, "rebuild").exit_code == DONE
    closed = [day for day, known in world.certificates().items() if known.is_closed]
    loads = "SELECT day, certificate, loaded_at FROM coverage WHERE list_contains($days, day) ORDER BY day"
    before = query(world.data, loads.replace("$days", str([str(day) for day in closed]) + "::DATE[]"))
    assert [day for day, _, _ in before] == closed
    world.requests()
    assert run(world, "sync").exit_code == DONE
    assert query(world.data, loads.replace("$days", str([str(day) for day in closed]) + "::DATE[]")) == before
    assert not [route for route in world.devnet.stats.by_route if "transactions" in route]
    world.assert_true()


def test_new_certificates_name_their_version_chain_and_parent(world: World) -> None:
    certificates, api = list(world.certificates().values()), world.open_sync().client
    # Burn block times run backwards now and then: two days need not meet at one block.
    meeting = [(a, b) for a, b in pairwise(certificates) if a.last_height and b.first_height == a.last_height + 1]
    assert meeting
    assert all(newer.first_parent_hash == older.last_hash for older, newer in meeting)
    for known in certificates:
        assert known.first_height
        assert known.first_parent_hash == api.block(known.first_height).parent_index_block_hash
        assert known.version == VERSION
        assert known.chain == f"stacks:{api.block(1).index_block_hash}"
        assert known.made_by == f"stx-pipelines/{PACKAGE_VERSION}"
        assert known.rows_digest
        assert len(known.rows_digest) == 64


def test_the_digest_in_the_certificate_is_that_of_the_rows(world: World) -> None:
    """Rows of another digest are damage, even if the file's own digest was changed to match."""
    files = world.project().store().files
    day = world.days[1]
    table, other = files.read(day), files.read(world.days[2])
    metadata = dict(table.schema.metadata)
    metadata[b"stx_pipelines.digest"] = other.schema.metadata[b"stx_pipelines.digest"]
    pq.write_table(other.replace_schema_metadata(metadata), files.path(day))
    assert list(DayFiles(files.folder).damaged(thoroughly=True)) == [day]


@pytest.fixture
def later(world: World) -> date:
    """Return a closed day whose file a later version wrote."""
    day = world.days[1]
    files = world.project().store().files
    restamp(files, day, lambda known: known | {"version": VERSION + 1, "made_by": "stx-pipelines/9.0", "day": None})
    return day


def test_a_day_of_a_later_version_is_neither_fetched_nor_replaced_nor_called_damaged(
    world: World, run: Run, later: date
) -> None:
    path = world.project().store().files.path(later)
    content = path.read_bytes()
    world.requests()
    done = run(world, "sync")
    assert done.exit_code == ERROR
    assert (
        f"error: {path} is of another version (its certificate has version {VERSION + 1}, made by stx-pipelines/9.0): "
        "update stx-pipelines; the file is kept\n"
    ) in done.stderr
    assert "3 of 5" not in done.stdout
    assert "4 of 5 days complete" in done.stdout
    assert path.read_bytes() == content
    again = run(world, "sync", "--force-refresh", "--from", str(later), "--to", str(later))
    assert again.exit_code == ERROR
    assert "update stx-pipelines" in again.stderr
    assert path.read_bytes() == content
    assert not list(path.parent.glob("*.damaged"))


def test_health_and_status_say_that_an_update_is_needed(world: World, run: Run, later: date) -> None:
    sick = run(world, "health")
    assert sick.exit_code == MISCONFIGURED
    assert_shown("`health` ends with 4: a day file is of another version", sick.stdout)
    assert "update stx-pipelines" in sick.stdout
    told = run(world, "status", "--json")
    assert told.exit_code == ERROR
    [status] = json.loads(told.stdout)
    assert status["of_later_version"] == [str(later)]
    assert status["damaged"] == status["holes"] == []
    assert f"the file of {later} is kept unchanged; update stx-pipelines" in run(world, "status").stdout


def test_rebuild_names_a_day_of_a_later_version(world: World, run: Run, later: date) -> None:
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert str(later) in done.output


def test_the_list_of_certificates_of_an_older_version_is_not_used(world: World) -> None:
    """It would have dropped the fields that it does not know, which changes the ids."""
    files = world.project().store().files
    known = files.certificates()
    memory = files.folder / ".certificates.json"
    remembered = json.loads(memory.read_bytes())
    assert remembered["fields"] == len(Certificate.__struct_fields__)
    stripped = {
        day: each | {"certificate": before_versions(each["certificate"])} for day, each in remembered["known"].items()
    }
    memory.write_bytes(msgspec.json.encode({"version": VERSION, "known": stripped}))
    assert DayFiles(files.folder).certificates() == known

"""What a setting switches on: datasets are in the code location only then, and sensors run only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DefaultSensorStatus

from stx_pipelines.defs.build import build_defs
from stx_pipelines.defs.resources import PriceSource, StacksApi
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import FIRST_DAY


def test_the_parts_of_increases_are_an_asset_only_with_their_setting(tmp_path: Path) -> None:
    for on in (False, True):
        defs = build_defs(Project(Settings(stx_data_dir=tmp_path, eth_parts=on)))
        names = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
        assert ("increase_parts" in names) == on
        checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
        assert ("increase_parts_are_certified" in checks) == on
        steps = defs.resolve_job_def("ethereum_sync").graph.node_dict
        assert ("increase_parts" in steps) == on


def test_a_run_of_a_dataset_that_is_switched_off_says_so_and_reads_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    project = Project(Settings(stx_data_dir=data))
    api, source = StacksApi(make=lambda: project), PriceSource(make=lambda: project)
    runs = {"STX_BALANCES": api.sync_balances([FIRST_DAY]), "STX_PRICES": source.sync([FIRST_DAY])}
    for setting, outcomes in runs.items():
        with pytest.raises(SettingsError, match=f"{setting} is not set"):
            next(outcomes)
    assert not data.exists()


def test_the_sensor_of_failed_runs_is_off_until_somebody_or_make_up_switches_it_on(tmp_path: Path) -> None:
    for on, status in ((False, DefaultSensorStatus.STOPPED), (True, DefaultSensorStatus.RUNNING)):
        defs = build_defs(Project(Settings(stx_data_dir=tmp_path, stx_autostart=on)))
        assert defs.resolve_sensor_def("run_failures").default_status == status
    assert_shown("no alerts about failed runs since an upgrade", "")

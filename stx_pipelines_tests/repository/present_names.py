"""The public names that need no data folder: commands, settings, Dagster's definitions. Not here: tests.

Each function gives the present names of one kind, by kind and line as in `promised_names.txt`. Names are found as
users find them, so that moving a module changes nothing here.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import click
import dagster as dg

import stx_pipelines
from stx_pipelines.defs.build import build_defs
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings
from stx_pipelines_tests.world import ROOT, command

PYTHON_NAMES = (
    "stx_pipelines.definitions.defs",
    "stx_pipelines.definitions.build_defs",
    *(f"stx_pipelines.{name}" for name in stx_pipelines.__all__),
)
"""Names that other code, `workspace.yaml` and `-m stx_pipelines.definitions` import."""


def names_without_data() -> dict[str, set[str]]:
    """Return the names of every kind that needs no data folder."""
    return {
        "commands and options": set(_commands()),
        "exit codes in the README": set(_documented_codes()),
        "settings and defaults": set(_settings()),
        "make targets and variables": set(_make()),
        "Python names": {name for name in PYTHON_NAMES if _is_importable(name)} | set(_scripts()),
        **_definitions(),
    }


def entry_points() -> dict[str, str]:
    """Return the console scripts of the package: names and targets."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return {str(name): str(target) for name, target in scripts.items()}


def main_command() -> click.Group:
    """Return the command group of `stx-pipelines`."""
    module = entry_points()["stx-pipelines"].partition(":")[0]
    group = importlib.import_module(module).main
    assert isinstance(group, click.Group)
    return group


def _scripts() -> Iterator[str]:
    for name, target in entry_points().items():
        if _is_importable(target.replace(":", ".")):
            yield f"{name} (console script)"
    if command(["--help"], {}).returncode == 0:
        yield "python -m stx_pipelines.cli"


def _commands() -> Iterator[str]:
    group = main_command()
    parent = click.Context(group, **group.context_settings)
    for name, each in [("", group), *group.commands.items()]:
        said = f"stx-pipelines {name}".strip()
        yield said
        for option in each.get_params(click.Context(each, parent=parent, **each.context_settings)):
            yield from (f"{said} {spelled}" for spelled in _spellings(option))


def _spellings(option: click.Parameter) -> Iterator[str]:
    """Yield each spelling of an option: with its choices, or with VALUE where it takes one."""
    is_flag = isinstance(option, click.Option) and option.is_flag
    for name in [*option.opts, *option.secondary_opts]:
        if isinstance(option.type, click.Choice):
            yield from (f"{name} {choice}" for choice in option.type.choices)
        else:
            yield name if is_flag else f"{name} VALUE"


def _documented_codes() -> Iterator[str]:
    rows = re.findall(r"^\| (`stx-pipelines .*?) \|.*\| (.*?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    for commands, codes in rows:
        for each in re.findall(r"`(stx-pipelines [\w-]+)`", commands):
            yield from (f"{each}: {code}" for code in re.findall(r"\b\d\b", codes))


def _settings() -> Iterator[str]:
    """Yield the settings that are in `.env.example`, with their defaults."""
    shown = set(re.findall(r"^(?:# ?)?([A-Z][A-Z_0-9]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name, field in Settings.model_fields.items():
        if name.upper() in shown:
            yield f"{name.upper()}={_as_in_env(field.get_default(call_default_factory=True))}"


def _as_in_env(value: Any) -> str:
    """Write a default as in `.env`."""
    if value is None:
        return ""
    if isinstance(value, bool | float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ",".join(map(_as_in_env, value))
    if isinstance(value, set | frozenset):
        return ",".join(map(_as_in_env, sorted(value)))
    if isinstance(value, Enum):
        return _as_in_env(value.value)
    assert isinstance(value, str | int | Decimal | Path), f"how is {value!r} written into .env?"
    return str(value)


def _make() -> Iterator[str]:
    makefile, services = (ROOT / "Makefile").read_text(), (ROOT / "deploy" / "services.sh").read_text()
    for targets in re.findall(r"^([a-z][a-z -]*):", makefile, re.MULTILINE):
        yield from (f"make {target}" for target in targets.split())
    variables = [*re.findall(r"^([A-Z_]+) *\?=", makefile, re.MULTILINE), *re.findall(r'(\w+)="\$\{\1:-', services)]
    yield from (f"{name}=" for name in variables)


def _is_importable(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return False


def _definitions() -> dict[str, set[str]]:
    """Return the names in Dagster's UI and command line, with the assets that settings switch on."""
    defs = build_defs(Project.load(eth_parts=True))
    repository, graph = defs.get_repository_def(), defs.resolve_asset_graph()
    assets = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    return {
        "assets": set(assets),
        "asset groups": {f"group:{asset.group_name}" for asset in assets.values() if asset.group_name},
        "asset checks": {f"{check.asset_key.to_user_string()}:{check.name}" for check in graph.asset_check_keys},
        "partitions": {f"{name}: {told}" for name, asset in assets.items() if (told := _days(asset.partitions_def))},
        "jobs": {name for name in repository.job_names if not name.startswith("__")},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "resources": set(repository.get_top_level_resources()),
        "run config": {
            line for asset in assets.values() if asset.is_executable for line in _op_config(asset.assets_def)
        },
    }


def _days(partitions: object) -> str | None:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return None
    return f"{partitions.schedule_type.value.lower()} from {partitions.get_first_partition_key()} {partitions.timezone}"


def _op_config(asset: dg.AssetsDefinition) -> Iterable[str]:
    shape = asset.op.config_schema.config_type if asset.op.config_schema else None
    fields = getattr(shape, "fields", None) or {}
    return [f"ops.{asset.op.name}.config.{name}" for name in fields]

"""The command `health`, which prints one sentence and returns an exit code for scripts.

This module does not import Dagster.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from stx_pipelines.cli.options import chain_option, load_chains, target_option
from stx_pipelines.coverage.health import DAMAGED, MISCONFIGURED, NOT_RUNNING, Circumstances, Health, judge
from stx_pipelines.coverage.services import services_of
from stx_pipelines.coverage.versions import other_versions
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.shared import SharedError

_SERVICES = Path("data/run")  # the folder of `make up` (deploy/services.sh), even if STX_DATA_DIR is another folder


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with the code and the sentence.")
@click.option(
    "--stall-threshold",
    type=click.IntRange(min=1),
    help="Report a stall after a run has stored no day for this many seconds. [STX_STALL_SECONDS, 600]",
)
@click.option(
    "--thorough", is_flag=True, help="Also read the rows of every day file, to find damage inside. Takes minutes."
)
@target_option
@chain_option
def health(
    as_json: bool, stall_threshold: int | None, thorough: bool, target_days: int | None, name: str | None
) -> int:
    """Print one sentence about the state of the sync and, if needed, what to do.

    Exit code 0: healthy; 1: no run is in progress although days are missing, the last run failed, or there is no free
    space; 2: stalled, or the server is behind; 3: damaged files or database; 4: a wrong setting, or files of a later
    version.

    The sentence names the target and where it comes from. It also names running processes of another version. These do
    not change the exit code.

    \b
    stx-pipelines health --json
    """
    found = _judge(stall_threshold, target_days, name, thorough=thorough)
    click.echo(msgspec.json.encode(found) if as_json else found.sentence)
    return found.code


def _judge(stall_threshold: int | None, target_days: int | None, name: str | None, *, thorough: bool) -> Health:
    try:
        project, chains = load_chains(name, target_days)
        project = project.replaced(stx_stall_seconds=stall_threshold)
        stall = timedelta(seconds=project.settings.stx_stall_seconds)
        around = Circumstances(services_of(project.folder, _SERVICES), target_days is not None, thorough)
        found = judge(project, chains, datetime.now(UTC), stall, around)
        return found.beside(other_versions(project.shared, _SERVICES))
    except SettingsError as error:
        return Health(MISCONFIGURED, f"configuration: {error}")
    except SharedError as error:
        return Health(NOT_RUNNING, str(error))
    except StoreError as error:
        return Health(DAMAGED, str(error))

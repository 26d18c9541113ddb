"""The command `publish`, which sends the page, the results and the days to a folder or a bucket."""

from __future__ import annotations

from pathlib import Path

import click

from stx_pipelines.cli.answers import Answer, json_on_stdout, json_option
from stx_pipelines.cli.page import make_page
from stx_pipelines.cli.results import code_of
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError


class Sent(Answer, frozen=True, kw_only=True):
    """The result of `publish`: numbers of files listed, sent and removed, bytes sent, and a sentence per failure."""

    target: str
    files: int
    sent: int
    removed: int
    bytes_sent: int
    failures: list[str]


@click.command()
@click.argument("target")
@click.option("--days", "with_days", is_flag=True, help="Send the files of all closed days too.")
@json_option
def publish(target: str, with_days: bool, as_json: bool) -> int:
    """Send the dashboard page and the results to TARGET, as a static site.

    TARGET is a folder, or an address that begins with s3://, gs:// or az://. Its keys come from the environment, as the
    provider names them. The page and the results are made again first if closed days have changed. Results are sent as
    Parquet and CSV. Only files that have changed are sent; `manifest.json`, sent last, lists all files with their
    SHA-256. Needs `pip install -e '.[share]'`.

    Exit code 0: done; 1: an error; the old manifest is then kept.

    \b
    stx-pipelines publish /srv/www/stacks
    stx-pipelines publish s3://bucket/stacks --days
    """
    from stx_pipelines.sharing.publish import publish as send
    from stx_pipelines.store.locks import locked
    from stx_pipelines.store.objects import open_objects

    with json_on_stdout(as_json) as show:
        project = Project.load()
        _check_outside(target, project.folder.path.resolve())
        objects = open_objects(target, writes=True)
        failures = make_page(project)
        with locked(project.folder.lock("publish"), "publishing", project.settings.stx_lock_wait_seconds):
            result = send(project, objects, with_days=with_days)
        size = f"{result.bytes_sent / 2**20:,.1f} MiB"
        click.echo(
            f"{result.sent} of {result.files} files were sent ({size}) to {objects.name}, {result.removed} removed; "
            "manifest.json lists them"
        )
        show(Sent(code=code_of(failures), target=objects.name, failures=failures, **result._asdict()))
    return code_of(failures)


def _check_outside(target: str, data: Path) -> None:
    if "://" not in target and Path(target).resolve().is_relative_to(data):
        raise SettingsError(f"{target} is inside the data folder {data}: choose another folder")

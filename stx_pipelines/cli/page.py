"""The command `page`, which makes the dashboard page if needed and opens it."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.cli.results import materialize, refresh_if_due
from stx_pipelines.coverage.chains import chains_of
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError

_HOST = "127.0.0.1"


@click.command()
@click.option("--serve", is_flag=True, help="Serve the folder of the page on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port of --serve.")
@click.option("--open/--no-open", "opens", default=True, help="Open the browser, or only print the address.")
def page(serve: bool, port: int, opens: bool) -> int:
    """Open the dashboard page in the browser. The page is made again first if closed days have changed.

    Exit code 0: done; 1: an error.
    """
    project = Project.load()
    code = _make(project)
    path = project.folder.page
    if code != DONE and not path.exists():
        return code
    if serve:
        _serve(path, port, opens=opens)
    else:
        _show(path.resolve().as_uri(), opens=opens)
    return code


def _make(project: Project) -> int:
    """Make the page if it is missing or older than the closed days. Return the exit code."""
    if not project.folder.page.exists() and not project.store().files.days():
        raise SettingsError("no day is stored yet, so there is no page: run `stx-pipelines sync` first")
    code = refresh_if_due(project, chains_of(project))
    return code if project.folder.page.exists() else materialize(project, only_page=True)


def _show(address: str, *, opens: bool) -> None:
    click.echo(address)
    if opens:
        click.launch(address)


def _serve(path: Path, port: int, *, opens: bool) -> None:
    """Serve the page's folder until Ctrl-C. Raises `SettingsError` if the port is taken."""
    handler = partial(_Quiet, directory=str(path.parent))
    try:
        server = ThreadingHTTPServer((_HOST, port), handler)
    except OSError as error:
        raise SettingsError(
            f"the page cannot be served on {_HOST}:{port} ({error.strerror}): choose another --port"
        ) from None
    with server:
        _show(f"http://{_HOST}:{server.server_address[1]}/", opens=opens)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")


class _Quiet(SimpleHTTPRequestHandler):
    """A handler of requests that logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

"""The command `page`, which makes the dashboard page if needed and opens it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from stx_pipelines.cli.answers import Answer, json_on_stdout, json_option
from stx_pipelines.cli.results import code_of, materialize, refresh_if_due
from stx_pipelines.coverage.chains import chains_of
from stx_pipelines.dashboard.policy import HEADERS
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError

_HOST = "127.0.0.1"


class Opened(Answer, frozen=True, kw_only=True):
    """The result of `page`: the page's file, its address (None without a page), and a sentence for each failure."""

    page: str
    address: str | None
    failures: list[str]


@click.command()
@click.option("--serve", is_flag=True, help="Serve the folder of the page on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port of --serve.")
@click.option("--open/--no-open", "opens", default=True, help="Open the browser, or only print the address.")
@json_option
def page(serve: bool, port: int, opens: bool, as_json: bool) -> int:
    """Open the dashboard page in the browser. The page is made again first if closed days have changed.

    With --serve, the JSON object is printed when the server listens.

    Exit code 0: done; 1: an error.

    \b
    stx-pipelines page
    stx-pipelines page --serve --port 8001 --no-open
    """
    with json_on_stdout(as_json) as show:
        project = Project.load()
        failures = make_page(project)
        path = project.folder.page

        def tell(address: str | None) -> None:
            shown = str(path.absolute())
            show(Opened(code=code_of(failures), page=shown, address=address, failures=failures))

        if failures and not path.exists():
            tell(None)
        elif serve:
            _serve(path, port, tell, opens=opens)
        else:
            _open(path.resolve().as_uri(), tell, opens=opens)
    return code_of(failures)


def make_page(project: Project) -> list[str]:
    """Make the page if it is missing or older than the closed days. Return a sentence for each failure."""
    if not project.folder.page.exists() and not project.store().files.days():
        raise SettingsError("no day is stored yet, so there is no page: run `stx-pipelines sync` first")
    failures = refresh_if_due(project, chains_of(project))
    return failures if project.folder.page.exists() else materialize(project, only_page=True)


def _open(address: str, tell: Callable[[str], None], *, opens: bool) -> None:
    click.echo(address)
    tell(address)
    if opens:
        click.launch(address)


def _serve(path: Path, port: int, tell: Callable[[str], None], *, opens: bool) -> None:
    """Serve the page's folder until Ctrl-C. Raises `SettingsError` if the port is taken."""
    handler = partial(_Quiet, directory=str(path.parent))
    try:
        server = ThreadingHTTPServer((_HOST, port), handler)
    except OSError as error:
        raise SettingsError(
            f"the page cannot be served on {_HOST}:{port} ({error.strerror}): choose another --port"
        ) from None
    with server:
        _open(f"http://{_HOST}:{server.server_address[1]}/", tell, opens=opens)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")


class _Quiet(SimpleHTTPRequestHandler):
    """A handler of requests that logs nothing and lists no folder."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """Return the content type of a file. Of scripts, some systems have a wrong one."""
        return "text/javascript" if os.fspath(path).endswith(".js") else super().guess_type(path)

    def end_headers(self) -> None:
        """Add the headers that restrict what a file may do in a browser."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Send 404. Only the page and the files that it names are served."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

"""The command `pull`, which stores day files that others published, after it has checked them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from stx_pipelines.cli.answers import Answer, json_on_stdout, json_option
from stx_pipelines.cli.exit_codes import DONE, ERROR, NOT_YET
from stx_pipelines.cli.options import day_option
from stx_pipelines.cli.results import code_of, refresh_if_due
from stx_pipelines.cli.runs import alone
from stx_pipelines.cli.stopping import interrupted_by_sigterm
from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain, chains_of
from stx_pipelines.coverage.text import count_days, duration, size
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.lease import Lease

if TYPE_CHECKING:
    from stx_pipelines.sharing.offer import Place
    from stx_pipelines.sharing.pull import Part, Plan, Pull


class PulledDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a dataset. `reason` says why it was refused; it is None for a stored day."""

    dataset: str
    day: date
    reason: str | None = None


class Pulled(Answer, frozen=True, kw_only=True):
    """The result of `pull`: the expected cost, what was stored and refused, and the requests that were sent.

    `files`, `bytes`, `pages` and `requests` are those that were printed before. `requests_sent` counts requests of the
    API and calls of the node; it is 0 with --plan. `failures` has a sentence for each failure of the metrics.
    """

    source: str
    files: int = 0
    bytes: int = 0
    pages: int = 0
    requests: int = 0
    requests_sent: int = 0
    stored: list[PulledDay] = []  # noqa: RUF012 - never changed
    refused: list[PulledDay] = []  # noqa: RUF012 - never changed
    failures: list[str] = []  # noqa: RUF012 - never changed


def _percent(_context: click.Context, option: click.Parameter, value: str) -> Decimal:
    """Return a percentage such as `99.9` or `1%` as a fraction."""
    try:
        number = Decimal(value.removesuffix("%")) / 100
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no percentage", param=option) from None
    if not number.is_finite() or not 0 < number < 1:
        raise click.BadParameter(f"{value!r} is not between 0 and 100", param=option)
    return number


@click.command()
@click.argument("source")
@day_option("--from", "first", help="First day to pull (UTC, YYYY-MM-DD). [the wanted days]")
@day_option("--to", "last", help="Last day to pull, included.")
@click.option("--chain", "name", type=click.Choice([STACKS.name, ETHEREUM.name]), help="Only one chain. [STX_CHAINS]")
@click.option(
    "--confidence",
    default="99.9",
    show_default=True,
    callback=_percent,
    help="Probability in percent that forged rows are found.",
)
@click.option(
    "--share", default="1", show_default=True, callback=_percent, help="The least share of forged rows, in percent."
)
@click.option(
    "--plan", "--dry-run", "only_plan", is_flag=True, help="Print the days and their cost; read only the list."
)
@json_option
def pull(
    source: str,
    first: date | None,
    last: date | None,
    name: str | None,
    confidence: Decimal,
    share: Decimal,
    only_plan: bool,
    as_json: bool,
) -> int:
    """Store closed days that others published with `publish --days`, after checks that need few requests.

    SOURCE is a folder, or an address that begins with https://, s3://, gs:// or az://. Wanted days that are not stored
    are pulled, or the days from --from to --to. A stored day is never replaced. The cost is printed first.

    Each file's SHA-256, certificate, rows and chain are checked. Every burn block is compared with your own API, and
    random pages row by row: as many as find forged rows with --confidence if at least --share of all rows is forged.
    Ethereum days need ETH_RPC_URL: both ends of each day, random headers and random balances are compared with your
    node. Days that differ are named and not stored; `sync` reads them. Needs `pip install -e '.[share]'`.

    Exit code 0: all days that the source has and you want are stored; 1: days were refused, or an error; 2: the command
    was stopped, or another run is working. Files that were read are kept, so run the same command again.

    \b
    stx-pipelines pull https://example.org/stacks --plan
    stx-pipelines pull s3://bucket/stacks --from 2026-01-01 --to 2026-06-30
    """
    from stx_pipelines.sharing.pull import Pull, plan_pull
    from stx_pipelines.sharing.sample import Goal
    from stx_pipelines.store.objects import open_objects

    with json_on_stdout(as_json, partial(Pulled, source="")) as show:
        if bool(first) != bool(last) or (first and last and first > last):
            raise SettingsError("--from and --to belong together, and --from must not be after --to")
        project, goal = Project.load(), Goal(confidence, share)
        objects = open_objects(source, writes=False)
        with ExitStack() as held:
            if not only_plan:
                held.enter_context(alone(project))
            chains = chains_of(project, name)
            plan = plan_pull(project, objects, chains, first, last, goal)
            cost = _cost(objects.name, plan)
            _say_cost(project, plan, cost, chains)
            if only_plan or not plan.parts:
                show(cost)
                return DONE
            work = Pull(project, objects, goal, click.echo)
            with _locked(project, plan), interrupted_by_sigterm():
                try:
                    stored = work.run(plan)
                except KeyboardInterrupt:
                    show(_stopped(cost, work))
                    return NOT_YET
        answer = _sum_up(cost, work, stored, refresh_if_due(project, chains) if stored else [])
        show(answer)
    return answer.code


@contextmanager
def _locked(project: Project, plan: Plan) -> Iterator[None]:
    """Hold the lock of each dataset that is pulled, so that no run writes the same days."""
    with ExitStack() as locks:
        for dataset in sorted({place.dataset for part in plan.parts for place in part.entries}):
            wait = project.settings.stx_run_wait_seconds
            lease = locks.enter_context(Lease(project.shared, dataset, wait, command="pull"))
            locks.enter_context(project.store(dataset).written_under(lease.writing))
        yield


def _cost(source: str, plan: Plan) -> Pulled:
    return Pulled(
        code=DONE,
        source=source,
        files=sum(len(part.entries) for part in plan.parts),
        bytes=sum(part.bytes for part in plan.parts),
        pages=sum(part.pages for part in plan.parts),
        requests=sum(part.requests for part in plan.parts),
    )


def _say_cost(project: Project, plan: Plan, cost: Pulled, chains: Sequence[Chain]) -> None:
    for part in plan.parts:
        click.echo(_cost_sentence(project, part, cost.source))
    if not plan.parts:
        click.echo(f"{cost.source} has no wanted day that is not stored already")
    if plan.manifest.ethereum and ETHEREUM not in chains and project.settings.eth_rpc_url is None:
        click.echo("Ethereum days are refused: set ETH_RPC_URL, because your own node must confirm them", err=True)


def _cost_sentence(project: Project, part: Part, source: str) -> str:
    chain, days = part.chain, len({place.day for place in part.entries})
    budget = chain.budget(project)
    at = f", about {duration(timedelta(minutes=part.requests / budget))}" if budget else ""
    compared = "random pages" if chain is not ETHEREUM else "random headers and balances"
    return (
        f"{chain.title}: {count_days(days)} of {source}, {len(part.entries)} files, {size(part.bytes)}; the checks "
        f"take about {part.requests:,} {chain.unit}{at}, {part.pages:,} {compared} among them"
    )


def _stopped(cost: Pulled, work: Pull) -> Pulled:
    sentence = "stopped; files that were read and days that were stored are kept: run the same command again"
    click.echo(sentence, err=True)
    return msgspec.structs.replace(cost, code=NOT_YET, error=sentence, requests_sent=work.requests)


def _sum_up(cost: Pulled, work: Pull, stored: Sequence[Place], failures: list[str]) -> Pulled:
    """Print what was stored and what was refused, and return the result."""
    refused = [PulledDay(dataset=name, day=day, reason=why) for (name, day), why in sorted(work.refused.items())]
    for each in refused:
        click.echo(f"refused: {each.dataset} {each.day}: {each.reason}", err=True)
    advice = "; `sync` reads the refused days from your own server" if work.refused else ""
    click.echo(
        f"{len(stored)} of {cost.files} files of {cost.source} stored, {len(work.refused)} refused, "
        f"{work.requests:,} requests sent{advice}"
    )
    return msgspec.structs.replace(
        cost,
        code=ERROR if work.refused else code_of(failures),
        requests_sent=work.requests,
        stored=[PulledDay(dataset=place.dataset, day=place.day) for place in stored],
        refused=refused,
        failures=failures,
    )

"""The command line: the same work without a daemon. Exit codes: 0 done, 2 not yet (or stopped), 1 an error.

Only what a command needs is imported, so that a look at an idle project does not load Dagster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from stx_pipelines.clients.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.coverage.datasets import CHAINS, NO_ETHEREUM, chains_of
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import Busy

DONE, ERROR, NOT_YET = 0, 1, 2

_LONGEST_CHAIN = 1_000  # days that the devnet makes up; each takes memory

click.UsageError.exit_code = ERROR  # click's own 2 means here that something is not done yet

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A history of the Stacks chain and of Ethereum's fee recipients that is proved complete, on your own machine."""


def _one_sentence(command: Callable[..., int]) -> Callable[..., None]:
    """Turn what is known to go wrong into one sentence and an exit code."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        sys.exit(_speak(command, *args, **options))

    return run


def _speak(command: Callable[..., int], *args: Any, **options: Any) -> int:
    try:
        return command(*args, **options)
    except (Unreachable, RateLimited) as error:
        what_to_do = "" if "try again" in str(error) else "; what has landed is kept, run the same command again"
        click.echo(f"stopped: {error}{what_to_do}", err=True)
        return NOT_YET
    except (Interrupted, Busy) as error:
        click.echo(f"stopped: {error}", err=True)
        return NOT_YET
    except (SettingsError, ApiError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        return ERROR


@main.command()
@click.option(
    "--target-days",
    type=click.IntRange(min=1),
    help="Days before today to have. [STX_TARGET_DAYS, 180; with --chain ethereum ETH_TARGET_DAYS, 30]",
)
@click.option(
    "--max-days",
    type=click.IntRange(min=1),
    help="Fetch at most this many missing days; today and open days come on top.",
)
@click.option("--retry", is_flag=True, help="Try days that failed before, and days set aside, at once.")
@click.option("--force-refresh", is_flag=True, help="Read the days --from .. --to again, even where they are closed.")
@click.option("--chain", "name", type=click.Choice(["stacks", "ethereum"]), help="Only this one. [all that are set up]")
@click.option("--from", "first", type=_day, help="First day to refresh (UTC, YYYY-MM-DD).")
@click.option("--to", "last", type=_day, help="Last day to refresh, included.")
@_one_sentence
def sync(
    target_days: int | None,
    max_days: int | None,
    retry: bool,
    force_refresh: bool,
    name: str | None,
    first: datetime | None,
    last: datetime | None,
) -> int:
    """Materialize every wanted day that is not covered yet, newest first. Needs no daemon.

    Exit code 0: all wanted days are complete; 2: stopped, days remain, or the server is behind; 1: an error, or days
    set aside.
    """
    if force_refresh != (first is not None and last is not None) or bool(first) != bool(last):
        raise SettingsError("--force-refresh, --from and --to belong together: give all three or none")
    of_ethereum = name == "ethereum"
    project = Project.load(**{"eth_target_days" if of_ethereum else "stx_target_days": target_days})
    if of_ethereum and project.settings.eth_rpc_url is None:
        raise SettingsError(NO_ETHEREUM)
    from stx_pipelines.cli.sync import refresh, refresh_results, sync_until_covered

    if first and last:
        codes = [refresh(project, CHAINS[name or "stacks"], first.date(), last.date())]
    else:
        codes = [
            _speak(sync_until_covered, project, chain, max_days=max_days, retry=retry)
            for chain in ([CHAINS[name]] if name else chains_of(project))
        ]
    codes.append(refresh_results(project))
    return ERROR if ERROR in codes else max(codes)


@main.command()
@click.option("--target-days", type=click.IntRange(min=1), help="Days before today to have. [STX_TARGET_DAYS, 180]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per dataset in a list.")
@click.option("--watch", is_flag=True, help="A live screen; Ctrl-C ends it.")
@_one_sentence
def status(target_days: int | None, as_json: bool, watch: bool) -> int:
    """How far we are; answers while a backfill writes.

    Exit code 0: complete and fresh; 2: in progress, stale, or the server is behind; 1: an error.
    """
    project = Project.load(stx_target_days=target_days)
    if watch:
        from stx_pipelines.cli.watch import watch as live_screen

        return live_screen(project)
    from stx_pipelines.cli import screens

    return screens.status(project, as_json=as_json)


@main.command()
@click.option("--json", "as_json", is_flag=True)
@click.option("--stall-threshold", type=click.IntRange(min=1), help="Seconds. [STX_STALL_SECONDS, 600]")
@_one_sentence
def health(as_json: bool, stall_threshold: int | None) -> int:
    """One sentence and what to do.

    Exit code 0: healthy; 1: not running though days are missing; 2: stalled, or the server is behind; 3: damaged
    files or database; 4: configuration.
    """
    from stx_pipelines.cli import screens

    return screens.health(stall_threshold, as_json=as_json)


@main.command()
@click.option("--from", "first", type=_day, help="First day to prove again. [a sample of 3 closed days]")
@click.option("--to", "last", type=_day, help="Last day, included.")
@click.option(
    "--db", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Compare this database instead."
)
@_one_sentence
def verify(first: datetime | None, last: datetime | None, db: Path | None) -> int:
    """Prove landed days again: every burn block against the API, and the table against the day files.

    With --db: what another database with a table `transactions` holds of our certified days; no network.
    """
    from stx_pipelines.cli import verify as verification

    if bool(first) != bool(last):
        raise SettingsError("--from and --to belong together")
    project = Project.load()
    if db is not None:
        return verification.compare(project, db)
    return verification.verify(project, first and first.date(), last and last.date())


@main.command()
@click.option("--force", is_flag=True, help="Leave out days that the database holds but no sound day file does.")
@_one_sentence
def rebuild(force: bool) -> int:
    """Make the database anew from the day files. Needs no network.

    A database that holds days without a sound day file is kept as it is, unless --force is given.

    Exit code 0: every day file is loaded; 1: the others are, and those that disagree with their certificate are
    named, or the new database would lack days, which are named, and nothing was changed; 2: a run works, nothing was
    changed.
    """
    from stx_pipelines.cli.rebuild import rebuild_all

    return rebuild_all(Project.load(), force=force)


@main.command()
@click.option("--port", default=3999, show_default=True, type=click.IntRange(0, 65_535), help="0 takes any free one.")
@click.option("--first-day", type=_day, help="The chain's first day. [30 days ago]")
@click.option("--transactions-per-day", default=1000, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--shape", type=click.Choice(["even", "heavy", "giant"]), default="even", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--ethereum-days",
    default=3,
    show_default=True,
    type=click.IntRange(0, 366),
    help="Days of an Ethereum chain before today; 0 serves none.",
)
@click.option(
    "--latency",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 60),
    help="Seconds added to every answer.",
)
@click.option(
    "--requests-per-minute",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1_000_000),
    help="Refuse more than this; 0 refuses nothing.",
)
@_one_sentence
def devnet(
    port: int,
    first_day: datetime | None,
    transactions_per_day: int,
    shape: Any,
    seed: int,
    ethereum_days: int,
    latency: float,
    requests_per_minute: int,
) -> int:
    """Serve a made-up Stacks chain and a made-up Ethereum chain that behave like the real ones and follow the clock."""
    from stx_pipelines.chains.days import DAY
    from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec
    from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
    from stx_pipelines.devnet.ethereum.rpc import ETHEREUM_PATH
    from stx_pipelines.devnet.server import run
    from stx_pipelines.devnet.stacks.chain import ChainSpec, StacksChain
    from stx_pipelines.devnet.stacks.knobs import Knobs

    now = datetime.now(UTC)
    chain_begins = first_day.date() if first_day else now.date() - 30 * DAY
    if not now.date() - _LONGEST_CHAIN * DAY <= chain_begins < now.date():
        raise SettingsError(f"--first-day {chain_begins}: it must be before today, {_LONGEST_CHAIN} days at most")
    chain = StacksChain(
        ChainSpec(
            seed=seed,
            first_day=chain_begins,
            tip=now,
            transactions_per_day=transactions_per_day,
            shape=shape,
        )
    )
    ethereum = None
    if ethereum_days:
        first = now.date() - ethereum_days * DAY
        ethereum = EthereumChain(EthereumSpec(seed=seed, first_day=first, tip=now))
    knobs = Knobs(latency_seconds=latency, requests_per_minute=requests_per_minute)
    url = f"http://127.0.0.1:{port}"
    click.echo(f"the devnet listens on {url}", err=True)
    if ethereum:
        click.echo(f"its Ethereum chain has {len(ethereum.blocks):,} blocks at {url}{ETHEREUM_PATH}", err=True)
    ethereum_knobs = EthereumKnobs(latency_seconds=latency)
    run(chain, knobs, "127.0.0.1", port, follow_clock=True, ethereum=ethereum, ethereum_knobs=ethereum_knobs)
    return DONE


@main.command()
@_one_sentence
def demo() -> int:
    """Start the devnet, sync its whole history into data/demo, and show what is there. No network, no keys."""
    from stx_pipelines.cli.demo import run_demo

    return run_demo(Path("data/demo"))


if __name__ == "__main__":
    main()

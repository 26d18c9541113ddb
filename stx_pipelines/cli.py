"""The command line: the same work without a daemon. Exit codes: 0 done, 2 not yet (or stopped), 1 an error.

Only what a command needs is imported, so that a look at an idle project does not load Dagster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from stx_pipelines.settings import Settings, SettingsError, load_settings
from stx_pipelines.sources.http import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.store.files import StoreError
from stx_pipelines.sync.chain_check import identify, known_identity
from stx_pipelines.sync.coverage import Coverage, ranges, survey, wanted_days
from stx_pipelines.sync.open import open_landing, open_stacks_api

DONE, ERROR, NOT_YET = 0, 1, 2

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A history of the Stacks chain that is proved complete, on your own machine."""


def _one_sentence(command: Callable[..., int]) -> Callable[..., None]:
    """Turn what is known to go wrong into one sentence and an exit code."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options)
        except (Unreachable, RateLimited, Interrupted) as error:
            click.echo(f"stopped: {error}", err=True)
            code = NOT_YET
        except (SettingsError, ApiError, StoreError) as error:
            click.echo(f"error: {error}", err=True)
            code = ERROR
        sys.exit(code)

    return run


@main.command()
@click.option("--target-days", type=click.IntRange(min=1), help="Days before today to have. [STX_TARGET_DAYS, 180]")
@click.option("--max-days", type=click.IntRange(min=1), help="Fetch at most this many days now.")
@click.option("--force-refresh", is_flag=True, help="Read the days --from .. --to again, even where they are closed.")
@click.option("--from", "first", type=_day, help="First day to refresh (UTC, YYYY-MM-DD).")
@click.option("--to", "last", type=_day, help="Last day to refresh, included.")
@_one_sentence
def sync(
    target_days: int | None, max_days: int | None, force_refresh: bool, first: datetime | None, last: datetime | None
) -> int:
    """Materialize every wanted day that is not covered yet, newest first. Needs no daemon."""
    settings = load_settings(stx_target_days=target_days)
    if force_refresh != (first is not None and last is not None):
        raise SettingsError("--force-refresh, --from and --to belong together: give all three or none")
    if force_refresh and first and last:
        days = chosen_days(first.date(), last.date())
    else:
        before = look(settings)
        days = sorted({*before.to_fetch, *before.to_load}, reverse=True)[:max_days]
    failures = fetch(settings, days, force=force_refresh) if days else []
    after = look(settings)
    click.echo(sentence(after))
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    return DONE if after.is_complete else NOT_YET


def chosen_days(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, newest first. Raises `SettingsError` for a range that is not one."""
    today = datetime.now(UTC).date()
    if not first <= last <= today:
        raise SettingsError(f"--from {first} --to {last}: days must rise, and none may be after today ({today})")
    from stx_pipelines.chains.days import days_between

    return days_between(first, last)[::-1]


def look(settings: Settings) -> Coverage:
    """How far we are; asks the server only before the first use, for the chain's first day."""
    identity = known_identity(settings.stx_data_dir)
    if identity is None:
        identity = identify(open_stacks_api(settings), settings.stx_data_dir, settings.stx_first_day)
    now = datetime.now(UTC)
    landing = open_landing(settings)
    published = landing.warehouse.published(landing.dataset)
    return survey(
        wanted=wanted_days(settings.stx_target_days, now.date(), settings.stx_first_day or identity.first_day),
        landed=landing.files.certificates(),
        loaded=published.loaded,
        checked=published.checked,
        now=now,
        freshness=settings.freshness,
    )


def fetch(settings: Settings, days: list[date], *, force: bool) -> list[str]:
    """Materialize days through Dagster under a progress bar; the sentences of what failed."""
    from stx_pipelines.progress_bar import progress_bar

    with progress_bar(settings, len(days)):
        from stx_pipelines.runs import materialize_days

        return materialize_days(ranges(days), force=force)


def sentence(coverage: Coverage) -> str:
    """Coverage in words."""
    wanted = len(coverage.days)
    share = 100 * coverage.complete_count // max(1, wanted)
    return f"{coverage.complete_count} of {wanted} wanted days complete ({share} %)"


@main.command()
@_one_sentence
def rebuild() -> int:
    """Make the database anew from the day files. Needs no network."""
    landing = open_landing(load_settings())
    damaged = landing.files.damaged()
    landing.warehouse.rebuild({landing.dataset: landing.landed()})
    click.echo(f"{len(landing.files.days()) - len(damaged)} days loaded into {landing.warehouse.path}")
    for why in damaged.values():
        click.echo(f"left out: {why}", err=True)
    return ERROR if damaged else DONE


@main.command()
@click.option("--port", default=3999, show_default=True, help="0 takes any free one.")
@click.option("--first-day", type=_day, help="The chain's first day. [30 days ago]")
@click.option("--transactions-per-day", default=1000, show_default=True, type=click.IntRange(min=1))
@click.option("--shape", type=click.Choice(["even", "heavy", "giant"]), default="even", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--latency", default=0.0, show_default=True, help="Seconds added to every answer.")
@click.option("--requests-per-minute", default=0, show_default=True, help="Refuse more than this; 0 refuses nothing.")
@_one_sentence
def devnet(
    port: int,
    first_day: datetime | None,
    transactions_per_day: int,
    shape: Any,
    seed: int,
    latency: float,
    requests_per_minute: int,
) -> int:
    """Serve a made-up Stacks chain that behaves like the real API and grows with the clock."""
    from stx_pipelines.chains.days import DAY
    from stx_pipelines.devnet.faults import Knobs
    from stx_pipelines.devnet.server import run
    from stx_pipelines.devnet.stacks_chain import ChainSpec, StacksChain

    now = datetime.now(UTC)
    chain = StacksChain(
        ChainSpec(
            seed=seed,
            first_day=first_day.date() if first_day else now.date() - 30 * DAY,
            tip=now,
            transactions_per_day=transactions_per_day,
            shape=shape,
        )
    )
    knobs = Knobs(latency_seconds=latency, requests_per_minute=requests_per_minute)
    click.echo(f"the devnet listens on http://127.0.0.1:{port}", err=True)
    run(chain, knobs, "127.0.0.1", port, follow_clock=True)
    return DONE


@main.command()
@_one_sentence
def demo() -> int:
    """Start the devnet, sync its whole history into data/demo, and show what is there. No network, no keys."""
    from stx_pipelines.demo import run_demo

    return run_demo(Path("data/demo"))


if __name__ == "__main__":
    main()

"""The command `devnet`, which serves made-up chains on the routes of the real servers."""

from __future__ import annotations

import os
import socket
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from stx_pipelines.chains.days import DAY
from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.cli.options import day_option
from stx_pipelines.settings import SettingsError

if TYPE_CHECKING:
    from stx_pipelines.devnet.ethereum.chain import EthereumChain
    from stx_pipelines.devnet.stacks.values import Shape

_DAYS = 30  # default length of the Stacks chain
_LONGEST_CHAIN = 1_000  # days; there is a limit because each day takes memory
_HOST = "127.0.0.1"


@click.command()
@click.option(
    "--port",
    default=3999,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port of the server; 0 means any free port. The addresses are printed when it listens.",
)
@day_option("--first-day", help="The chain's first day. [30 days ago]")
@click.option(
    "--transactions-per-day",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="About how many transactions a day of the Stacks chain has.",
)
@click.option(
    "--shape",
    type=click.Choice(["even", "heavy", "giant"]),
    default="even",
    show_default=True,
    help="How the transactions of a day are spread over its burn blocks.",
)
@click.option(
    "--life",
    is_flag=True,
    help="Let the Stacks chain grow, with weekdays, launches, returning wallets and whales.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same chains.")
@click.option(
    "--ethereum-days",
    default=3,
    show_default=True,
    type=click.IntRange(0, 366),
    help="Days of the Ethereum chain before today; 0 means no Ethereum.",
)
@click.option(
    "--ethereum-bodies",
    is_flag=True,
    help="Give Ethereum's blocks whole transactions and receipts, for ETH_PARTS=1.",
)
@click.option(
    "--latency",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 60),
    help="Seconds added to every response.",
)
@click.option(
    "--requests-per-minute",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1_000_000),
    help="Refuse requests above this limit; 0 means no limit.",
)
def devnet(
    port: int,
    first_day: date | None,
    transactions_per_day: int,
    shape: Shape,
    life: bool,
    seed: int,
    ethereum_days: int,
    ethereum_bodies: bool,
    latency: float,
    requests_per_minute: int,
) -> int:
    """Serve a made-up Stacks chain and a made-up Ethereum chain. Both get new blocks as time passes.

    \b
    stx-pipelines devnet --port 4000 --latency 0.05
    """
    from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
    from stx_pipelines.devnet.server import run
    from stx_pipelines.devnet.stacks.chain import ChainSpec, StacksChain
    from stx_pipelines.devnet.stacks.knobs import Knobs

    now = datetime.now(UTC)
    first_day = _first_day(first_day, now.date())
    chain = StacksChain(
        ChainSpec(
            seed=seed,
            first_day=first_day,
            tip=now,
            transactions_per_day=transactions_per_day,
            shape=shape,
            life=life,
        )
    )
    ethereum = _ethereum_chain(seed, ethereum_days, now, bodies=ethereum_bodies) if ethereum_days else None
    knobs = Knobs(latency_seconds=latency, requests_per_minute=requests_per_minute)
    ethereum_knobs = EthereumKnobs(latency_seconds=latency)
    listener = _listening(port)
    _say_where(listener.getsockname()[1], ethereum)
    run(chain, knobs, listener, follow_clock=True, ethereum=ethereum, ethereum_knobs=ethereum_knobs)
    return DONE


def _listening(port: int) -> socket.socket:
    """Return a socket that listens. Raises `SettingsError` if the port cannot be used."""
    from stx_pipelines.devnet.server import listen

    try:
        return listen(_HOST, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise SettingsError(
            f"--port {port} cannot be used ({reason}): give another port, or 0 for any free port"
        ) from None


def _first_day(chosen: date | None, today: date) -> date:
    first = chosen or today - _DAYS * DAY
    if not today - _LONGEST_CHAIN * DAY <= first < today:
        raise SettingsError(f"--first-day {first}: the day must be before today, by at most {_LONGEST_CHAIN} days")
    return first


def _ethereum_chain(seed: int, days: int, now: datetime, *, bodies: bool) -> EthereumChain:
    from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec

    return EthereumChain(EthereumSpec(seed=seed, first_day=now.date() - days * DAY, tip=now, bodies=bodies))


def _say_where(port: int, ethereum: EthereumChain | None) -> None:
    from stx_pipelines.devnet.ethereum.rpc import ETHEREUM_PATH
    from stx_pipelines.devnet.prices import PRICES_PATH

    url = f"http://{_HOST}:{port}"
    click.echo(f"the devnet listens on {url}", err=True)
    if ethereum:
        click.echo(f"the Ethereum chain of {len(ethereum.blocks):,} blocks is at {url}{ETHEREUM_PATH}", err=True)
    click.echo(f"prices of STX and BTC are at {url}{PRICES_PATH}", err=True)

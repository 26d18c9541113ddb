"""Putting the Ethereum walks together from settings."""

from __future__ import annotations

from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.clients.ethereum_rpc import EthereumRpc, connect
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.sync.ethereum.balances import BalancesWalk
from stx_pipelines.sync.ethereum.blocks import BlocksWalk


def open_node(settings: Settings, *, answer_within: float | None = None) -> EthereumRpc:
    """The client for the Ethereum node. Raises `SettingsError` where none is named."""
    if settings.eth_rpc_url is None:
        raise SettingsError("ETH_RPC_URL is not set: give the address of an Ethereum archive node (see .env.example)")
    return connect(
        settings.eth_rpc_url.get_secret_value(),
        batch_size=settings.eth_batch_size,
        parallel=settings.eth_parallel_batches,
        calls_per_second=settings.eth_calls_per_second,
        attempts=settings.eth_attempts,
        timeout=settings.eth_timeout_seconds,
        answer_within=answer_within,
    )


def open_blocks(settings: Settings) -> BlocksWalk:
    """The walk of blocks. Raises `SettingsError`."""
    landing = open_landing(settings, BLOCKS)
    return BlocksWalk(open_node(settings), landing, settings.stx_data_dir, tip_age=settings.eth_tip_age)


def open_balances(settings: Settings) -> BalancesWalk:
    """The walk of the fee recipients' balances. Raises `SettingsError`."""
    return BalancesWalk(
        open_node(settings),
        open_landing(settings, BALANCES),
        open_blocks(settings),
        zeros_allowed=settings.eth_zero_increases == "allow",
    )

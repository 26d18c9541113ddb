"""A sync through the IPC socket or the WebSocket of a real node stores what one over HTTP stores."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from stx_pipelines.chains.days import day_of
from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines.sync.ethereum.blocks import BLOCKS
from stx_pipelines_tests.anvil import finalized_lag, mined, needs_anvil
from stx_pipelines_tests.clients.sockets import socket_folder
from stx_pipelines_tests.sync.ethereum.planned import several_days
from stx_pipelines_tests.sync.ethereum.world import World, stored, table_rows
from stx_pipelines_tests.world import at

LAG = 4


@needs_anvil
def test_a_sync_through_a_socket_equals_one_over_http(tmp_path: Path) -> None:
    plan = several_days(400, newest=at(date(2026, 9, 3), 12))
    days = sorted({day_of(block.timestamp) for block in plan})
    with socket_folder() as folder, mined(plan, *finalized_lag(LAG), "--ipc", str(folder / "a.ipc")) as node:
        worlds = [
            World(url, tmp_path / url[:3])
            for url in (node.url, f"ipc://{folder}/a.ipc", node.url.replace("http", "ws"))
        ]
        for world in worlds:
            for sync in (world.blocks_sync(), world.balances_sync()):
                assert list(stored(sync.sync(days))) == days[::-1]
    for dataset in (BLOCKS, BALANCES):
        over_http, through_socket, through_websocket = (table_rows(world.data, dataset) for world in worlds)
        assert len(through_socket) >= len(plan) - LAG
        assert through_socket == through_websocket == over_http

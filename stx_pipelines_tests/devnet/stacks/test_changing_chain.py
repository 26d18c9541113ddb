"""Tests of reading the devnet while its chain changes; the real server behaves in the same way."""

from datetime import UTC, datetime

import pytest

from stx_pipelines.devnet.server import Devnet

from .test_api import TOP, V3, Get, from_v3, v3_rows


@pytest.fixture
def devnet(own_devnet: Devnet) -> Devnet:
    """Use a separate server, because these tests change the chain."""
    return own_devnet


def test_a_blocks_transactions_are_those_of_the_block_and_404_once_orphaned(devnet: Devnet, get: Get) -> None:
    block = devnet.chain.blocks[-2]
    page = get(f"/extended/v3/blocks/{block.index_hash}/transactions?limit=50").json()
    assert [from_v3(row) for row in page["results"]][::-1] == list(block.transactions)
    assert page["total"] == len(block.transactions)
    devnet.chain.reorg(stacks_blocks=2)
    assert get(f"/extended/v3/blocks/{block.index_hash}/transactions").status_code == 404
    assert get(f"/extended/v2/blocks/{block.index_hash}").status_code == 404


def test_a_lists_etag_is_the_tip_and_answers_304_for_any_page(devnet: Devnet, get: Get) -> None:
    etag = get(f"{V3}?limit=1").headers["etag"]
    assert etag == f'"{devnet.chain.tip.index_hash}"'
    assert get(f"{V3}?limit=50&cursor=9:{TOP}", headers={"If-None-Match": etag}).status_code == 304
    devnet.chain.grow(burn_blocks=1)
    assert get(f"{V3}?limit=1", headers={"If-None-Match": etag}).status_code == 200


def test_a_blocks_etag_outlives_growth_but_not_a_reorg(devnet: Devnet, get: Get) -> None:
    path = f"/extended/v2/blocks/{devnet.chain.tip.height}"
    etag = {"If-None-Match": get(path).headers["etag"]}
    devnet.chain.grow(burn_blocks=1)
    assert get(path, headers=etag).status_code == 304
    devnet.chain.reorg(burn_blocks=2)
    assert get(path, headers=etag).status_code == 200


def test_growth_and_reorgs_during_reading_lose_nothing_below_them(devnet: Devnet, get: Get) -> None:
    settled = devnet.chain.tip.height - 100
    truth = [tx for tx in devnet.chain.transactions() if tx.block_height <= settled]
    pages = 0

    def disturb(path: str) -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            devnet.chain.grow(burn_blocks=2)
            devnet.chain.reorg(stacks_blocks=8)

    devnet.knobs.on_request = disturb
    rows = [from_v3(row) for row in v3_rows(get)]
    assert [tx for tx in rows[::-1] if tx.block_height <= settled] == truth


def test_the_chain_follows_a_clock(devnet: Devnet, get: Get) -> None:
    before = devnet.chain.tip.height
    devnet.knobs.clock = lambda: datetime(2026, 10, 3, 6, tzinfo=UTC)
    assert get("/extended").json()["chain_tip"]["block_height"] > before


def test_after_a_reorg_every_page_is_of_the_new_chain(devnet: Devnet, get: Get) -> None:
    assert len(list(v3_rows(get))) == len(devnet.chain.rows)
    devnet.chain.reorg(burn_blocks=5)
    assert [from_v3(row) for row in v3_rows(get)][::-1] == devnet.chain.transactions()

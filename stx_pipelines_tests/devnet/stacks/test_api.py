"""Tests of reading the devnet's chain over HTTP; the real server behaves in the same way."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.server import Devnet
from stx_pipelines.devnet.stacks.values import Transaction
from stx_pipelines_tests.waiting import LONGEST

Get = Callable[..., requests.Response]
V3 = "/extended/v3/transactions"
TOP = "2147483647:32767"


def v3_rows(get: Get, cursor: str = "", limit: int = 50) -> Iterator[dict[str, Any]]:
    """Yield all rows from a cursor downwards, page by page."""
    following: str | None = cursor
    while following is not None:
        page = get(f"{V3}?limit={limit}" + (f"&cursor={following}" if following else "")).json()
        yield from page["results"]
        following = page["cursor"]["next"]


def v1_rows(get: Get, window: str) -> list[dict[str, Any]]:
    """Read all rows of a window, ascending."""
    rows: list[dict[str, Any]] = []
    while True:
        page = get(f"/extended/v1/tx?limit=50&order=asc&offset={len(rows)}&{window}").json()
        rows += page["results"]
        if len(rows) >= page["total"] or not page["results"]:
            return rows


def from_v3(row: dict[str, Any]) -> Transaction:
    """Convert a v3 row to a transaction."""
    block, burn, sponsor = row["block"], row["bitcoin_block"], row["sponsor"] or {}
    return Transaction(
        tx_id=row["tx_id"],
        block_time=block["time"],
        block_height=block["height"],
        index_block_hash=block["index_hash"],
        block_hash=block["hash"],
        sender_address=row["sender"]["address"],
        nonce=row["sender"]["nonce"],
        sponsor_address=sponsor.get("address"),
        sponsor_nonce=sponsor.get("nonce"),
        fee_ustx=int(row["fee_rate"]),
        tx_type=row["type"],
        tx_status=row["status"],
        burn_block_time=burn["time"],
        burn_block_height=burn["height"],
        tx_index=block["tx_index"],
    )


def first_row(get: Get, cursor: str) -> tuple[int, int] | None:
    """Return height and index of the first row of a cursor's page."""
    rows = get(f"{V3}?limit=1&cursor={cursor}").json()["results"]
    return (rows[0]["block"]["height"], rows[0]["block"]["tx_index"]) if rows else None


@pytest.mark.parametrize("limit", [50, 7])
def test_a_v3_pager_reads_the_whole_chain(devnet: Devnet, get: Get, limit: int) -> None:
    rows = [from_v3(row) for row in v3_rows(get, limit=limit)]
    assert rows[::-1] == devnet.chain.transactions()


def test_separately_read_height_ranges_make_the_whole_chain(devnet: Devnet, get: Get) -> None:
    tip = devnet.chain.tip.height
    heights: list[int] = []
    for low in range(1, tip + 1, 100):
        for row in v3_rows(get, f"{min(tip, low + 99)}:{TOP}"):
            if row["block"]["height"] < low:
                break
            heights.append(row["block"]["height"])
    assert sorted(heights) == [tx.block_height for tx in devnet.chain.transactions()]


def test_a_day_read_by_v1_windows_is_that_day_of_the_chain(devnet: Devnet, get: Get) -> None:
    day = date(2026, 10, 2)
    start = unix_midnight(day)
    rows = v1_rows(get, f"start_time={start}&end_time={start + DAY - 1}")
    truth = devnet.chain.transactions(day)
    assert [row["tx_id"] for row in rows] == [tx.tx_id for tx in truth]
    for row, tx in zip(rows, truth, strict=True):
        assert (row["sender_address"], row["nonce"], int(row["fee_rate"])) == (
            tx.sender_address,
            tx.nonce,
            tx.fee_ustx,
        )
        assert (row["tx_status"], row["tx_type"], row["canonical"]) == (tx.tx_status, tx.tx_type, True)
        assert row.get("sponsor_address") == tx.sponsor_address
        assert (row["block_time"], row["burn_block_time"]) == (tx.block_time, tx.burn_block_time)


def test_paging_v1_by_time_loses_most_transactions_as_on_the_real_server(devnet: Devnet, get: Get) -> None:
    seen: set[str] = set()
    end = int(devnet.chain.spec.tip.timestamp()) + DAY
    while rows := get(f"/extended/v1/tx?limit=5&end_time={end}").json()["results"]:
        seen |= {row["tx_id"] for row in rows}
        end = min(row["burn_block_time"] for row in rows) - 1
    assert len(seen) < 0.9 * len(devnet.chain.rows)


def test_the_counts_of_burn_blocks_sum_to_the_listed_transactions(devnet: Devnet, get: Get) -> None:
    counts: dict[int, int] = {}
    while page := get(f"/extended/v2/burn-blocks?limit=30&offset={len(counts)}").json()["results"]:
        counts |= {burn["burn_block_height"]: burn["total_tx_count"] for burn in page}
    listed = dict.fromkeys(counts, 0)
    for tx in devnet.chain.transactions():
        listed[tx.burn_block_height] += 1
    assert counts == listed
    assert list(counts) == sorted(counts, reverse=True)


def test_the_total_of_burn_blocks_counts_stacks_blocks(devnet: Devnet, get: Get) -> None:
    assert get("/extended/v2/burn-blocks?limit=1").json()["total"] == len(devnet.chain.blocks)


def test_cursors_are_inclusive_and_have_the_same_traps_as_the_real_ones(devnet: Devnet, get: Get) -> None:
    block = next(block for block in devnet.chain.blocks[100:] if len(block.transactions) > 2)
    height, last = block.height, len(block.transactions) - 1
    below = (height - 1, len(devnet.chain.blocks[height - 2].transactions) - 1)
    assert first_row(get, f"{height}:{TOP}") == (height, last)
    assert first_row(get, f"{height}:2147483647:1") == (height, 1)
    assert first_row(get, f"{height}:2147483647:0") == (height, 0)
    assert first_row(get, f"{height}:0:0") == (height, last)
    assert first_row(get, f"{height}:0:1") == below
    assert first_row(get, f"{height}:1:0") == below


def test_a_cursor_above_the_tip_starts_at_the_tip_and_one_below_all_is_empty(
    devnet: Devnet, late_devnet: Devnet, get: Get
) -> None:
    tip = devnet.chain.tip
    assert first_row(get, f"2147483647:{TOP}") == (tip.height, len(tip.transactions) - 1)
    below = requests.get(f"{late_devnet.url}{V3}?cursor=1499999:{TOP}", timeout=LONGEST).json()
    assert below == {
        "total": 0,
        "limit": 20,
        "cursor": dict.fromkeys(("next", "previous", "current")),
        "results": [],
    }


def test_a_cursor_at_an_empty_block_starts_below_it(devnet: Devnet, get: Get) -> None:
    empty = next(block for block in devnet.chain.blocks if not block.transactions)
    below = devnet.chain.blocks[empty.height - 2]
    assert first_row(get, f"{empty.height}:{TOP}") == (below.height, len(below.transactions) - 1)


@pytest.mark.parametrize(
    ("cursor", "status"),
    [
        (f"2147483648:{TOP}", 500),
        ("1:2147483648:0", 500),
        ("1:2147483647:32768", 500),
        ("1:2147483647", 400),
        ("1:2147483647:-1", 400),
        ("1:2147483647:0x", 400),
    ],
)
def test_numbers_out_of_range_are_500_and_bad_syntax_is_400(get: Get, cursor: str, status: int) -> None:
    response = get(f"{V3}?cursor={cursor}")
    assert response.status_code == status
    assert response.json()["code"] == ("22003" if status == 500 else "FST_ERR_VALIDATION")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{V3}?limit=0", 400),
        (f"{V3}?limit=two", 400),
        ("/extended/v1/tx?limit=-1", 400),
        ("/extended/v1/tx?order=up", 400),
        ("/extended/v1/tx?start_time=2147483648", 500),
        ("/extended/v2/burn-blocks?limit=31", 400),
        ("/extended/v2/burn-blocks?offset=-1", 400),
        ("/extended/v2/blocks?limit=31", 400),
        ("/extended/v2/blocks?offset=301", 400),
        ("/extended/v2/blocks?cursor=0x12", 400),
        ("/extended/v2/blocks?cursor=0x" + "0" * 64, 404),
        ("/extended/v2/blocks/0x" + "0" * 64, 404),
        ("/extended/v2/blocks/nonsense", 400),
        ("/extended/v2/burn-blocks/nonsense", 400),
        ("/extended/v4/anything", 404),
    ],
)
def test_invalid_requests_are_refused(get: Get, path: str, status: int) -> None:
    assert get(path).status_code == status


def test_next_is_null_at_the_end_and_previous_is_the_page_before(devnet: Devnet, get: Get) -> None:
    first = get(f"{V3}?limit=10").json()["cursor"]
    second = get(f"{V3}?limit=10&cursor={first['next']}").json()["cursor"]
    assert first["previous"] is None
    assert (second["previous"], second["current"]) == (first["current"], first["next"])
    end = get(f"{V3}?limit=50&cursor=1:{TOP}").json()["cursor"]
    assert end["next"] is None


def test_v1_limit_0_means_20_time_0_means_none_and_arguments_can_be_left_out(devnet: Devnet, get: Get) -> None:
    page = get("/extended/v1/tx?limit=0&start_time=0&end_time=0&exclude_function_args=true").json()
    assert (page["limit"], len(page["results"])) == (20, 20)
    assert page["total"] == len(devnet.chain.rows)
    calls = [row["contract_call"] for row in page["results"] if row["tx_type"] == "contract_call"]
    assert calls
    assert not any("function_args" in call for call in calls)


def test_v1_is_descending_by_default(devnet: Devnet, get: Get) -> None:
    descending = get("/extended/v1/tx?limit=50&offset=30").json()["results"]
    truth = [tx.tx_id for tx in devnet.chain.transactions()][::-1][30:80]
    assert [row["tx_id"] for row in descending] == truth


def test_one_block_is_found_by_height_hashes_latest_and_time(devnet: Devnet, get: Get) -> None:
    block = devnet.chain.blocks[40]
    for name in (block.height, block.hash, block.index_hash, f"by-block-time/{block.time}"):
        assert get(f"/extended/v2/blocks/{name}").json()["index_block_hash"] == block.index_hash
    between = devnet.chain.blocks[41].time - 1
    assert get(f"/extended/v2/blocks/by-block-time/{between}").json()["height"] == block.height
    assert get("/extended/v2/blocks/latest").json()["height"] == devnet.chain.tip.height
    assert get("/extended").json()["chain_tip"]["index_block_hash"] == devnet.chain.tip.index_hash


def test_one_burn_block_is_found_by_height_hash_and_latest_and_gaps_are_404(devnet: Devnet, get: Get) -> None:
    burns = devnet.chain.burn_blocks
    for name, burn in ((burns[5].height, burns[5]), (burns[5].hash, burns[5]), ("latest", burns[-1])):
        found = get(f"/extended/v2/burn-blocks/{name}").json()
        assert (found["burn_block_time"], found["total_tx_count"]) == (burn.time, burn.tx_count)
        assert found["stacks_blocks"] == [block.hash for block in reversed(burn.blocks)]
    gap = next(block for block in devnet.chain.bitcoin.blocks if not block.has_tenure)
    assert get(f"/extended/v2/burn-blocks/{gap.height}").status_code == 404


def test_v2_blocks_name_the_older_page_prev_and_the_newer_next(devnet: Devnet, get: Get) -> None:
    first = get("/extended/v2/blocks?limit=5").json()
    second = get(f"/extended/v2/blocks?limit=5&cursor={first['prev_cursor']}").json()
    assert first["next_cursor"] is None
    assert second["next_cursor"] == first["cursor"]
    heights = [block["height"] for block in first["results"] + second["results"]]
    assert heights == list(range(devnet.chain.tip.height, devnet.chain.tip.height - 10, -1))

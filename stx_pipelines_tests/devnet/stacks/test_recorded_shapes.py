"""The devnet's responses have the shape of recorded ones: status, and headers and keys in their order.

The responses in recorded/ come from the real server. Their values do not matter here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.server import Devnet
from stx_pipelines.devnet.stacks.values import StacksBlock
from stx_pipelines_tests.waiting import LONGEST

Get = Callable[..., requests.Response]
RECORDED = Path(__file__).parent.parent / "recorded"
# These headers differ: uvicorn places `date`, and the others are numbers of this response.
VALUES_DIFFER = {"date", "etag", "content-length"}


def recorded(name: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Read status, headers and body of a recorded response."""
    lines = (RECORDED / f"{name}.http.txt").read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("HTTP/1.1"))
    end = lines.index("", start)
    pairs = [line.split(": ", 1) for line in lines[start + 1 : end]]
    headers = [(pair[0].lower(), pair[1]) for pair in pairs]
    return int(lines[start].split()[1]), headers, (RECORDED / f"{name}.json").read_bytes()


def shape(value: Any) -> Any:
    """Return the keys in their order with the types of their values; of a list only the first element."""
    if isinstance(value, dict):
        return [(key, shape(held)) for key, held in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def assert_headers_as_recorded(response: requests.Response, headers: list[tuple[str, str]]) -> None:
    ours = [(name.lower(), value) for name, value in response.headers.items() if name.lower() != "date"]
    theirs = [(name, value) for name, value in headers if name != "date"]
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert [pair for pair in ours if pair[0] not in VALUES_DIFFER] == [
        pair for pair in theirs if pair[0] not in VALUES_DIFFER
    ]
    assert "date" in response.headers


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("v3_tx_limit51", "/extended/v3/transactions?limit=51"),
        ("v3_tx_cursor_bad", "/extended/v3/transactions?cursor=abc"),
        ("v3_tx_cursor_below_all", "/extended/v3/transactions?limit=2&cursor=100:0:0"),
        ("v3_tx_cursor_txidx_i32", "/extended/v3/transactions?limit=2&cursor=6400000:2147483647:2147483647"),
        ("v3_block_txs_missing", "/extended/v3/blocks/7000000/transactions"),
        ("v1_tx_limit51", "/extended/v1/tx?limit=51"),
        ("v1_tx_end_time_huge", "/extended/v1/tx?end_time=9999999999&limit=1"),
        ("v2_burn_block_missing", "/extended/v2/burn-blocks/975040"),
        ("v2_block_by_time_1700000000", "/extended/v2/blocks/by-block-time/1700000000"),
    ],
)
def test_refusals_and_empty_answers_are_the_recorded_ones_byte_by_byte(
    late_devnet: Devnet, name: str, path: str
) -> None:
    status, headers, body = recorded(name)
    response = requests.get(late_devnet.url + path, timeout=LONGEST)
    assert (response.status_code, response.content) == (status, body)
    assert_headers_as_recorded(response, headers)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("extended", "/extended"),
        ("v2_blocks", "/extended/v2/blocks?limit=2"),
        ("v2_block_by_height", "/extended/v2/blocks/1500010"),
        ("v2_burn_blocks", "/extended/v2/burn-blocks?limit=2"),
        ("v3_block_txs_latest", "/extended/v3/blocks/latest/transactions?limit=1"),
    ],
)
def test_answers_have_the_recorded_keys_and_headers_in_their_order(late_devnet: Devnet, name: str, path: str) -> None:
    status, headers, body = recorded(name)
    response = requests.get(late_devnet.url + path, timeout=LONGEST)
    assert response.status_code == status
    ours = json.loads(response.content)
    if name == "v3_block_txs_latest":  # the number of pages and the type of the first row are random
        assert [key for key, _ in shape(ours)] == [key for key, _ in shape(json.loads(body))]
    else:
        assert shape(ours) == shape(json.loads(body))
    assert_headers_as_recorded(response, headers)


def rows_by_kind(rows: list[dict[str, Any]], key: str, sponsor: str) -> dict[tuple[str, bool], dict[str, Any]]:
    """Return one row of each type, sponsored and not."""
    return {(row[key], bool(row.get(sponsor))): row for row in rows}


@pytest.mark.parametrize(
    ("name", "path", "kind", "sponsor"),
    [
        ("v3_tx_limit3", "/extended/v3/transactions?limit=50", "type", "sponsor"),
        ("v1_tx_limit3", "/extended/v1/tx?limit=50", "tx_type", "sponsor_address"),
    ],
)
def test_rows_have_the_recorded_keys_in_their_order(get: Get, name: str, path: str, kind: str, sponsor: str) -> None:
    theirs = rows_by_kind(json.loads(recorded(name)[2])["results"], kind, sponsor)
    cursor = ""
    ours: dict[tuple[str, bool], dict[str, Any]] = {}
    for page in range(12):
        step = f"&offset={50 * page}" if "v1" in path else cursor and f"&cursor={cursor}"
        response = get(path + step).json()
        ours |= rows_by_kind(response["results"], kind, sponsor)
        cursor = (response.get("cursor") or {}).get("next")
    assert set(theirs) <= set(ours)
    for which, row in theirs.items():
        # The arguments of a contract call depend on its function; the first one is compared.
        assert shape(ours[which]) == shape(row)
    assert {which[0] for which in ours} >= {"coinbase", "tenure_change"}


def test_list_headers_of_v1_carry_the_deprecation_where_recorded(get: Get) -> None:
    status, headers, _ = recorded("v1_tx_limit3")
    response = get("/extended/v1/tx?limit=3")
    assert response.status_code == status
    assert_headers_as_recorded(response, headers)


def test_a_v1_that_is_switched_off_responds_as_recorded(devnet: Devnet, get: Get) -> None:
    devnet.knobs.v1_gone = True
    status, headers, body = recorded("410_v1_tx")
    response = get("/extended/v1/tx?limit=1")
    assert (response.status_code, response.content) == (status, body)
    assert_headers_as_recorded(response, headers)


def test_a_304_of_a_known_block_is_as_recorded(devnet: Devnet, get: Get) -> None:
    status, headers, body = recorded("v2_block_304_by_height")
    block: StacksBlock = devnet.chain.blocks[5]
    response = get(f"/extended/v2/blocks/{block.height}", headers={"If-None-Match": f'"{block.index_hash}:true"'})
    assert (response.status_code, response.content) == (status, body)
    assert_headers_as_recorded(response, headers)


def test_the_middle_of_the_chain_names_both_neighbouring_pages(get: Get) -> None:
    theirs = json.loads(recorded("v3_tx_sponsored_row")[2])["cursor"]
    ours = get("/extended/v3/transactions?limit=1&cursor=20:2147483647:0").json()["cursor"]
    assert shape(ours) == shape(theirs)
    assert ours["current"] == "20:2147483647:0"

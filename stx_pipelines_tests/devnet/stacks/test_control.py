"""Tests of changing the devnet's Stacks chain from outside."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.server import Devnet
from stx_pipelines_tests.waiting import LONGEST

Get = Callable[..., requests.Response]


@pytest.fixture
def devnet(own_devnet: Devnet) -> Devnet:
    """Use a separate server, because these tests change the chain."""
    return own_devnet


def post(devnet: Devnet, path: str, body: Any) -> requests.Response:
    """POST a JSON body."""
    return requests.post(devnet.url + path, json=body, timeout=LONGEST)


def test_knobs_can_be_turned_from_outside(devnet: Devnet, get: Get) -> None:
    burn = devnet.chain.burn_blocks[-1].height
    wanted = {
        "v1_gone": True,
        "fault_kinds": ["503"],
        "fail_next": 1,
        "wrong_counts": [burn],
        "latency_seconds": 0,
    }
    assert post(devnet, "/devnet/knobs", wanted).status_code == 200
    assert (devnet.knobs.fault_kinds, devnet.knobs.wrong_counts) == (("503",), {burn})
    assert [get("/extended/v1/tx").status_code for _ in range(2)] == [503, 410]


@pytest.mark.parametrize(
    "body",
    [
        {"no_such_knob": 1},
        {"clock": None},
        {"v1_gone": 1},
        {"fail_next": 1.5},
        {"latency_seconds": "fast"},
        {"fault_kinds": ["418"]},
        {"v1_gone": True, "no_such_knob": 1},
        [],
    ],
)
def test_an_unknown_knob_or_value_is_refused_and_turns_nothing(devnet: Devnet, body: Any) -> None:
    before = vars(devnet.knobs).copy()
    response = post(devnet, "/devnet/knobs", body)
    assert response.status_code == 400
    assert response.json()["error"]
    assert vars(devnet.knobs) == before


def test_the_chain_grows_and_reorganises_from_outside(devnet: Devnet) -> None:
    before = devnet.chain.tip
    assert post(devnet, "/devnet/reorg", {"stacks_blocks": 2}).status_code == 200
    assert devnet.chain.block_by_hash(before.index_hash) is None
    burns = len(devnet.chain.burn_blocks)
    grown = post(devnet, "/devnet/grow", {"burn_blocks": 2}).json()
    assert len(devnet.chain.burn_blocks) == burns + 2
    assert grown["block_height"] == devnet.chain.tip.height
    assert post(devnet, "/devnet/grow", {"to": "2026-10-03T12:00:00+00:00"}).status_code == 200
    assert devnet.chain.tip.time > before.time + 3_600 * 8
    assert post(devnet, "/devnet/reorg", {"burn_blocks": 3}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/devnet/reorg", {}),
        ("/devnet/reorg", {"moons": 1}),
        ("/devnet/grow", {"to": "soon"}),
        ("/devnet/grow", {}),
    ],
)
def test_an_invalid_change_is_400(devnet: Devnet, path: str, body: Any) -> None:
    assert post(devnet, path, body).status_code == 400


def test_stats_are_shown_and_control_requests_are_not_counted(devnet: Devnet, get: Get) -> None:
    get("/extended")
    post(devnet, "/devnet/knobs", {"fail_next": 0})
    shown = get("/devnet/stats").json()
    assert shown == {
        "requests": 1,
        "by_route": {"extended": 1},
        "by_status": {"200": 1},
        "by_fault": {},
        "busiest_60_seconds": 1,
    }

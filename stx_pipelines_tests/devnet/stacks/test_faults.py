"""Tests of every knob: its effect, and that it has no other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from stx_pipelines.devnet.server import Devnet
from stx_pipelines.devnet.stacks.faults import Faults
from stx_pipelines.devnet.stacks.knobs import FAULT_KINDS, FaultKind, Knobs
from stx_pipelines.devnet.stacks.traffic import Limiter, Stats
from stx_pipelines_tests.devnet.servers import keep_sleeps

Get = Callable[..., requests.Response]
PAGE = "/extended/v3/transactions?limit=5&cursor=200:2147483647:32767"


@contextmanager
def always(devnet: Devnet, kind: FaultKind) -> Iterator[None]:
    """Give every request this fault until the block ends."""
    devnet.knobs.fault_kinds, devnet.knobs.fault_rate = (kind,), 1.0
    yield
    devnet.knobs.fault_rate = 0.0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 522])
def test_a_status_fault_answers_with_that_status(devnet: Devnet, get: Get, status: int) -> None:
    devnet.knobs.retry_after_seconds = 7
    with always(devnet, str(status)):  # type: ignore[arg-type]
        response = get(PAGE)
    assert response.status_code == status
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_a_dropped_connection_gives_no_answer_and_the_next_request_works(devnet: Devnet, get: Get) -> None:
    with always(devnet, "drop"), pytest.raises(requests.ConnectionError, match="closed connection"):
        get(PAGE)
    assert get(PAGE).status_code == 200
    assert devnet.stats.by_status == {0: 1, 200: 1}


def test_a_truncated_body_ends_before_its_content_length(devnet: Devnet, get: Get) -> None:
    with (
        always(devnet, "truncated"),
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="Incomplete"),
    ):
        get(PAGE)
    assert get(PAGE).status_code == 200


def test_connections_cut_on_purpose_log_nothing(
    devnet: Devnet, get: Get, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for kind in ("drop", "truncated"):
        with always(devnet, kind), pytest.raises(requests.RequestException):
            get(PAGE)
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))


def test_a_body_cut_with_a_fitting_length_is_valid_http_and_no_json(devnet: Devnet, get: Get) -> None:
    whole = get(PAGE).content
    with always(devnet, "truncated_wrong_length"):
        response = get(PAGE)
    assert response.status_code == 200
    assert whole.startswith(response.content)
    assert 0 < len(response.content) < len(whole)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_an_empty_page_is_one_that_no_chain_has(devnet: Devnet, get: Get) -> None:
    with always(devnet, "empty_page"):
        response = get(PAGE)
    assert response.status_code == 200
    assert response.text == (
        '{"total":0,"limit":50,"cursor":{"next":null,"previous":null,"current":null},"results":[]}'
    )


def test_a_page_that_is_no_json_says_200(devnet: Devnet, get: Get) -> None:
    with always(devnet, "not_json"):
        response = get(PAGE)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html")
    assert response.text.startswith("<html>")


@pytest.mark.parametrize("path", [PAGE, "/extended/v3/transactions?limit=5"])
def test_a_repeated_page_is_a_right_page_of_another_cursor(devnet: Devnet, get: Get, path: str) -> None:
    right = get(path).json()
    with always(devnet, "repeated_page"):
        other = get(path).json()
    assert other["cursor"]["current"] != right["cursor"]["current"]
    assert not {row["tx_id"] for row in other["results"]} & {row["tx_id"] for row in right["results"]}


def test_page_faults_do_not_change_other_routes(devnet: Devnet, get: Get) -> None:
    right = get("/extended").json()
    devnet.knobs.fault_kinds, devnet.knobs.fault_rate = ("empty_page", "repeated_page"), 1.0
    assert get("/extended").json() == right


def test_faults_come_at_their_rate_and_again_with_the_same_seed() -> None:
    knobs = Knobs(fault_rate=0.2, seed=5)
    drawn = [Faults(knobs).draw(is_v3_page=True) for _ in range(1)]
    first, again = Faults(knobs), Faults(knobs)
    series = [first.draw(is_v3_page=True) for _ in range(2_000)]
    assert series == [again.draw(is_v3_page=True) for _ in range(2_000)]
    assert series[:1] == drawn
    assert 0.15 < sum(kind is not None for kind in series) / 2_000 < 0.25
    assert set(series) - {None} == set(FAULT_KINDS)


def test_a_turned_seed_starts_another_series() -> None:
    knobs = Knobs(fault_rate=0.5, seed=1)
    faults = Faults(knobs)
    first = [faults.draw(is_v3_page=True) for _ in range(50)]
    knobs.seed = 2
    second = [faults.draw(is_v3_page=True) for _ in range(50)]
    knobs.seed = 1
    assert first != second
    assert first == [faults.draw(is_v3_page=True) for _ in range(50)]


def test_a_burst_fails_exactly_so_many_requests(devnet: Devnet, get: Get) -> None:
    devnet.knobs.fault_kinds, devnet.knobs.fail_next = ("503",), 3
    assert [get(PAGE).status_code for _ in range(5)] == [503, 503, 503, 200, 200]


def test_a_limited_server_reports_what_is_left_and_when_to_retry(
    devnet: Devnet, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("stx_pipelines.devnet.stacks.api.monotonic", lambda: now)
    devnet.knobs.requests_per_minute, devnet.knobs.limit_window_seconds = 2, 0.3
    allowed = [get(PAGE) for _ in range(2)]
    refused = get(PAGE)
    assert [answer.headers["ratelimit-remaining"] for answer in allowed] == ["1", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in allowed} == {"2"}
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"] == "1"
    now += 0.35
    assert get(PAGE).status_code == 200


def test_the_limiters_window_slides_and_refusals_do_not_fill_it() -> None:
    limiter = Limiter()
    assert [limiter.ask(now, 2, 60).allowed for now in (0, 30, 59, 59.5)] == [True, True, False, False]
    assert limiter.ask(60, 2, 60).allowed
    refused = limiter.ask(61, 2, 60)
    assert (refused.allowed, refused.remaining, refused.reset_seconds) == (False, 0, 29)


def test_without_a_limit_no_limit_is_mentioned(get: Get) -> None:
    assert not [name for name in get(PAGE).headers if "ratelimit" in name]


def test_latency_delays_every_answer_and_the_burn_list_more(
    devnet: Devnet, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = keep_sleeps(monkeypatch, "stx_pipelines.devnet.stacks.api.asyncio")
    devnet.knobs.latency_seconds, devnet.knobs.list_latency_seconds = 50.0, 100.0
    for path in (PAGE, "/extended/v2/burn-blocks", "/extended/v2/burn-blocks/latest"):
        get(path)
    assert slept == [50.0, 150.0, 50.0]


def test_a_broken_burn_list_leaves_single_burn_blocks_readable(devnet: Devnet, get: Get) -> None:
    devnet.knobs.burn_list_broken = True
    broken = get("/extended/v2/burn-blocks")
    assert (broken.status_code, broken.json()["code"]) == (500, "57014")
    assert get("/extended/v2/burn-blocks/latest").status_code == 200


def test_an_old_server_has_no_v3_and_still_v1(devnet: Devnet, get: Get) -> None:
    devnet.knobs.v3_missing = True
    assert [get(PAGE).status_code, get("/extended/v3/blocks/latest/transactions").status_code] == [404, 404]
    assert get(PAGE).json()["message"].startswith("Route GET:/extended/v3/transactions")
    assert get("/extended/v1/tx").status_code == 200


def test_a_wrong_count_is_one_too_high_in_list_and_single_response(devnet: Devnet, get: Get) -> None:
    burn = devnet.chain.burn_blocks[-2]
    devnet.knobs.wrong_counts = {burn.height}
    newest, lying = get("/extended/v2/burn-blocks?limit=2").json()["results"]
    assert lying["total_tx_count"] == burn.tx_count + 1
    assert get(f"/extended/v2/burn-blocks/{burn.height}").json() == lying
    assert newest["total_tx_count"] == devnet.chain.burn_blocks[-1].tx_count


def test_hidden_transactions_are_in_no_list_and_all_counts(devnet: Devnet, get: Get) -> None:
    truth = devnet.chain.transactions()
    hidden = truth[-3]
    devnet.knobs.hidden_transactions = {hidden.tx_id}
    v3 = get("/extended/v3/transactions?limit=50").json()
    v1 = get("/extended/v1/tx?limit=50").json()
    block = get(f"/extended/v3/blocks/{hidden.block_height}/transactions?limit=50").json()
    for page in (v3, v1, block):
        assert hidden.tx_id not in {row["tx_id"] for row in page["results"]}
    assert len(v3["results"]) == len(v1["results"]) == 50
    assert v3["total"] == v1["total"] == len(truth)
    assert block["total"] == len(block["results"]) + 1
    burn = get(f"/extended/v2/burn-blocks/{hidden.burn_block_height}").json()
    assert burn["total_tx_count"] == sum(tx.burn_block_height == hidden.burn_block_height for tx in truth)


def test_hidden_transactions_do_not_shift_later_v1_pages(devnet: Devnet, get: Get) -> None:
    truth = [tx.tx_id for tx in devnet.chain.transactions()]
    devnet.knobs.hidden_transactions = {truth[3], truth[40]}
    seen = [
        row["tx_id"]
        for offset in range(0, 200, 50)
        for row in get(f"/extended/v1/tx?order=asc&limit=50&offset={offset}").json()["results"]
    ]
    assert seen == [tx_id for tx_id in truth if tx_id not in devnet.knobs.hidden_transactions][:200]


def test_requests_are_counted_by_route_and_status_and_logged(devnet: Devnet, get: Get) -> None:
    for path in (
        PAGE,
        PAGE,
        "/extended/v2/blocks/latest",
        "/extended/v2/blocks/999999",
        "/extended/v1/tx?limit=51",
    ):
        get(path)
    assert devnet.stats.requests == 5
    assert devnet.stats.by_route == {"v3/transactions": 2, "v2/blocks/one": 2, "v1/tx": 1}
    assert devnet.stats.by_status == {200: 3, 404: 1, 400: 1}
    assert [entry[1:] for entry in devnet.stats.log][:2] == [("v3/transactions", 200)] * 2
    devnet.stats.reset()
    assert (devnet.stats.requests, devnet.stats.busiest_60_seconds, len(devnet.stats.log)) == (0, 0, 0)


def test_the_busiest_minute_is_any_sixty_seconds_not_a_calendar_minute() -> None:
    stats = Stats()
    for now in (0, 50, 55, 61, 62, 200, 201):  # 50 to 62 are four; no calendar minute has more than three
        stats.arrived(now, "any")
    assert stats.busiest_60_seconds == 4


def test_on_request_gets_path_and_query_before_the_response(devnet: Devnet, get: Get) -> None:
    heard: list[str] = []
    devnet.knobs.on_request = heard.append
    get(PAGE)
    assert heard == [PAGE]

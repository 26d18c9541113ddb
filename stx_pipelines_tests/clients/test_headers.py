"""ETH_RPC_HEADERS are sent to the node of ETH_RPC_URL with every request, and appear nowhere else."""

from __future__ import annotations

import logging
import traceback

import pytest
from pydantic import SecretStr

from stx_pipelines import EthereumNodeResource
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError, changed, load_settings
from stx_pipelines_tests.clients.node import Node
from stx_pipelines_tests.clients.node_faults import instead
from stx_pipelines_tests.clients.raw import keeping, talking

TOKEN, KEY = "t0k3n-0123456789abcdef", "x-k3y-0123456789abcdef"
GIVEN = f"Authorization: Bearer {TOKEN}; x-api-key: {KEY}"
CHAIN_ID = b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'


def http(status: bytes, body: bytes = b"", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n" % (status, len(body), more) + body


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETH_RPC_HEADERS", GIVEN)
    monkeypatch.setenv("ETH_ATTEMPTS", "1")


@pytest.mark.usefixtures("given")
def test_they_are_sent_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with talking(keeping([http(b"200 OK", CHAIN_ID)])) as raw:
        monkeypatch.setenv("ETH_RPC_URL", raw.url)
        assert Project.load().ethereum_rpc().chain_id() == 1
    [request] = raw.requests
    assert f"authorization: Bearer {TOKEN}\r\n".encode() in request
    assert f"x-api-key: {KEY}\r\n".encode() in request


@pytest.mark.usefixtures("given")
def test_they_are_not_sent_where_a_redirect_points(monkeypatch: pytest.MonkeyPatch) -> None:
    with talking(keeping([http(b"200 OK", CHAIN_ID)])) as other:
        moved = http(b"307 Temporary Redirect", more=f"location: {other.url}/\r\n".encode())
        with talking(keeping([moved])) as raw:
            monkeypatch.setenv("ETH_RPC_URL", raw.url)
            with pytest.raises(ApiError, match="HTTP 307"):
                Project.load().ethereum_rpc().chain_id()
        assert (len(raw.requests), other.requests) == (1, [])


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("status", [200, 401, 403, 429, 503])
@pytest.mark.parametrize("echo", [TOKEN, f"Bearer {TOKEN}", KEY])
def test_they_are_in_no_log_no_error_and_no_repr_although_the_node_repeats_them(
    node: Node, status: int, echo: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node.always = instead({"id": None, "error": {"code": -32600, "message": f"no {echo}"}}, status)
    monkeypatch.setenv("ETH_RPC_URL", node.url)
    project = Project.load()
    rpc = project.ethereum_rpc()
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
        rpc.chain_id()
    seen = "".join(traceback.format_exception(caught.value)) + caplog.text
    seen += repr(rpc) + repr(project.settings) + str(project.settings.model_dump())
    assert [secret for secret in (TOKEN, KEY) if secret in seen] == []


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"{TOKEN}: ",
        f": {TOKEN}",
        f"x y: {TOKEN}",
        f"x-api-key: {TOKEN}\u2026",
        f"x-api-key: {TOKEN}\rx: y",
        f"x-api-key: {TOKEN}; {TOKEN}",
        f"x-api-key: {TOKEN}; X-API-Key: {TOKEN}",
        f"Host: {TOKEN}",
        f"Content-Type: {TOKEN}",
    ],
)
def test_malformed_ones_are_refused_in_one_sentence_that_does_not_show_them(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_RPC_HEADERS", text)
    with pytest.raises(SettingsError, match=r"^ETH_RPC_HEADERS is not usable: must ") as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        (GIVEN, {"authorization": f"Bearer {TOKEN}", "x-api-key": KEY}),
        (
            f"\n Authorization:Bearer {TOKEN}\r\n\nx-api-key :  {KEY};;",
            {"authorization": f"Bearer {TOKEN}", "x-api-key": KEY},
        ),
        ("x: a:b=c, d", {"x": "a:b=c, d"}),
        (" ; \n", {}),
    ],
)
def test_several_are_separated_by_semicolons_or_line_breaks(text: str, headers: dict[str, str]) -> None:
    assert load_settings(eth_rpc_headers=text).eth_headers == headers


@pytest.mark.parametrize(
    ("override", "kept"),
    [
        (None, True),
        ("https://node.example:443/another/path", True),
        ("https://node.example:8443/v3", False),
        ("http://node.example/v3", False),
        ("https://other.example/v3", False),
        ("ipc:///node.ipc", False),
    ],
)
def test_they_stay_with_the_server_of_the_setting(
    override: str | None, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_RPC_HEADERS", GIVEN)
    monkeypatch.setenv("ETH_RPC_URL", " https://node.example/v3 ")
    assert bool(load_settings(eth_rpc_url=override).eth_headers) is kept
    assert bool(changed(load_settings(), eth_rpc_url=override).eth_headers) is kept
    assert load_settings(eth_rpc_url=override, eth_rpc_headers=f"x: {KEY}").eth_headers == {"x": KEY}


def test_a_web3_of_the_resource_sends_them_too() -> None:
    settings = Settings(eth_rpc_url=SecretStr("http://127.0.0.1:9"), eth_rpc_headers=SecretStr(GIVEN))
    provider = EthereumNodeResource.of(settings).get_web3().provider
    assert provider.get_request_kwargs()["headers"]["authorization"] == f"Bearer {TOKEN}"

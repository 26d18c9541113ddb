"""A key is sent only to its own server, as a header or in a node's address, and appears nowhere else."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest

from stx_pipelines.chains.ethereum import BalanceKey
from stx_pipelines.chains.stacks_answers import parse_tip
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.ethereum_rpc import PASSING, connect
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.patience import Patience
from stx_pipelines.settings import SettingsError
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.conftest import Script
from stx_pipelines_tests.clients.node import Json, Node
from stx_pipelines_tests.clients.node_faults import instead
from stx_pipelines_tests.world import World, make_chain

MakeHttp = Callable[..., Http]
KEY = "secret-key-0123456789"
SECRETS = ("k3y0123456789abcdef", "p4ssw0rd%21", "p4ssw0rd!", "t0ken=42", "t0ken%3D42")


class TestTheKey:
    """An API key is sent to its server and appears nowhere else."""

    def test_it_is_sent_and_only_as_a_header(self, script: Script, make_http: MakeHttp) -> None:
        script.say(200)
        make_http({"x-api-key": KEY}).get("/x", bytes)
        assert script.keys == [KEY]
        assert KEY not in "".join(script.asked)

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 429, 500, 503])
    @pytest.mark.parametrize("body", [b"no", b'{"code":"22003","error":"the api key %s is not valid"}' % KEY.encode()])
    def test_it_is_in_no_log_no_error_and_no_repr_although_the_server_repeats_it(
        self, script: Script, make_http: MakeHttp, status: int, body: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        script.say(status, body)
        http = make_http({"x-api-key": KEY})
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:  # at 200 too: the body is not a tip
            http.get("/x", parse_tip)
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert KEY not in caplog.text + repr(http) + str(http)

    @pytest.mark.parametrize("ending", ["\n", "\r\n", " ", "\u2026"])
    def test_one_that_cannot_be_sent_is_refused_without_saying_it(
        self, make_world: Callable[..., World], ending: str
    ) -> None:
        """A key from a file may end with a line break. It is accepted, or the error names only the setting."""
        world = make_world(make_chain(1, 1))
        world.overrides["hiro_api_key"] = KEY + ending
        said = ""
        try:
            world.open_sync().client.tip()
        except (SettingsError, ApiError) as error:
            said = "".join(traceback.format_exception(error))
        except Exception as error:  # noqa: BLE001 - the claim is that there is no other
            pytest.fail(f"{type(error).__name__} instead of a sentence; says the key: {KEY in str(error)}")
        assert KEY not in said

    def test_it_is_in_no_file_and_no_log_of_a_sync(
        self, make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
    ) -> None:
        world = make_world(make_chain(1, 6), hiro_api_key=KEY)
        with caplog.at_level(logging.DEBUG):
            world.stored()
        assert KEY not in caplog.text
        assert KEY not in repr(world.last_sync) + repr(world.settings())
        everything = [path.read_bytes() for path in world.data.parent.rglob("*") if path.is_file()]
        assert not [content for content in everything if KEY.encode() in content]


class TestTheSecretAddress:
    """The key in a node's address is sent to the node and appears nowhere else."""

    PATH = "/v3/k3y0123456789abcdef?apikey=t0ken%3D42"

    def keeps_quiet(self, told: str) -> None:
        assert [secret for secret in SECRETS if secret in told] == []

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 413, 429, 500, 503])
    @pytest.mark.parametrize("form", ["text", "error", "result"])
    def test_it_is_in_no_log_and_no_error_although_the_node_repeats_it(
        self, node: Node, status: int, form: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        echo = f"no key {self.PATH} {' '.join(SECRETS)} http://user:p4ssw0rd!@x"
        bodies: dict[str, Json] = {
            "text": echo,
            "error": {"id": None, "error": {"code": -32600, "message": echo}},
            "result": {"id": 1, "result": echo},
        }
        node.always = instead(bodies[form], status, retry_after="0")
        rpc = connect(node.url.replace("//", "//user:p4ssw0rd%21@") + self.PATH, attempts=2)
        rpc.http.patience = Patience(attempts=2, first_wait=0.01, last_wait=0.01, statuses=PASSING)
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
            rpc.chain_id()
        self.keeps_quiet("".join(traceback.format_exception(caught.value)))
        self.keeps_quiet(caplog.text + repr(rpc) + str(rpc.http))
        assert node.url in str(caught.value)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https://a..b", "tls"])
    def test_it_is_in_no_word_about_a_connection(self, node: Node, url: str, caplog: pytest.LogCaptureFixture) -> None:
        rpc = connect((node.url.replace("http", "https") if url == "tls" else url) + self.PATH)
        rpc.http.patience = Patience(attempts=2, first_wait=0.01, last_wait=0.01)
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
            rpc.balances([BalanceKey("0x" + "0" * 40, 1)])
        error_: BaseException | None = caught.value
        while error_ is not None:
            self.keeps_quiet(str(error_) + repr(error_))
            error_ = error_.__cause__ or error_.__context__
        self.keeps_quiet(caplog.text)

    def test_it_reaches_the_node(self, node: Node) -> None:
        assert connect(node.url + self.PATH).chain_id() == chain.CHAIN_ID

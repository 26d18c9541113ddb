"""Connections are reused only after whole responses, and use the environment's proxies and certificates."""

from __future__ import annotations

from base64 import b64encode
from importlib.metadata import version
from itertools import chain, repeat
from pathlib import Path

import pytest

from stx_pipelines.clients import body
from stx_pipelines.clients.errors import ApiError, TooLarge, Unreachable
from stx_pipelines_tests.clients.raw import HEAD, certified, keeping, talking
from stx_pipelines_tests.clients.test_bounds import CHUNKED, SLOW, client, gzip, outcome

AB = HEAD + b"content-length: 2\r\n\r\nab"
BASIC = b"Basic " + b64encode(b"me:p@ss")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def headers_in(request: bytes) -> dict[bytes, bytes]:
    """Return the headers of a request, with their names in lower case."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}


class TestConnections:
    """A connection is reused only after a whole response."""

    def test_whole_answers_need_one_connection(self) -> None:
        answers = [
            AB,
            CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\n\r\n",
            HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(gzip(b"ab")), gzip(b"ab")),
            HEAD + b"content-length: 0\r\n\r\n",
            AB,
        ]
        with talking(keeping(answers)) as raw:
            http = client(raw.url)
            assert [http.get("/x", bytes) for _ in answers] == [b"ab", b"ab", None, b"ab", b"", b"ab"]
            assert [len(raw.requests), raw.connections] == [6, 1]

    def test_a_call_after_a_call_needs_no_new_one(self) -> None:
        with talking(keeping([HEAD + b"content-length: 2\r\n\r\n{}"] * 5)) as raw:
            http = client(raw.url)
            assert [http.post("", b"{}", bytes) for _ in range(5)] == [b"{}"] * 5
            assert [len(raw.requests), raw.connections] == [5, 1]

    def test_one_that_the_server_closed_is_replaced(self) -> None:
        with talking(lambda: iter([AB])) as raw:
            http = client(raw.url, attempts=2, first_wait=0.01, last_wait=0.01)
            assert [http.get("/x", bytes) for _ in range(3)] == [b"ab"] * 3
            assert raw.connections == 3

    @pytest.mark.parametrize("first", ["a drip of a body", "chunks now and then"])
    def test_one_that_was_cut_is_not_used_again(self, first: str) -> None:
        talks = chain([SLOW[first]()], repeat(iter([AB])))
        with talking(talks.__next__) as raw:
            http = client(raw.url, answer_within=0.3, attempts=2, first_wait=0.01, last_wait=0.01)
            with outcome(lambda: http.get("/x", bytes)) as found:
                pass
            assert found == [b"ab"]
            assert [len(raw.requests), raw.connections] == [2, 2]

    def test_one_whose_answer_is_too_large_is_not_used_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "MOST", 10)
        large = HEAD + b"content-length: %d\r\n\r\n" % (2 * body.PIECE) + bytes(2 * body.PIECE)
        answers = [large, AB]
        with talking(keeping(answers)) as raw:
            http = client(raw.url)
            with pytest.raises(TooLarge):
                http.get("/x", bytes)
            assert http.get("/x", bytes) == b"ab"
            assert raw.connections == 2


class TestRequest:
    """Every request names the product, and sends the user in the address as basic authentication."""

    def test_the_product_and_its_version_are_named(self) -> None:
        with talking(keeping([AB] * 3)) as raw:
            http = client(raw.url)
            http.get("/x", bytes)
            http.get("/x", bytes, headers={"if-none-match": "a"})
            http.post("/x", b"{}", bytes)
        assert len(raw.requests) == 3
        for request in raw.requests:
            headers = headers_in(request)
            assert headers[b"user-agent"] == f"stx-pipelines/{version('stx-pipelines')}".encode()
            assert headers[b"accept-encoding"] == b"gzip"

    def test_the_user_of_the_address_is_sent_as_basic_auth_and_never_in_the_target(self) -> None:
        with talking(keeping([AB] * 2)) as raw:
            http = client(raw.url.replace("://", "://me:p%40ss@") + "/v1?key=7")
            http.post("", b"{}", bytes)
            http.get("/x", bytes)
        assert [request.split()[1] for request in raw.requests] == [b"/v1?key=7", b"/v1?key=7/x"]
        assert [headers_in(request)[b"authorization"] for request in raw.requests] == [BASIC, BASIC]


class TestEnvironment:
    """Proxies and certificates are read from the environment."""

    @pytest.mark.parametrize(
        ("base_url", "path", "target"),
        [
            ("http://example.invalid", "/x?y=1:2", "http://example.invalid/x?y=1:2"),
            ("http://example.invalid", "", "http://example.invalid/"),
            ("http://example.invalid/", "", "http://example.invalid/"),
            ("http://example.invalid:81/v3/key?a=b", "", "http://example.invalid:81/v3/key?a=b"),
            ("http://example.invalid?a=b", "", "http://example.invalid/?a=b"),
            ("http://you:secret@example.invalid/p", "/x", "http://example.invalid/p/x"),
            ("http://b\u00fccher.invalid/\u00e4", "/x", "http://xn--bcher-kva.invalid/%C3%A4/x"),
            ("http://[::1]:8080/v", "/x", "http://[::1]:8080/v/x"),
        ],
    )
    def test_a_proxy_is_asked_for_the_whole_address_and_told_its_own_user(
        self, base_url: str, path: str, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with talking(keeping([AB])) as raw:
            monkeypatch.setenv("HTTP_PROXY", raw.url.replace("://", "://me:p%40ss@"))
            assert client(base_url).get(path, bytes) == b"ab"
        [request] = raw.requests
        assert request.startswith(f"GET {target} HTTP/1.1\r\n".encode())
        assert headers_in(request)[b"proxy-authorization"] == BASIC

    def test_a_proxy_makes_a_tunnel_to_a_secure_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with talking(keeping([b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"])) as raw:
            monkeypatch.setenv("HTTPS_PROXY", raw.url.replace("://", "://me:p%40ss@"))
            with pytest.raises(Unreachable) as caught:
                client("https://you:secret@example.invalid/key").get("/x", bytes)
        [request] = raw.requests
        assert request.startswith(b"CONNECT example.invalid:443 HTTP/1.")
        assert headers_in(request)[b"proxy-authorization"] == BASIC
        assert b"authorization" not in headers_in(request)
        assert "p@ss" not in str(caught.value)

    @pytest.mark.parametrize("exempt", ["127.0.0.1", "example.invalid, 127.0.0.0/8", "*"])
    def test_an_exempt_server_is_asked_directly(self, exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", exempt)
        with talking(keeping([AB])) as raw:
            assert client(raw.url).get("/x", bytes) == b"ab"
        assert raw.requests[0].startswith(b"GET /x HTTP/1.1\r\n")

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", None])
    def test_a_server_is_trusted_whose_certificate_the_environment_names(
        self, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(each, raising=False)
        if name:
            monkeypatch.setenv(name, str(tmp_path / "own.pem"))
        with talking(keeping([AB] * 2), tls=certified(tmp_path / "own.pem")) as raw:
            http = client(f"https://localhost:{raw.port}")
            if name:
                assert [http.get("/x", bytes) for _ in range(2)] == [b"ab"] * 2
                assert raw.connections == 1
            else:
                with pytest.raises(Unreachable, match=r"the secure connection failed: .*CERTIFICATE_VERIFY_FAILED"):
                    http.get("/x", bytes)

    def test_certificates_that_are_not_there_are_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(ApiError, match="no certificates where REQUESTS_CA_BUNDLE"):
            client("https://localhost:9").get("/x", bytes)

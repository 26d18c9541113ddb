"""The webserver of `make up` accepts requests of its own UI and refuses those of another site."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, ModuleTarget
from starlette.testclient import TestClient, WebSocketDenialResponse

from stx_pipelines.defs.webserver import GuardedWebserver, allowed_hosts
from stx_pipelines_tests.noting import noting_server
from stx_pipelines_tests.world import today

KEY = "hiro-key-0123456789"
MUTATION = "mutation { setNuxSeen }"
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message }
  }
}
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance in which a run starts at once, because a queue needs the daemon."""
    coordinator = "run_coordinator:\n  module: dagster.core.run_coordinator\n  class: DefaultRunCoordinator\n"
    (tmp_path / "dagster.yaml").write_text(coordinator)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    with dg.DagsterInstance.get() as made:
        yield made


def browser(context: WorkspaceProcessContext, at: str = "http://localhost:3000", prefix: str = "") -> TestClient:
    """A client of the webserver at this address."""
    return TestClient(GuardedWebserver(context, prefix).create_asgi_app(), base_url=at)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    """A webserver's context without any code location, which starts at once."""
    with (
        dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
    ):
        yield context


@pytest.mark.parametrize("prefix", ["", "/dagster"])
def test_a_picture_a_form_and_a_foreign_host_are_refused(empty: WorkspaceProcessContext, prefix: str) -> None:
    ui = browser(empty, prefix=prefix)
    picture = ui.get(f"{prefix}/graphql", params={"query": MUTATION}, headers={"accept": "image/*"})
    form = ui.post(
        f"{prefix}/graphql", params={"query": MUTATION}, data={"a": "b"}, headers={"origin": "https://evil.example"}
    )
    rebound = ui.post(
        f"{prefix}/graphql",
        json={"query": MUTATION},
        headers={"host": "evil.example:3000", "origin": "http://evil.example:3000"},
    )
    assert [answer.status_code for answer in (picture, form, rebound)] == [403, 403, 403]
    assert "accepts only POST" in picture.text
    assert "https://evil.example" in form.text
    assert "UI_ALLOWED_HOSTS" in form.text
    assert "'evil.example:3000' is not a host of this UI" in rebound.text
    assert "UI_ALLOWED_HOSTS" in rebound.text


@pytest.mark.parametrize("prefix", ["", "/dagster"])
def test_what_the_ui_does_is_answered(empty: WorkspaceProcessContext, prefix: str) -> None:
    ui = browser(empty, prefix=prefix)
    asked = ui.post(f"{prefix}/graphql", json={"query": "{ __typename }"}, headers={"origin": "http://localhost:3000"})
    assert asked.json() == {"data": {"__typename": "Query"}}
    assert ui.post(f"{prefix}/graphql", json={"query": "{ __typename }"}).status_code == 200  # a script has no origin
    assert ui.get(f"{prefix}/server_info").status_code == 200
    assert "GraphiQL" in ui.get(f"{prefix}/graphql", headers={"accept": "text/html"}).text
    headers = {"host": "localhost:3000", "origin": "http://localhost:3000"}
    with ui.websocket_connect(f"{prefix}/graphql", headers=headers) as websocket:
        websocket.send_json({"type": "connection_init"})
        assert websocket.receive_json() == {"type": "connection_ack"}


@pytest.mark.parametrize("prefix", ["", "/dagster"])
def test_the_dashboard_page_is_served_once_there_is_one(
    empty: WorkspaceProcessContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("STX_DATA_DIR", str(tmp_path))
    ui = browser(empty, prefix=prefix)
    assert ui.get(f"{prefix}/page/").status_code == 404
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("the page")
    assert ui.get(f"{prefix}/page").text == "the page"
    assert ui.get(f"{prefix}/page/").text == "the page"
    assert ui.get(f"{prefix}/page/", headers={"host": "evil.example:3000"}).status_code == 403
    (tmp_path / "warehouse.duckdb").write_text("the database")
    assert ui.get(f"{prefix}/page/%2E%2E%2Fwarehouse.duckdb").status_code == 404
    (tmp_path / "public/wallets/0123").mkdir(parents=True)
    (tmp_path / "public/wallets/0123/SP2.js").write_text("stxWallets()")
    wallets = ui.get(f"{prefix}/page/wallets/0123/SP2.js")
    assert (wallets.text, wallets.headers["x-content-type-options"]) == ("stxWallets()", "nosniff")
    assert "javascript" in wallets.headers["content-type"]
    assert wallets.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    for outside in ("%2E%2E/%2E%2E/%2E%2E/warehouse.duckdb", "..%2F..%2Fwarehouse.duckdb", ""):
        assert ui.get(f"{prefix}/page/wallets/0123/{outside}").status_code == 404


def test_wrong_settings_do_not_keep_the_ui_from_starting(
    empty: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STX_TARGET_DAYS", "many")
    assert browser(empty).get("/server_info").status_code == 200


@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/x", "/report_asset_check/x", "/any"])
def test_no_route_takes_a_post_of_another_site(empty: WorkspaceProcessContext, path: str) -> None:
    assert browser(empty).post(path, json={}, headers={"origin": "http://localhost:3001"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "origin", "same"),
    [
        ("localhost:3000", "http://localhost:3000", True),
        ("LOCALHOST:3000", "http://localhost:3000", True),
        ("127.0.0.1", "http://127.0.0.1:80", True),
        ("[::1]:3000", "http://[::1]:3000", True),
        ("ui.example.org", "https://ui.example.org", True),
        ("ui.example.org:443", "https://ui.example.org", True),
        ("ui.example.org:8443", "https://ui.example.org:8443", True),
        ("ui.example.org", "https://ui.example.org:8443", False),
        ("localhost:3000", "http://localhost", False),
        ("localhost:3000", "http://localhost:3001", False),
        ("localhost:3000", "http://127.0.0.1:3000", False),
        ("localhost:3000", "http://localhost:3000.evil.example", False),
        ("localhost:3000", "http://localhost.evil.example:3000", False),
        ("localhost:3000", "null", False),
        ("localhost:3000", "", False),
        ("localhost:3000", "localhost:3000", False),
        ("localhost:3000", "chrome-extension://localhost:3000", False),
    ],
)
def test_a_page_is_ours_if_its_origin_is_the_host(
    empty: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch, host: str, origin: str, same: bool
) -> None:
    """A proxy may speak https where http arrives; a WebSocket goes by the same rule as a POST."""
    monkeypatch.setenv("UI_ALLOWED_HOSTS", "ui.example.org")
    ui, headers = browser(empty), {"host": host, "origin": origin}
    assert (ui.post("/graphql", json={"query": "{ __typename }"}, headers=headers).status_code == 200) == same
    if same:
        with ui.websocket_connect("/graphql", headers=headers) as websocket:
            websocket.send_json({"type": "connection_init"})
            assert websocket.receive_json() == {"type": "connection_ack"}
    else:
        with pytest.raises(WebSocketDenialResponse) as refused, ui.websocket_connect("/graphql", headers=headers):
            pass
        assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (socket.gethostname(), True),
        ("10.1.2.3:8080", True),
        ("ui.example.org", True),
        ("UI.example.org:444", True),
        ("[fd00::1]:3000", True),
        ("[fd00::2]", True),
        ("ui.example.org.evil.example", False),
        ("evil.example", False),
        ("localhost:port", False),
        ("", False),
    ],
)
def test_a_host_is_known_or_named(
    empty: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch, host: str, known: bool
) -> None:
    monkeypatch.setenv("UI_HOST", "10.1.2.3")
    monkeypatch.setenv("UI_ALLOWED_HOSTS", "ui.example.org:443, fd00::1,[fd00::2]:3000,")
    assert browser(empty).get("/server_info", headers={"host": host}).status_code == (200 if known else 403)


@pytest.mark.parametrize("wrong", ["two names", "http://", "host:port"])
def test_a_name_that_is_none_is_said_so(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("UI_ALLOWED_HOSTS", f"ui.example.org,{wrong}")
    with pytest.raises(ValueError, match=f"^UI_ALLOWED_HOSTS or UI_HOST: '{wrong}' is not a host name"):
        allowed_hosts()


def test_the_ui_launches_a_run_and_its_run_config_sends_no_key_elsewhere(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the real code location and the real launcher; the run asks the server of the settings, with the key."""
    with noting_server() as home, noting_server() as other:
        for name, value in {
            "HIRO_API_URL": home.url,
            "HIRO_API_KEY": KEY,
            "HIRO_ATTEMPTS": "1",
            "HIRO_REQUESTS_PER_MINUTE": "0",
            "STX_DATA_DIR": str(tmp_path / "data"),
        }.items():
            monkeypatch.setenv(name, value)
        target = ModuleTarget("stx_pipelines.definitions", None, str(tmp_path), "ours")
        with WorkspaceProcessContext(instance, target) as context:
            ui = browser(context)
            refused = launch(ui, {"resources": {"stacks_api": {"config": {"api_url": other.url}}}})
            assert refused["__typename"] == "RunConfigValidationInvalid", refused
            assert 'unexpected config entry "api_url"' in refused["errors"][0]["message"]
            assert instance.get_runs_count() == 0

            launched = launch(ui, {"resources": {"ethereum_node": {"config": {"batch_size": 7}}}})
            assert launched["__typename"] == "LaunchRunSuccess", launched
            assert home.asked.wait(120)
            while not (run := instance.get_run_by_id(launched["run"]["runId"])) or not run.is_finished:
                time.sleep(0.1)
        assert (set(home.keys), other.keys) == ({KEY}, [])


def launch(ui: TestClient, run_config: dict[str, Any]) -> dict[str, Any]:
    """As the launchpad does."""
    selector = {"repositoryLocationName": "ours", "repositoryName": "__repository__", "jobName": "stacks_sync"}
    tags = [{"key": "dagster/partition", "value": str(today())}]
    params = {"selector": selector, "runConfigData": run_config, "executionMetadata": {"tags": tags}}
    body = {"query": LAUNCH, "variables": {"params": params}}
    answer = ui.post("/graphql", json=body, headers={"origin": "http://localhost:3000"})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()["data"]["launchRun"]
    return said

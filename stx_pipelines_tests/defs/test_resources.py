"""The resources give clients to assets in other Dagster projects."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from pydantic import SecretStr

import stx_pipelines
from stx_pipelines import EthereumNodeResource, EthereumRpc, HiroResource, StacksApi
from stx_pipelines.defs import resources
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines_tests.cli.test_imports import HEAVY, loaded_by
from stx_pipelines_tests.sync.ethereum.world import make_chain as make_ethereum
from stx_pipelines_tests.world import QUICK, ROOT, make_chain

KEY, PATH = "hiro-key-0123456789", "an-rpc-key-0123456789"


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    """A devnet that serves both chains."""
    with serve(make_chain(1), ethereum=make_ethereum(1)) as running:
        yield running


@pytest.fixture
def environment(devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the settings of the devnet in the environment."""
    for name, value in {"HIRO_API_URL": devnet.url, "ETH_RPC_URL": str(devnet.ethereum_url), **QUICK}.items():
        monkeypatch.setenv(name, value)


def foreign(**given: Any) -> dg.Definitions:
    """Return the definitions of another project, which uses the resources."""

    @dg.asset
    def mine(hiro: HiroResource, node: EthereumNodeResource) -> None:
        node.get_client()

    return dg.Definitions([mine], resources={"hiro": HiroResource(), "node": EthereumNodeResource()} | given)


def secret() -> dict[str, Any]:
    """Return both resources with settings from code. Their addresses and their key must not be shown."""
    settings = Settings(
        hiro_api_url="https://hiro.hidden.example",
        hiro_api_key=SecretStr(KEY),
        eth_rpc_url=SecretStr(f"https://node.hidden.example/{PATH}"),
    )
    return {"hiro": HiroResource.of(settings), "node": EthereumNodeResource.of(settings)}


@pytest.mark.usefixtures("environment")
def test_the_example_of_the_readme_reads_both_chains(devnet: Devnet) -> None:
    [section] = re.findall(r"^## For your own assets$(.*)", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    code, _ = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 12
    module: dict[str, Any] = {"__name__": "another_project"}
    exec(code, module)
    with dg.DagsterInstance.ephemeral() as instance:
        result = module["defs"].resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    found = result.asset_value("newest")
    newest = [tx for block in reversed(devnet.chain.blocks) for tx in reversed(block.transactions)][:50]
    assert devnet.ethereum
    assert found == {
        "stacks": devnet.chain.tip.height,
        "fees_ustx": sum(tx.fee_ustx for tx in newest),
        "ethereum": devnet.ethereum.chain.latest.number,
    }


@pytest.mark.usefixtures("environment")
def test_each_client_is_new_and_follows_the_settings(devnet: Devnet) -> None:
    hiro, node = HiroResource(), EthereumNodeResource(batch_size=7)
    assert isinstance(hiro.get_client(), StacksApi)
    assert isinstance(node.get_client(), EthereumRpc)
    assert hiro.get_client() is not hiro.get_client()
    assert hiro.get_client().http.base_url == devnet.url
    assert (node.get_client().http.base_url, node.get_client().batch_size) == (devnet.ethereum_url, 7)
    settings = Settings(hiro_api_url=f"{devnet.url}/elsewhere", eth_rpc_url=SecretStr(f"{devnet.ethereum_url}/else"))
    assert HiroResource.of(settings).get_client().http.base_url == f"{devnet.url}/elsewhere"
    assert EthereumNodeResource.of(settings).get_client().http.base_url == f"{devnet.ethereum_url}/else"


def test_web3_has_the_address_the_time_out_and_the_headers_of_the_client(devnet: Devnet) -> None:
    pytest.importorskip("web3")
    settings = Settings(eth_rpc_url=SecretStr(str(devnet.ethereum_url)), eth_timeout_seconds=17)
    node = EthereumNodeResource.of(settings)
    web3, client = node.get_web3(), node.get_client()
    newest = client.block("latest")
    assert newest is not None
    assert web3.eth.chain_id == client.chain_id()
    assert web3.eth.get_block("latest")["number"] == newest.number
    provider: Any = web3.provider
    options = provider.get_request_kwargs()
    assert (provider.endpoint_uri, options["timeout"]) == (devnet.ethereum_url, 17)
    assert options["headers"].items() >= client.http.headers.items()


def test_a_missing_web3_ends_in_one_sentence_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "web3", None)
    with pytest.raises(ImportError) as error:
        secret()["node"].get_web3()
    assert str(error.value) == (
        "get_web3() needs the package web3; install the extra [ethereum] with pip install -e '.[ethereum]'"
    )


def test_a_missing_node_ends_in_one_sentence() -> None:
    for ask in (EthereumNodeResource().get_client, EthereumNodeResource().get_web3):
        with pytest.raises(SettingsError, match=r"^ETH_RPC_URL is not set: give the address"):
            ask()


def test_run_config_has_batches_alone_and_what_the_ui_shows_has_no_address_and_no_key() -> None:
    defs = foreign(**secret())
    schema: Any = defs.resolve_implicit_global_asset_job_def().run_config_schema.config_type
    fields = schema.fields["resources"].config_type.fields
    settable = {name: set(fields[name].config_type.fields["config"].config_type.fields) for name in ("hiro", "node")}
    assert settable == {"hiro": set(), "node": {"batch_size", "parallel_batches"}}
    shown = dg.serialize_value(RepositorySnap.from_def(defs.get_repository_def()))
    assert "batch_size" in shown
    assert [word for word in (KEY, PATH, "hidden.example") if word in shown] == []


@pytest.mark.parametrize(
    ("resource", "name"),
    [("hiro", "hiro_api_url"), ("hiro", "hiro_api_key"), ("hiro", "make"), ("node", "eth_rpc_url"), ("node", "make")],
)
def test_run_config_with_an_address_or_a_key_is_refused(resource: str, name: str) -> None:
    job = foreign(**secret()).resolve_implicit_global_asset_job_def()
    config = {"resources": {resource: {"config": {name: "http://127.0.0.1:9"}}}}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(dg.DagsterInvalidConfigError, match=f'unexpected config entry "{name}"'),
    ):
        job.execute_in_process(instance=instance, run_config=config)


def test_run_config_may_choose_batches() -> None:
    seen: list[tuple[int, int]] = []

    @dg.asset
    def mine(node: EthereumNodeResource) -> None:
        client = node.get_client()
        seen.append((client.batch_size, client.parallel))

    config = {"resources": {"node": {"config": {"batch_size": 11, "parallel_batches": 4}}}}
    assert dg.materialize([mine], resources={"node": secret()["node"]}, run_config=config).success
    assert seen == [(11, 4)]


def test_the_resources_of_build_defs_are_clients_too() -> None:
    given = stx_pipelines.build_defs().resources or {}
    assert isinstance(given["stacks_api"], HiroResource)
    assert isinstance(given["ethereum_node"], EthereumNodeResource)
    api = resources.StacksApi(api_url="http://127.0.0.1:9/here").get_client()
    assert api.http.base_url == "http://127.0.0.1:9/here"


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = HEAVY | {"pydantic", "dagster_duckdb"}
    assert loaded_by("import stx_pipelines\ncode = 0", heavy, {}) == ["0 []"]
    clients = "from stx_pipelines import EthereumRpc, StacksApi\ncode = 0"
    assert loaded_by(clients, {"dagster", "requests"}, {}) == ["0 []"]


def test_the_package_has_its_public_names_and_no_others() -> None:
    assert set(stx_pipelines.__all__) <= set(dir(stx_pipelines))
    assert all(getattr(stx_pipelines, name) for name in stx_pipelines.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'HiroApi'"):
        stx_pipelines.HiroApi  # noqa: B018

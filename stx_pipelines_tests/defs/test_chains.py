"""The sensors and schedules of a chain that STX_CHAINS leaves out skip with a sentence and send no request."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from stx_pipelines.defs.build import build_defs
from stx_pipelines_tests.noting import noting_server
from stx_pipelines_tests.world import at, today

OF = {
    "stacks": ["stacks_coverage", "stacks_alerts", "wallets_follow", "stacks_daily"],
    "ethereum": ["ethereum_coverage", "ethereum_alerts", "ethereum_daily"],
}
TITLES = {"stacks": "Stacks", "ethereum": "Ethereum"}
UNSET = "Ethereum is not part of the coverage because ETH_RPC_URL is not set"


def tick(defs: dg.Definitions, instance: dg.DagsterInstance, name: str) -> Any:
    """Evaluate a sensor or schedule as the daemon does the first time."""
    if name.endswith("_daily"):
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=at(today(), 1, 30)) as context:
            return defs.resolve_schedule_def(name).evaluate_tick(context)
    with dg.build_sensor_context(instance=instance, definitions=defs) as sensing:
        return defs.resolve_sensor_def(name).evaluate_tick(sensing)


@pytest.mark.parametrize(
    ("chains", "address", "left_out", "sentence"),
    [
        ("ethereum", True, "stacks", "Stacks is not part of the coverage: STX_CHAINS is ethereum"),
        ("stacks", True, "ethereum", "Ethereum is not part of the coverage: STX_CHAINS is stacks"),
        ("", False, "ethereum", UNSET),
        ("", True, None, None),
    ],
)
def test_a_chain_that_is_left_out_is_not_watched(
    chains: str, address: bool, left_out: str | None, sentence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored, so every other sensor and schedule is evaluated to its end."""
    with noting_server() as server, dg.DagsterInstance.ephemeral() as instance:
        for name, value in {"STX_CHAINS": chains, "HIRO_API_URL": server.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ETH_RPC_URL", f"{server.url}/eth" if address else "")
        defs = build_defs()
        for chain, names in OF.items():
            for name in names:
                done = tick(defs, instance, name)
                if chain == left_out:
                    assert (done.run_requests or [], done.skip_message[: len(sentence or "")]) == ([], sentence), name
                else:
                    assert "not part of the coverage" not in (done.skip_message or ""), name
        assert server.keys == []


def test_the_names_of_both_chains_stay_in_the_code_location(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = names_in(build_defs())
    monkeypatch.setenv("ETH_RPC_URL", "http://127.0.0.1:9")
    for chains in ("stacks", "ethereum"):
        monkeypatch.setenv("STX_CHAINS", chains)
        assert names_in(build_defs()) == everything


def names_in(defs: dg.Definitions) -> set[str]:
    """Return the names of the assets, jobs, schedules and sensors."""
    repository = defs.get_repository_def()
    assets = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    named = [*repository.get_all_jobs(), *repository.schedule_defs, *repository.sensor_defs]
    return assets | {each.name for each in named}


@pytest.mark.parametrize("is_on", [False, True])
def test_prices_are_watched_only_if_they_are_switched_on(is_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick sends no request in either case, because nothing is stored yet."""
    with noting_server() as server, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("STX_PRICES", "1" if is_on else "")
        for name in ("STX_PRICES_URL", "STX_BINANCE_URL", "STX_KRAKEN_URL"):
            monkeypatch.setenv(name, server.url)
        defs = build_defs()
        for name in ("prices_coverage", "prices_alerts", "prices_daily"):
            said = tick(defs, instance, name).skip_message or ""
            assert said.startswith("Prices are not part of the coverage") is not is_on, name
        assert server.keys == []

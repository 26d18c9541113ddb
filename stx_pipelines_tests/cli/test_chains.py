"""STX_CHAINS and `--chain` choose the chains that `status`, `sync` and `health` judge."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stx_pipelines_tests.cli.folders import DONE, ERROR, HEALTHY, MISCONFIGURED, NOT_RUNNING, NOT_YET, Run
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, recent_chain
from stx_pipelines_tests.world import World

WITHOUT_ADDRESS = (
    "STX_CHAINS names ethereum, but ETH_RPC_URL is not set: give the address of an archive node (see .env.example)"
)


@pytest.fixture
def ethereum(make_ethereum: Callable[..., DevnetWorld]) -> DevnetWorld:
    """Return a day before today and today of Ethereum, in a folder where nothing is stored. No Stacks server runs."""
    return make_ethereum(recent_chain(1))


def datasets(run: Run, world: World | DevnetWorld, *options: str) -> list[str]:
    return [each["dataset"] for each in json.loads(run(world, "status", "--json", *options).stdout)]


def test_ethereum_alone_is_0_when_ethereum_is_complete(
    ethereum: DevnetWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the Stacks API is one where no server listens, so any request to it would end in another code."""
    monkeypatch.setenv("STX_CHAINS", "ethereum")
    assert run(ethereum, "status").exit_code == NOT_YET
    assert run(ethereum, "health").exit_code == NOT_RUNNING
    done = run(ethereum, "sync")
    assert done.exit_code == DONE, done.output
    ethereum.assert_true()
    assert run(ethereum, "health").output == (
        "healthy: 2 of 2 days complete (100 %); target: 1 day before today (ETH_TARGET_DAYS)\n"
    )
    assert run(ethereum, "status").exit_code == DONE
    assert datasets(run, ethereum) == ["blocks", "miners_balance"]
    monkeypatch.setenv("STX_CHAINS", "")
    assert datasets(run, ethereum) == ["transactions", "blocks", "miners_balance"]
    assert run(ethereum, "status").exit_code == NOT_YET
    assert run(ethereum, "health").exit_code == NOT_RUNNING


def test_one_chain_of_both_is_judged_and_shown_alone(ethereum: DevnetWorld, run: Run) -> None:
    ethereum.sync()
    assert datasets(run, ethereum, "--chain", "ethereum") == ["blocks", "miners_balance"]
    assert datasets(run, ethereum, "--chain", "stacks") == ["transactions"]
    ends = {
        chain: (run(ethereum, "status", *chain).exit_code, run(ethereum, "health", *chain).exit_code)
        for chain in [("--chain", "ethereum"), ("--chain", "stacks"), ()]
    }
    assert ends == {
        ("--chain", "ethereum"): (DONE, HEALTHY),
        ("--chain", "stacks"): (NOT_YET, NOT_RUNNING),
        (): (NOT_YET, NOT_RUNNING),
    }
    assert run(ethereum, "health", "--chain", "stacks").output.startswith("not running, though ")
    assert run(ethereum, "health").output.startswith("Stacks: not running, though ")


@pytest.mark.parametrize("chosen", ["option", "setting"])
def test_target_days_are_those_of_ethereum_where_it_is_the_only_chain(
    ethereum: DevnetWorld, run: Run, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--chain", "ethereum"] if chosen == "option" else []
    monkeypatch.setenv("STX_CHAINS", "ethereum" if chosen == "setting" else "")
    found = json.loads(run(ethereum, "status", "--json", "--target-days", "5", *options).stdout)
    assert [each["days_wanted"] for each in found] == [6, 6]


def test_an_option_wins_over_the_setting(full: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    full.overrides["eth_rpc_url"] = "http://127.0.0.1:9"
    monkeypatch.setenv("STX_CHAINS", "ethereum")
    assert run(full, "sync", "--chain", "stacks").exit_code == DONE
    assert run(full, "health", "--chain", "stacks").exit_code == HEALTHY
    assert datasets(run, full) == ["blocks", "miners_balance"]


def test_stacks_alone_says_nothing_about_ethereum(full: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Ethereum is not part of the coverage" in run(full, "status").stdout
    assert "Ethereum" not in run(full, "status", "--chain", "stacks").stdout
    monkeypatch.setenv("STX_CHAINS", "stacks")
    assert "Ethereum" not in run(full, "status").stdout


@pytest.mark.parametrize("chains", ["ethereum", "stacks,ethereum"])
def test_ethereum_without_an_address_is_bad_configuration(
    full: World, run: Run, chains: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STX_CHAINS", chains)
    done = run(full, "health")
    assert (done.exit_code, done.output) == (MISCONFIGURED, f"configuration: {WITHOUT_ADDRESS}\n")
    for command in ("status", "sync"):
        done = run(full, command)
        assert (done.exit_code, done.stdout, done.stderr) == (ERROR, "", f"error: {WITHOUT_ADDRESS}\n")


@pytest.mark.parametrize("command", ["status", "sync", "health"])
def test_the_option_for_ethereum_without_an_address_is_bad_configuration(full: World, run: Run, command: str) -> None:
    done = run(full, command, "--chain", "ethereum")
    assert done.exit_code == (MISCONFIGURED if command == "health" else ERROR)
    assert "ETH_RPC_URL is not set" in done.output

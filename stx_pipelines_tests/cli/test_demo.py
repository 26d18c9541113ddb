"""The demo: it starts a devnet, syncs its whole history and prints the result. Here with fewer days."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stx_pipelines.cli import demo, demo_trouble
from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import EthereumIdentity, Identity
from stx_pipelines_tests.clients.raw import Talk, talking
from stx_pipelines_tests.clients.test_bounds import SLOW, outcome
from stx_pipelines_tests.world import ROOT, command, query

FIRST_DAY = date(2026, 10, 1)


def test_the_demo_shows_its_whole_history_and_can_be_run_twice(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(demo, "DAYS", 3)
    monkeypatch.setattr(demo, "ETHEREUM_DAYS", 1)
    monkeypatch.setattr(demo, "_TRANSACTIONS_PER_DAY", 400)
    monkeypatch.setattr(demo_trouble, "AWAY_AFTER_REQUESTS", 30)
    monkeypatch.setattr(demo_trouble, "AWAY_SECONDS", 1.0)
    for away in ("the server was away for 1 s and ", ""):  # the second run sends fewer requests
        assert demo.run_demo(data) == 0
        said = capfd.readouterr().out
        assert "days complete   4" in said
        assert f"{away}one reorg replaced 12 blocks: all 4 days agree with the chain" in said
        assert "token_transfer" in said
        assert re.search(
            r"^  \d{4}-\d\d-\d\d S\w+\.[\w-]+: [\d,]+ calls by [\d,]+ wallets, .* STX of fees$", said, re.M
        )
        assert str(data / "warehouse.duckdb") in said
    told = command(["status"], {"STX_DATA_DIR": str(data)})  # the demo prints this command
    assert re.search(
        r"^miners_balance: 2 days of Ethereum, .* with [\d,]+ blocks and their balances", told.stdout, re.M
    )
    [(blocks, balances)] = query(data, "SELECT (SELECT max(number) FROM blocks), count(*) FROM miners_balance")
    assert blocks == balances > 7_000
    [(transactions, new_wallets)] = query(
        data, "SELECT (SELECT count(*) FROM transactions), count(*) FROM wallet_balances"
    )
    assert new_wallets > 0
    assert transactions > 500
    assert not (Path.cwd() / "data").exists()


def test_a_folder_of_an_earlier_demo_keeps_its_chain() -> None:
    def has_life(life: bool) -> bool:
        spec = ChainSpec(first_day=FIRST_DAY, tip=datetime(2026, 10, 1, 2, tzinfo=UTC), life=life)
        return demo._has_life(Identity(1, StacksChain(spec).blocks[0].index_hash, FIRST_DAY))

    def has_bodies(bodies: bool) -> bool:
        spec = EthereumSpec(first_day=FIRST_DAY, tip=datetime(2026, 10, 1, 0, 1, tzinfo=UTC), bodies=bodies)
        return demo._has_bodies(EthereumIdentity(1, EthereumChain(spec).blocks[0].hash, FIRST_DAY), wanted=not bodies)

    assert (has_life(True), has_life(False), demo._has_life(None)) == (True, False, True)
    assert (has_bodies(True), has_bodies(False), demo._has_bodies(None, wanted=True)) == (True, False, True)


@pytest.mark.parametrize("talk", [SLOW["a drip of headers"], SLOW["a drip of a body"]], ids=["headers", "body"])
def test_the_demo_does_not_wait_forever(talk: Callable[[], Talk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_START_SECONDS", 2)
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with talking(talk) as raw, outcome(lambda: demo._await_answer(server, raw.url)) as found:
            pass
    finally:
        server.kill()
        server.wait()
    assert isinstance(found[0], StoreError), found

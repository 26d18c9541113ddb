"""Functions that run a real Ethereum node (anvil) with a planned chain.

This module does not plan chains, contain tests or use our own client. `make anvil` installs the node. If the node is
not installed, the mark `needs_anvil` skips a test.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
import requests

from stx_pipelines_tests.sync.ethereum.planned import OTHER_MINERS, Block, plan
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import ROOT

HOW_TO_GET_IT = "no anvil: `make anvil` installs it where npm is present (Linux and macOS)"

EVERY_STATE = 1_000_000
"""The number of states that anvil keeps in memory. It writes older states to files below the user's home folder."""

Call = tuple[str, *tuple[Any, ...]]
"""The name of a method, followed by its parameters."""


def binary() -> Path | None:
    """Return the path of the program that `make anvil` installed, or None."""
    return next((ROOT / ".cache/anvil/node_modules/@foundry-rs").glob("anvil-*/bin/anvil"), None)


needs_anvil = pytest.mark.skipif(binary() is None, reason=HOW_TO_GET_IT)


class NodeError(Exception):
    """The node responded with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Node:
    """A running node. Its methods do not use our own client."""

    url: str
    session: requests.Session
    pid: int

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of one call. Raises NodeError."""
        return self.batch([(method, *params)])[0]

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results of calls, in the order of the calls. Raises NodeError.

        The node may execute the calls in any order.
        """
        body = [
            {"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, *params) in enumerate(calls)
        ]
        answers = self.session.post(self.url, json=body, timeout=LONGEST).json()
        for answer in answers if isinstance(answers, list) else [answers]:
            if "error" in answer:
                raise NodeError(**answer["error"])
        by_id = {answer["id"]: answer["result"] for answer in answers}
        return [by_id[n] for n in range(len(calls))]


@contextmanager
def anvil(*options: str, states: int = EVERY_STATE) -> Iterator[Node]:
    """Run a node that keeps the newest `states` states in memory, until the `with` block ends.

    The node uses the rules of Cancun. Under the later rules of Prague, each block writes its parent's hash into the
    state, so that mining takes three times as long.
    """
    program = binary()
    if program is None:
        raise FileNotFoundError(HOW_TO_GET_IT)
    port = _free_port()
    given = ["--port", str(port), "--prune-history", str(states), "--hardfork", "cancun", "--accounts", "0"]
    with TemporaryFile() as log, requests.Session() as session:
        session.trust_env = False  # else requests searches for a proxy at each call
        command = [str(program), *given, "--no-mining", "--quiet", *options]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            node = Node(f"http://127.0.0.1:{port}", session, process.pid)
            if not _answers(node, process):
                log.seek(0)
                raise RuntimeError(f"anvil did not start: {log.read().decode()[-1000:]}")
            yield node
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(node: Node, process: subprocess.Popen[bytes]) -> bool:
    """Return whether the node responds. It needs seconds to load a large state."""
    end = time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < end:
        try:
            node.call("eth_chainId")
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return True
    return False


@contextmanager
def mined(chain: Sequence[Block], *options: str, states: int = EVERY_STATE) -> Iterator[Node]:
    """Run a node that has mined this chain. Its block 0 is one second older than the first block of `chain`."""
    with anvil("--timestamp", str(chain[0].timestamp - 1), *options, states=states) as node:
        mine(node, chain)
        yield node


def finalized_lag(blocks: int) -> tuple[str, str]:
    """Return the option that puts `finalized` this even number of blocks behind the newest block.

    The node puts `safe` half as far behind.
    """
    return ("--slots-in-an-epoch", str(blocks // 2))


def mine(node: Node, chain: Sequence[Block]) -> None:
    """Mine these blocks. A balance is set after its block is mined, because the node sets it in the newest block."""
    node.call("anvil_setCoinbase", chain[0].row.miner)
    for block, following in zip_longest(chain, chain[1:]):
        node.call("evm_mine", block.timestamp)
        calls: list[Call] = [("anvil_setBalance", *_wei(item)) for item in block.balances.items()]
        if following:
            calls.append(("anvil_setCoinbase", following.row.miner))
        node.batch(calls)


def _wei(balance: tuple[str, int]) -> tuple[str, str]:
    return balance[0], hex(balance[1])


def reorg(node: Node, chain: Sequence[Block], depth: int = 20) -> list[Block]:
    """Replace the newest `depth` blocks by the same number of blocks with other miners. Return the new chain."""
    node.call("anvil_rollback", depth)
    kept, dropped = chain[:-depth], chain[-depth:]
    fresh = plan([block.timestamp for block in dropped], miners=OTHER_MINERS, after=kept, seed=1)
    mine(node, fresh)
    return [*kept, *fresh]

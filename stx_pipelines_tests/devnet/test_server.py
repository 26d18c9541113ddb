"""Tests of starting and stopping a devnet."""

import json
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from stx_pipelines.chains.days import DAY
from stx_pipelines.devnet.server import serve
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines_tests.devnet.servers import first_answer
from stx_pipelines_tests.ports import free_port
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import child_environment, today


def test_a_devnet_stops_although_a_client_keeps_its_connection(chain: StacksChain) -> None:
    with requests.Session() as session:
        others = set(threading.enumerate())
        with serve(chain) as devnet:
            session.get(devnet.url + "/extended", timeout=LONGEST)
            [server] = [each for each in set(threading.enumerate()) - others if each.name == "devnet"]
        assert not server.is_alive()
    with pytest.raises(requests.ConnectionError):
        requests.get(devnet.url + "/extended", timeout=LONGEST)


def test_the_command_names_its_addresses_once_it_listens_on_a_free_port() -> None:
    process = start_devnet("0")
    try:
        assert process.stderr
        stacks = re.fullmatch(r"the devnet listens on (http://127.0.0.1:[1-9]\d*)\n", process.stderr.readline())
        ethereum = re.search(r"is at (http://127.0.0.1:[1-9]\d*/eth)\n", process.stderr.readline())
        assert stacks
        assert ethereum
        assert ethereum[1] == f"{stacks[1]}/eth"
        assert requests.get(f"{stacks[1]}/extended", timeout=LONGEST).ok
    finally:
        process.terminate()
        process.communicate(timeout=LONGEST)


def test_a_taken_port_is_one_sentence_and_no_address_is_announced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = start_devnet(port)
        said = process.communicate(timeout=LONGEST)[1]
    assert process.returncode == 1
    assert said == (
        f"error: --port {port} cannot be used (Address already in use): give another port, or 0 for any free port\n"
    )


def start_devnet(port: str) -> subprocess.Popen[str]:
    chains = ["--first-day", str(today() - DAY), "--transactions-per-day", "10", "--ethereum-days", "1"]
    arguments = [sys.executable, "-m", "stx_pipelines.cli", "devnet", "--port", port, *chains]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=child_environment({}))


def test_two_devnets_count_their_requests_separately(chain: StacksChain) -> None:
    with serve(chain) as one, serve(chain) as two:
        requests.get(one.url + "/extended", timeout=LONGEST)
        assert (one.stats.requests, two.stats.requests) == (1, 0)


def test_a_devnet_runs_in_the_foreground_and_follows_the_clock() -> None:
    program = """
import sys
from datetime import UTC, datetime, timedelta
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.server import listen, run
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec
now = datetime.now(UTC)
first_day = (now - timedelta(days=1)).date()
spec = ChainSpec(first_day=first_day, tip=now - timedelta(hours=5), transactions_per_day=300)
run(StacksChain(spec), Knobs(), listen("127.0.0.1", int(sys.argv[1])), follow_clock=True)
"""
    port, before = free_port(), time.time()
    process = subprocess.Popen([sys.executable, "-c", program, str(port)])
    try:
        block = json.loads(first_answer(process, f"http://127.0.0.1:{port}/extended/v2/blocks/latest"))
        assert before - block["block_time"] < 3 * 3_600  # the chain was five hours old at the start
    finally:
        process.terminate()
        process.wait(LONGEST)

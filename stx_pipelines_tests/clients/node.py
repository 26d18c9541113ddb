"""A small Ethereum node whose responses a test can change."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stx_pipelines.chains.ethereum import BalanceKey, Block
from stx_pipelines.clients.ethereum_rpc import EthereumRpc

HEAD, FINALIZED, CHAIN_ID = 2_000, 1_936, 31_337

Json = Any
MakeRpc = Callable[..., EthereumRpc]
Reply = tuple[int, dict[str, str], bytes]
Fault = Callable[[list[Json], list[Json]], Reply]
"""A function of the calls and the right results that returns the response to send instead."""


def address(number: int) -> str:
    return "0x" + sha256(f"address {number // 2}".encode()).hexdigest()[:40]


def wei(key: BalanceKey) -> int:
    """Return the balance of a key, a number of up to 87 bits. One balance in eight is zero."""
    dice = int.from_bytes(sha256(f"{key.address} {key.number}".encode()).digest()[:11], "big") >> 1
    return dice if dice % 8 else 0


def block(number: int) -> Block:
    return Block(
        number=number,
        hash=_hash(number),
        parent_hash=_hash(number - 1),
        miner=address(number),
        timestamp=1_700_000_000 + 12 * number,
        gas_used=number,
        gas_limit=30_000_000,
        base_fee_per_gas=7 if number > 100 else None,
        transaction_count=number % 3,
        size=500 + number,
        extra_data="0x" + "ab" * (number % 4),
    )


def key(number: int) -> BalanceKey:
    return BalanceKey(address(number), number)


KEYS = [key(number) for number in range(100, 110)]
TRUTH = {key: wei(key) for key in KEYS}


def _hash(number: int) -> str:
    return "0x" + sha256(f"block {number}".encode()).hexdigest()


def _block_json(number: int) -> Json:
    made = block(number)
    fee = {} if made.base_fee_per_gas is None else {"baseFeePerGas": hex(made.base_fee_per_gas)}
    return fee | {
        "number": hex(number),
        "hash": made.hash,
        "parentHash": made.parent_hash,
        "miner": made.miner,
        "timestamp": hex(made.timestamp),
        "gasUsed": hex(made.gas_used),
        "gasLimit": hex(made.gas_limit),
        "size": hex(made.size),
        "extraData": made.extra_data,
        "transactions": [_hash(n) for n in range(made.transaction_count)],
    }


def reply(value: Json, status: int = 200, **headers: str) -> Reply:
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, json.dumps(value).encode()


def error(call: Json, code: Any, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


@dataclass
class Node:
    """The state of a node.

    Each of `faults` replaces one response, in their order. `always` replaces all responses after these. `asked` are the
    calls of each request.
    """

    url: str = ""
    state_from: int = 0
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    asked: list[list[Json]] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def sizes(self) -> list[int]:
        return [len(calls) for calls in self.asked]

    def asked_twice(self) -> int:
        """Return the number of calls that repeat an earlier call."""
        what = Counter(json.dumps([call["method"], call["params"]]) for calls in self.asked for call in calls)
        return sum(count - 1 for count in what.values())

    def answer(self, body: bytes) -> Reply:
        asked = json.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        with self._turn:
            self.asked.append(calls)
            fault = self.faults.pop(0) if self.faults else self.always
        answers = [self._one(call) for call in calls]
        if fault:
            return fault(calls, answers)
        return reply(answers if isinstance(asked, list) else answers[0])

    def _one(self, call: Json) -> Json:
        method, params = call["method"], call["params"]
        if method == "eth_chainId":
            return {"id": call["id"], "result": hex(CHAIN_ID)}
        if method == "eth_getBlockByNumber":
            tags = {"latest": HEAD, "finalized": FINALIZED, "earliest": 0}
            number = tags[params[0]] if params[0] in tags else int(params[0], 16)
            return {"id": call["id"], "result": _block_json(number) if number <= HEAD else None}
        number = int(params[1], 16)
        if number < self.state_from:
            return error(call, -32000, "missing trie node 0xabc (path )")
        return {"id": call["id"], "result": hex(wei(BalanceKey(params[0], number)))}


@contextmanager
def running() -> Iterator[Node]:
    """Run a node on this machine until the `with` block ends."""
    node = Node()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, headers, body = node.answer(self.rfile.read(int(self.headers["content-length"])))
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()

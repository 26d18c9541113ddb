"""The JSON text of the Ethereum node: a block, a result, an error; and an HTTP reply.

Belongs here: the shapes of JSON-RPC and geth, word for word. Not here: which answer is right (methods.py).
The text is put together by hand, because a benchmark's server must not be slower than its client.
"""

import json
from typing import Final, NamedTuple

from stx_pipelines.devnet.ethereum.values import CallId, EthereumBlock

_EMPTY_UNCLES: Final = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    retry_after_seconds: int | None = None


def json_reply(text: str) -> Reply:
    """Make a 200 with JSON text."""
    return Reply(200, text.encode())


def plain_reply(status: int, text: str, retry_after_seconds: int | None = None) -> Reply:
    """Make a reply with plain text."""
    return Reply(status, text.encode(), b"text/plain; charset=utf-8", retry_after_seconds)


def result_text(call_id: CallId, result: str) -> str:
    """Write one answer; `result` is JSON already."""
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"result":{result}}}'


def error_text(call_id: CallId, code: int, message: str) -> str:
    """Write one error; its message may hold anything."""
    error = f'{{"code":{code},"message":{json.dumps(message)}}}'
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"error":{error}}}'


def block_json(block: EthereumBlock) -> str:
    """Write a block as `eth_getBlockByNumber` gives it, with the hashes of its transactions only."""
    transactions = ",".join([f'"{_derived(block, 8 + index)}"' for index in range(block.transaction_count)])
    common = (
        f'"extraData":"{block.extra_data}","gasLimit":"{block.gas_limit:#x}","gasUsed":"{block.gas_used:#x}",'
        f'"hash":"{block.hash}","logsBloom":"0x{block.hash[2:] * 8}","miner":"{block.miner}",'
        f'"mixHash":"{_derived(block, 1)}","nonce":"0x0000000000000000","number":"{block.number:#x}",'
        f'"parentHash":"{block.parent_hash}","receiptsRoot":"{_derived(block, 2)}",'
        f'"sha3Uncles":"{_EMPTY_UNCLES}","size":"{block.size:#x}","stateRoot":"{state_root(block)}",'
        f'"timestamp":"{block.timestamp:#x}","transactions":[{transactions}],'
        f'"transactionsRoot":"{_derived(block, 3)}","uncles":[]'
    )
    if block.base_fee_per_gas is None:
        return f'{{"difficulty":"0x3ff800000",{common}}}'
    # The members of later forks stand together; geth sorts all names. Objects have no order.
    return (
        f'{{"baseFeePerGas":"{block.base_fee_per_gas:#x}","blobGasUsed":"0x20000","difficulty":"0x0",'
        f'"excessBlobGas":"0x0",{common},"parentBeaconBlockRoot":"{_derived(block, 4)}",'
        f'"requestsHash":"{_derived(block, 5)}","withdrawals":[{_withdrawal(block)}],'
        f'"withdrawalsRoot":"{_derived(block, 6)}"}}'
    )


def state_root(block: EthereumBlock) -> str:
    """Return the state root geth names when it no longer has the state of a block."""
    return _derived(block, 7)


def _withdrawal(block: EthereumBlock) -> str:
    return (
        f'{{"index":"{block.number:#x}","validatorIndex":"{block.number % 1_000_000:#x}",'
        f'"address":"0x{block.parent_hash[2:42]}","amount":"{18_000_000 + block.number % 1_000:#x}"}}'
    )


def _derived(block: EthereumBlock, turn: int) -> str:
    """Rotate a block's hash to make another one for it: hashing would cost more than all the rest."""
    return f"0x{block.hash[2 + turn :]}{block.hash[2 : 2 + turn]}"


def _id_text(call_id: CallId) -> str:
    return str(call_id) if type(call_id) is int else json.dumps(call_id)

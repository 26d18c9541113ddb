"""The JSON text of the Ethereum node: a block, a result, an error; and an HTTP reply.

Belongs here: the shapes of JSON-RPC and geth, word for word. Not here: which answer is right (methods.py).
The text is put together by hand, because a benchmark's server must not be slower than its client.
"""

import json
from typing import NamedTuple

from stx_pipelines.devnet.ethereum.header import FUTURE_MEMBER, Withdrawal, derived, logs_bloom, withdrawals_of
from stx_pipelines.devnet.ethereum.state import NO_CODE, NO_STORAGE
from stx_pipelines.devnet.ethereum.values import CallId, EthereumBlock


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


def block_json(block: EthereumBlock, *, has_future_member: bool = False) -> str:
    """Write a block as `eth_getBlockByNumber` gives it, with the hashes of its transactions only."""
    transactions = ",".join([f'"{_transaction(block, 1 + index)}"' for index in range(block.transaction_count)])
    future = f'"{FUTURE_MEMBER}":"{derived(block, 9)}",' if has_future_member else ""
    common = (
        f'"extraData":"{block.extra_data}","gasLimit":"{block.gas_limit:#x}","gasUsed":"{block.gas_used:#x}",{future}'
        f'"hash":"{block.hash}","logsBloom":"{logs_bloom(block)}","miner":"{block.miner}",'
        f'"mixHash":"{block.mix_hash}","nonce":"{block.nonce}","number":"{block.number:#x}",'
        f'"parentHash":"{block.parent_hash}","receiptsRoot":"{block.receipts_root}",'
        f'"sha3Uncles":"{block.sha3_uncles}","size":"{block.size:#x}","stateRoot":"{block.state_root}",'
        f'"timestamp":"{block.timestamp:#x}","transactions":[{transactions}],'
        f'"transactionsRoot":"{block.transactions_root}","uncles":[]'
    )
    if block.base_fee_per_gas is None:
        return f'{{"difficulty":"{block.difficulty:#x}",{common}}}'
    withdrawals = ",".join(map(_withdrawal, withdrawals_of(block.number, block.miner, block.parent_hash)))
    # The members of later forks stand together; geth sorts all names. Objects have no order.
    return (
        f'{{"baseFeePerGas":"{block.base_fee_per_gas:#x}","blobGasUsed":"{block.blob_gas_used:#x}",'
        f'"difficulty":"0x0","excessBlobGas":"{block.excess_blob_gas:#x}",{common},'
        f'"parentBeaconBlockRoot":"{block.parent_beacon_block_root}","requestsHash":"{block.requests_hash}",'
        f'"withdrawals":[{withdrawals}],"withdrawalsRoot":"{block.withdrawals_root}"}}'
    )


def proof_json(address: str, wei: int, nodes: list[str]) -> str:
    """Write an account proof as `eth_getProof` gives it, of an account without transactions, storage and code."""
    proof = ",".join(f'"{node}"' for node in nodes)
    return (
        f'{{"address":"{address}","accountProof":[{proof}],"balance":"{wei:#x}","codeHash":"0x{NO_CODE.hex()}",'
        f'"nonce":"0x0","storageHash":"0x{NO_STORAGE.hex()}","storageProof":[]}}'
    )


def _withdrawal(of: Withdrawal) -> str:
    return (
        f'{{"index":"{of.serial:#x}","validatorIndex":"{of.validator:#x}","address":"{of.address}",'
        f'"amount":"{of.gwei:#x}"}}'
    )


def _transaction(block: EthereumBlock, turn: int) -> str:
    return f"0x{block.hash[2 + turn :]}{block.hash[2 : 2 + turn]}"


def _id_text(call_id: CallId) -> str:
    return str(call_id) if type(call_id) is int else json.dumps(call_id)

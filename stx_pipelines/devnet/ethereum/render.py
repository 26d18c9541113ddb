"""The JSON texts of the Ethereum node (blocks, proofs, results, errors) and its HTTP replies.

This module writes JSON with the names and formats of geth. It does not choose the result of a call (methods.py).
The text is built without a JSON library, because the server of a benchmark must not be slower than its client.
"""

import json
from typing import NamedTuple

from stx_pipelines.devnet.ethereum.header import FUTURE_MEMBER, Withdrawal, derived, logs_bloom, withdrawals_of
from stx_pipelines.devnet.ethereum.state import NO_CODE, NO_STORAGE
from stx_pipelines.devnet.ethereum.values import CallId, EthereumBlock


class Reply(NamedTuple):
    """One HTTP response."""

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
    """Return the JSON of one result. `result` is already JSON."""
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"result":{result}}}'


def error_text(call_id: CallId, code: int, message: str) -> str:
    """Return the JSON of one error. `message` may contain any characters."""
    error = f'{{"code":{code},"message":{json.dumps(message)}}}'
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"error":{error}}}'


def block_json(
    block: EthereumBlock, *, has_future_member: bool = False, whole: str | None = None, hashes: list[str] | None = None
) -> str:
    """Return a block as the JSON of `eth_getBlockByNumber`.

    `whole` is the JSON of its transactions. Without it they are `hashes`, or made-up hashes.
    """
    names = hashes if hashes is not None else [_transaction(block, 1 + at) for at in range(block.transaction_count)]
    transactions = whole or "[" + ",".join([f'"{name}"' for name in names]) + "]"
    future = f'"{FUTURE_MEMBER}":"{derived(block, 9)}",' if has_future_member else ""
    common = (
        f'"extraData":"{block.extra_data}","gasLimit":"{block.gas_limit:#x}","gasUsed":"{block.gas_used:#x}",{future}'
        f'"hash":"{block.hash}","logsBloom":"{logs_bloom(block)}","miner":"{block.miner}",'
        f'"mixHash":"{block.mix_hash}","nonce":"{block.nonce}","number":"{block.number:#x}",'
        f'"parentHash":"{block.parent_hash}","receiptsRoot":"{block.receipts_root}",'
        f'"sha3Uncles":"{block.sha3_uncles}","size":"{block.size:#x}","stateRoot":"{block.state_root}",'
        f'"timestamp":"{block.timestamp:#x}","transactions":{transactions},'
        f'"transactionsRoot":"{block.transactions_root}","uncles":[]'
    )
    if block.base_fee_per_gas is None:
        return f'{{"difficulty":"{block.difficulty:#x}",{common}}}'
    withdrawals = ",".join(map(_withdrawal, withdrawals_of(block.number, block.miner, block.parent_hash)))
    # geth sorts the names. Here they have another order, which means nothing in a JSON object.
    return (
        f'{{"baseFeePerGas":"{block.base_fee_per_gas:#x}","blobGasUsed":"{block.blob_gas_used:#x}",'
        f'"difficulty":"0x0","excessBlobGas":"{block.excess_blob_gas:#x}",{common},'
        f'"parentBeaconBlockRoot":"{block.parent_beacon_block_root}","requestsHash":"{block.requests_hash}",'
        f'"withdrawals":[{withdrawals}],"withdrawalsRoot":"{block.withdrawals_root}"}}'
    )


def proof_json(address: str, wei: int, nodes: list[str]) -> str:
    """Return an account proof as the JSON of `eth_getProof`. The account has no transactions, storage or code."""
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

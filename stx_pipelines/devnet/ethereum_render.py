"""How Ethereum things read on the wire: a block, a result, an error, as JSON text.

Belongs here: JSON-RPC's and geth's shapes, word for word. Not here: which answer is right (ethereum_calls.py).
Text is put together by hand, because a benchmark's server must not be slower than its client.
"""

import json
from hashlib import shake_128
from typing import Final

from stx_pipelines.devnet.ethereum_values import EthereumBlock

CallId = int | float | str | None

# What every block of the real chain has as well; geth sorts the names.
_EMPTY_UNCLES: Final = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
_NO_BEACON: Final = "0x" + "0" * 64
_SHANGHAI: Final = (
    '"withdrawals":[{{"index":"{index:#x}","validatorIndex":"{validator:#x}",'
    '"address":"0x{address}","amount":"{gwei:#x}"}}],"withdrawalsRoot":"{root}"'
)


def result_text(call_id: CallId, result: str) -> str:
    """One answer; `result` is JSON already."""
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"result":{result}}}'


def error_text(call_id: CallId, code: int, message: str) -> str:
    """One error; its message may hold anything."""
    said = f'{{"code":{code},"message":{json.dumps(message)}}}'
    return f'{{"jsonrpc":"2.0","id":{_id_text(call_id)},"error":{said}}}'


def block_json(block: EthereumBlock) -> str:
    """A block as `eth_getBlockByNumber` gives it, with the hashes of its transactions only."""
    state, mix, receipts, transactions_root, *hashes = _derived(block, 4 + block.transaction_count)
    transactions = ",".join(f'"{transaction}"' for transaction in hashes)
    old = block.base_fee_per_gas is None
    return (
        "{"
        + ("" if old else f'"baseFeePerGas":"{block.base_fee_per_gas:#x}","blobGasUsed":"0x20000",')
        + '"difficulty":"0x0",'
        + ("" if old else '"excessBlobGas":"0x0",')
        + f'"extraData":"{block.extra_data}","gasLimit":"{block.gas_limit:#x}","gasUsed":"{block.gas_used:#x}",'
        f'"hash":"{block.hash}","logsBloom":"0x{block.hash[2:] * 8}","miner":"{block.miner}",'
        f'"mixHash":"{mix}","nonce":"0x0000000000000000","number":"{block.number:#x}",'
        + ("" if old else f'"parentBeaconBlockRoot":"{_NO_BEACON}",')
        + f'"parentHash":"{block.parent_hash}","receiptsRoot":"{receipts}",'
        + ("" if old else f'"requestsHash":"{receipts}",')
        + f'"sha3Uncles":"{_EMPTY_UNCLES}","size":"{block.size:#x}","stateRoot":"{state}",'
        f'"timestamp":"{block.timestamp:#x}","transactions":[{transactions}],'
        f'"transactionsRoot":"{transactions_root}","uncles":[]' + ("" if old else f",{_withdrawals(block, mix)}") + "}"
    )


def state_root(block: EthereumBlock) -> str:
    """The root geth names when it says that a state is gone."""
    return _derived(block, 1)[0]


def _withdrawals(block: EthereumBlock, root: str) -> str:
    validator = block.number % 1_000_000
    gwei = 18_000_000 + block.number % 1_000
    return _SHANGHAI.format(index=block.number, validator=validator, address=root[2:42], gwei=gwei, root=root)


def _derived(block: EthereumBlock, count: int) -> list[str]:
    """So many hashes that belong to a block; the first is its state's."""
    digits = shake_128(block.hash.encode()).hexdigest(32 * count)
    return ["0x" + digits[start : start + 64] for start in range(0, 64 * count, 64)]


def _id_text(call_id: CallId) -> str:
    return str(call_id) if type(call_id) is int else json.dumps(call_id)

"""The JSON texts of whole transactions and of receipts, with the names and formats of geth.

This module writes JSON. It does not make transactions (bodies.py) or choose the result of a call (methods.py).
"""

import json
from collections.abc import Sequence

from stx_pipelines.devnet.ethereum.bodies import NO_BLOOM, MadeTransaction, blob_hash
from stx_pipelines.devnet.ethereum.values import EthereumBlock

_BLOB_GAS = 131_072


def transactions_json(made: Sequence[MadeTransaction]) -> str:
    """Return whole transactions as the JSON of a block's member `transactions`."""
    return json.dumps([_transaction(one) for one in made])


def receipts_json(block: EthereumBlock, made: Sequence[MadeTransaction]) -> str:
    """Return the receipts as the JSON of `eth_getBlockReceipts`."""
    return json.dumps([_receipt(block, one) for one in made])


def receipt_json(block: EthereumBlock, one: MadeTransaction) -> str:
    """Return a receipt as the JSON of `eth_getTransactionReceipt`."""
    return json.dumps(_receipt(block, one))


def _transaction(one: MadeTransaction) -> dict[str, object]:
    known: dict[str, object] = {
        "type": hex(one.kind),
        "hash": one.hash,
        "nonce": hex(one.nonce),
        "from": one.sender,
        "to": one.to or None,
        "value": hex(one.value),
        "gas": hex(one.gas),
        "gasPrice": hex(one.price),
        "input": "0x" + one.data.hex(),
        "v": hex(27 if one.kind == 0 else 1),
        "r": hex(one.r),
        "s": hex(one.s),
    }
    if one.kind == 0:
        return known
    keys = [{"address": one.sender, "storageKeys": [one.topic]}] if one.topic else []
    known |= {"chainId": hex(one.chain_id), "accessList": keys, "yParity": "0x1"}
    if one.kind > 1:
        known |= {"maxFeePerGas": hex(one.most), "maxPriorityFeePerGas": hex(one.tip)}
    if one.kind == 3:
        known |= {"maxFeePerBlobGas": "0x1", "blobVersionedHashes": ["0x" + blob_hash(one).hex()]}
    if one.kind == 4:
        code = {"chainId": hex(one.chain_id), "address": one.to or one.sender, "nonce": "0x0"}
        known["authorizationList"] = [code | {"yParity": "0x1", "r": hex(one.r), "s": hex(one.s)}]
    return known


def _receipt(block: EthereumBlock, one: MadeTransaction) -> dict[str, object]:
    logs = [{"address": one.to or one.sender, "topics": [one.topic], "data": "0x"}] if one.topic else []
    blobs = {"blobGasUsed": hex(_BLOB_GAS), "blobGasPrice": "0x1"} if one.kind == 3 else {}
    return {
        "type": hex(one.kind),
        "transactionHash": one.hash,
        "blockHash": block.hash,
        "blockNumber": hex(block.number),
        "status": hex(one.succeeded),
        "gasUsed": hex(one.gas_used),
        "cumulativeGasUsed": hex(one.cumulative),
        "effectiveGasPrice": hex(one.price),
        "logsBloom": NO_BLOOM,
        "logs": logs,
        **blobs,
    }

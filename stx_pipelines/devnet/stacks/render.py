"""The JSON of the Stacks API's rows and blocks, key by key as recorded.

This module turns values into JSON. It does not make pages (routes_*.py), status codes or headers (answers.py). The
chain has no amounts, contracts or costs, so this module derives them from ids and counts.
"""

from datetime import UTC, datetime
from typing import Any

from stx_pipelines.devnet.stacks.answers import dumps
from stx_pipelines.devnet.stacks.encoding import (
    MEMO,
    SOURCE_CODE,
    VRF_PROOF,
    amount_of,
    c32_address,
    contract_of,
    figure,
    function_of,
    recipient_hash,
    tenure_change,
)
from stx_pipelines.devnet.stacks.values import BurnBlock, StacksBlock, Transaction, made_hash

_PROOF = "0x" + VRF_PROOF.hex()
_COINBASE = "0x" + "00" * 32
_MEMO = "0x" + MEMO.hex()
_RESULTS = {
    "token_transfer": {"hex": "0x0703", "repr": "(ok true)"},
    "contract_call": {"hex": "0x070100000000000000000000000000000001", "repr": "(ok u1)"},
}
_FAILURE = {"hex": "0x080100000000000000000000000000000001", "repr": "(err u1)"}


def v3_row(tx: Transaction) -> bytes:
    """Return one entry of a v3 list as JSON. No JSON library is used, because the server spends most time here."""
    sponsor = "null"
    if tx.sponsor_address is not None:
        sponsor = f'{{"address":"{tx.sponsor_address}","nonce":{tx.sponsor_nonce}}}'
    return (
        f'{{"tx_id":"{tx.tx_id}","sender":{{"address":"{tx.sender_address}","nonce":{tx.nonce}}},"sponsor":{sponsor},'
        f'"fee_rate":"{tx.fee_ustx}","block":{{"height":{tx.block_height},"hash":"{tx.block_hash}",'
        f'"index_hash":"{tx.index_block_hash}","time":{tx.block_time},"tx_index":{tx.tx_index}}},'
        f'"bitcoin_block":{{"height":{tx.burn_block_height},"time":{tx.burn_block_time}}},'
        f'"status":"{tx.tx_status}","type":"{tx.tx_type}",{_V3_PAYLOADS[tx.tx_type](tx)}}}'
    ).encode()


def v1_row(tx: Transaction, parent: tuple[str, int], with_arguments: bool) -> dict[str, Any]:
    """Return one entry of a v1 list. `parent` is the parent block's hash and the time of the parent's burn block."""
    row = _v1_head(tx) | _v1_place(tx, *parent) | _v1_costs(tx) | _v1_payload(tx, with_arguments)
    if tx.sponsor_address is not None:
        row |= {"sponsor_nonce": tx.sponsor_nonce, "sponsor_address": tx.sponsor_address}
    return row


def v2_block(block: StacksBlock) -> dict[str, Any]:
    """Return the entry of one Stacks block."""
    return {
        "canonical": True,
        "height": block.height,
        "hash": block.hash,
        "block_time": block.time,
        "block_time_iso": _iso(block.time),
        "tenure_height": block.tenure_height,
        "index_block_hash": block.index_hash,
        "parent_block_hash": block.parent_hash,
        "parent_index_block_hash": block.parent_index_hash,
        "burn_block_time": block.burn_time,
        "burn_block_time_iso": _iso(block.burn_time),
        "burn_block_hash": block.burn_hash,
        "burn_block_height": block.burn_height,
        "miner_txid": made_hash(0, "miner", block.burn_height),
        "tx_count": block.tx_count,
        **_costs(60 * len(block.transactions)),
    }


def v2_burn_block(burn: BurnBlock, excess: int) -> dict[str, Any]:
    """Return the entry of one burn block, its Stacks blocks newest first. `excess` is added to the correct count."""
    gaps = len(burn.blocks) - 1
    return {
        "burn_block_time": burn.time,
        "burn_block_time_iso": _iso(burn.time),
        "burn_block_hash": burn.hash,
        "burn_block_height": burn.height,
        "stacks_blocks": [block.hash for block in reversed(burn.blocks)],
        "avg_block_time": (burn.blocks[-1].time - burn.blocks[0].time) // gaps if gaps else 0,
        "total_tx_count": burn.tx_count + excess,
    }


def _iso(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _costs(reads: int) -> dict[str, int]:
    return {
        "execution_cost_read_count": reads,
        "execution_cost_read_length": reads * 80,
        "execution_cost_runtime": reads * 9_000,
        "execution_cost_write_count": reads // 3,
        "execution_cost_write_length": reads // 3 * 21,
    }


def _recipient(tx: Transaction) -> str:
    return c32_address(recipient_hash(tx))


def _contract_of(tx: Transaction) -> str:
    return ".".join(contract_of(tx))


def _v3_transfer(tx: Transaction) -> str:
    return (
        f'"token_transfer":{{"recipient":"{_recipient(tx)}","amount":"{amount_of(tx)}",'
        f'"memo":{{"hex":"{_MEMO}","repr":""}}}}'
    )


def _v3_call(tx: Transaction) -> str:
    return f'"contract_call":{{"contract_id":"{_contract_of(tx)}","function_name":"{function_of(tx)}"}}'


def _v3_contract(tx: Transaction) -> str:
    return f'"smart_contract":{{"contract_id":"{_contract_of(tx)}","clarity_version":3}}'


def _v3_coinbase(tx: Transaction) -> str:
    return f'"coinbase":{{"payload":"{_COINBASE}","alt_recipient":null,"vrf_proof":"{_PROOF}"}}'


def _v3_tenure(tx: Transaction) -> str:
    return f'"tenure_change":{dumps(_tenure(tx)).decode()}'


_V3_PAYLOADS = {
    "token_transfer": _v3_transfer,
    "contract_call": _v3_call,
    "smart_contract": _v3_contract,
    "coinbase": _v3_coinbase,
    "tenure_change": _v3_tenure,
}


def _tenure(tx: Transaction) -> dict[str, str | int]:
    consensus, before, end, blocks = tenure_change(tx)
    return {
        "tenure_consensus_hash": "0x" + consensus.hex(),
        "prev_tenure_consensus_hash": "0x" + before.hex(),
        "burn_view_consensus_hash": "0x" + consensus.hex(),
        "previous_tenure_end": "0x" + end.hex(),
        "previous_tenure_blocks": blocks,
        "cause": "block_found",
        "pubkey_hash": "0x" + "ab" * 20,
    }


def _v1_head(tx: Transaction) -> dict[str, Any]:
    return {
        "tx_id": tx.tx_id,
        "nonce": tx.nonce,
        "fee_rate": str(tx.fee_ustx),
        "sender_address": tx.sender_address,
        "sponsored": tx.sponsor_address is not None,
        "post_condition_mode": "deny",
        "post_conditions": [],
        "anchor_mode": "any",
    }


def _v1_place(tx: Transaction, parent_hash: str, parent_burn_time: int) -> dict[str, Any]:
    return {
        "block_hash": tx.block_hash,
        "block_height": tx.block_height,
        "block_time": tx.block_time,
        "block_time_iso": _iso(tx.block_time),
        "burn_block_time": tx.burn_block_time,
        "burn_block_height": tx.burn_block_height,
        "burn_block_time_iso": _iso(tx.burn_block_time),
        "parent_burn_block_time": parent_burn_time,
        "parent_burn_block_time_iso": _iso(parent_burn_time),
        "canonical": True,
        "tx_index": tx.tx_index,
        "tx_status": tx.tx_status,
        "tx_result": _result(tx),
        "event_count": figure(tx) % 8,
        "parent_block_hash": parent_hash,
        "is_unanchored": False,
        "microblock_hash": "0x",
        "microblock_sequence": tx.microblock_sequence,
        "microblock_canonical": True,
    }


def _result(tx: Transaction) -> dict[str, str]:
    return _RESULTS.get(tx.tx_type, _RESULTS["token_transfer"]) if tx.tx_status == "success" else _FAILURE


def _v1_costs(tx: Transaction) -> dict[str, Any]:
    return {**_costs(20 + figure(tx) % 90), "vm_error": None, "events": [], "tx_type": tx.tx_type}


def _v1_payload(tx: Transaction, with_arguments: bool) -> dict[str, Any]:
    match tx.tx_type:
        case "token_transfer":
            transfer = {"recipient_address": _recipient(tx), "amount": str(amount_of(tx)), "memo": _MEMO}
            return {"token_transfer": transfer}
        case "contract_call":
            return {"contract_call": _v1_call(tx) | (_v1_arguments(tx) if with_arguments else {})}
        case "smart_contract":
            contract = {"clarity_version": 3, "contract_id": _contract_of(tx), "source_code": SOURCE_CODE}
            return {"smart_contract": contract}
        case "coinbase":
            return {"coinbase_payload": {"data": _COINBASE, "alt_recipient": None, "vrf_proof": _PROOF}}
        case _:
            return {"tenure_change_payload": _tenure(tx)}


def _v1_call(tx: Transaction) -> dict[str, Any]:
    name = function_of(tx)
    signature = f"(define-public ({name} (amount uint)))"
    return {"contract_id": _contract_of(tx), "function_name": name, "function_signature": signature}


def _v1_arguments(tx: Transaction) -> dict[str, Any]:
    amount = figure(tx)
    argument = {"hex": f"0x01{amount:032x}", "repr": f"u{amount}", "name": "amount", "type": "uint"}
    return {"function_args": [argument]}

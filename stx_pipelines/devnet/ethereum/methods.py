"""The methods of the Ethereum node and their correct results. Errors have geth's words.

This module handles methods, block numbers and tags, and the refusals of a pruned node. It does not handle batches
(rpc.py), limits (traffic.py), faults (faults.py) or JSON text (render.py).
"""

import json
import re
from collections.abc import Callable

from stx_pipelines.devnet.ethereum.chain import EthereumBlock, EthereumChain
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.odd import odd_id, odd_result
from stx_pipelines.devnet.ethereum.render import block_json, error_text, proof_json, result_text
from stx_pipelines.devnet.ethereum.render_bodies import receipt_json, receipts_json, transactions_json
from stx_pipelines.devnet.ethereum.state import account_proof
from stx_pipelines.devnet.ethereum.values import Call, Params

CLIENT_VERSION = "Geth/v1.16.1-stable-12b4131f/linux-amd64/go1.24.4"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,15})")


class CallError(Exception):
    """A method's refusal of a call, with the code and the message of the error to return."""

    def __init__(self, code: int, message: str) -> None:
        """Refuse with this code and message."""
        super().__init__(message)
        self.code = code
        self.message = message


class EthereumMethods:
    """The methods of one chain. The caller holds the chain's lock, so that all results are of one state."""

    def __init__(self, chain: EthereumChain, knobs: EthereumKnobs) -> None:
        """Use this chain and these knobs. Both may be changed between two calls."""
        self._chain = chain
        self._knobs = knobs
        self._numbers_by_hash: dict[str, int] = {}  # of the transactions that were sent whole
        self._methods: dict[str, Callable[[Params], str]] = {
            "eth_getBalance": self._balance,
            "eth_getProof": self._proof,
            "eth_getBlockByNumber": self._block,
            "eth_getBlockReceipts": self._receipts,
            "eth_getTransactionReceipt": self._receipt,
            "eth_blockNumber": lambda _: f'"{self._chain.latest.number:#x}"',
            "eth_chainId": lambda _: f'"{self._chain_id():#x}"',
            "net_version": lambda _: f'"{self._chain_id()}"',
            "web3_clientVersion": lambda _: f'"{CLIENT_VERSION}"',
        }

    def answer(self, call: Call) -> str:
        """Return the correct response to a call, a result or an error, as JSON text."""
        call_id = call.reply_id
        method = self._methods.get(call.method)
        if method is None:
            return error_text(call_id, -32601, f"the method {call.method} does not exist/is not available")
        try:
            result = method(call.params)
            if self._knobs.odd_forms:
                return result_text(odd_id(call_id), odd_result(result))
            return result_text(call_id, result)
        except CallError as refused:
            return error_text(call_id, refused.code, refused.message)

    def _chain_id(self) -> int:
        return self._knobs.chain_id or self._chain.spec.chain_id

    def _balance(self, params: Params) -> str:
        address, number = self._account(params, 1)
        knobs = self._knobs
        too_much = knobs.wei_too_much if knobs.wei_too_much_at in {-1, number} else 0
        return f'"{self._told(address, number) + too_much:#x}"'

    def _proof(self, params: Params) -> str:
        address, number = self._account(params, 2)
        limit = self._knobs.proof_blocks
        if limit < 0:
            raise CallError(-32601, "the method eth_getProof does not exist/is not available")
        if limit and number < self._chain.latest.number - limit:
            raise CallError(-32602, "distance to target block exceeds maximum proof window")
        at = self._chain.latest.number if self._knobs.old_balances == "newest" else number
        balances = self._chain.accounts.balances(at)
        return proof_json(address, balances.get(address, 0), account_proof(balances, address))

    def _account(self, params: Params, position: int) -> tuple[str, int]:
        """Return the address, in lower case, and the number of the block whose state is requested."""
        address = _text(params, 0).lower()
        number = self._number(params, position)
        block = self._chain.block(number)
        if block is None:
            raise CallError(-32000, "header not found")
        if self._knobs.state_blocks and number < self._chain.latest.number - self._knobs.state_blocks:
            raise self._pruned(block)
        if not self._chain.accounts.knows(address) and not _ADDRESS.fullmatch(address):
            raise _unfit(0, _address_complaint(address))
        return address, number

    def _told(self, address: str, number: int) -> int:
        newest = self._chain.latest.number
        if number < newest and self._knobs.old_balances == "zero":
            return 0
        return self._chain.accounts.balance(address, newest if self._knobs.old_balances == "newest" else number)

    def _block(self, params: Params) -> str:
        if params[:1] == ["finalized"] and self._knobs.finalized_tag != "known":
            return self._without_finality()
        number = self._number(params, 0)
        if len(params) < 2:
            raise _missing(1)
        if params[1] is not False and not self._chain.spec.bodies:
            raise _unfit(1, "this devnet has no whole transactions, only their hashes: use false")
        block = self._chain.block(number)
        if block is None or 0 < number < self._knobs.history_from:
            if block is not None and self._knobs.history_wording != "null":
                raise CallError(4444, self._knobs.history_wording)
            return "null"
        whole = self._whole(block) if params[1] and self._chain.spec.bodies else None
        hashes = [one.hash for one in self._chain.body(block)] if self._chain.spec.bodies and not whole else None
        text = block_json(block, has_future_member=number >= self._chain.spec.future_number, whole=whole, hashes=hashes)
        if limit := self._knobs.gas_limit:
            text = text.replace(f'"gasLimit":"{block.gas_limit:#x}"', f'"gasLimit":"{limit:#x}"')
        member = self._knobs.altered_member
        return _altered(text, member) if member and self._knobs.altered_block in {-1, number} else text

    def _whole(self, block: EthereumBlock) -> str:
        made = self._chain.body(block)
        self._numbers_by_hash |= {one.hash: block.number for one in made}
        return transactions_json(made)

    def _receipts(self, params: Params) -> str:
        if self._knobs.receipts != "blocks" or not self._chain.spec.bodies:
            raise CallError(-32601, "the method eth_getBlockReceipts does not exist/is not available")
        block = self._chain.block(self._number(params, 0))
        return receipts_json(block, self._chain.body(block)) if block else "null"

    def _receipt(self, params: Params) -> str:
        if self._knobs.receipts == "none" or not self._chain.spec.bodies:
            raise CallError(-32601, "the method eth_getTransactionReceipt does not exist/is not available")
        name = _text(params, 0)
        block = self._chain.block(self._numbers_by_hash.get(name, -1))
        found = [one for one in self._chain.body(block) if one.hash == name] if block else []
        return receipt_json(block, found[0]) if block and found else "null"

    def _without_finality(self) -> str:
        match self._knobs.finalized_tag:
            case "not supported":
                raise CallError(-32000, "'finalized' tag not supported on pre-merge network")
            case "invalid":
                raise _unfit(0, "hex string without 0x prefix")
        return "null"

    def _number(self, params: Params, position: int) -> int:
        told = _text(params, position)
        if _QUANTITY.fullmatch(told):
            return int(told, 16)
        match told:
            case "latest" | "pending":
                return self._chain.latest.number
            case "finalized":
                return self._chain.finalized.number
            case "safe":
                return self._chain.safe.number
            case "earliest":
                return 0
        raise _unfit(position, _quantity_complaint(told))

    def _pruned(self, block: EthereumBlock) -> CallError:
        root = str(block.state_root)
        match self._knobs.pruned_wording:
            case "missing_trie_node":
                return CallError(-32000, f"missing trie node {root[2:]} (path ) state {root} is not available")
            case "historical_state":
                return CallError(-32000, f"historical state {root[2:]} is not available")
            case "state_not_available":
                return CallError(-32000, f"state {root} is not available")
            case "pruned":  # reth uses the code of an internal error
                return CallError(-32603, f"state at block #{block.number} is pruned")


def _altered(block: str, member: str) -> str:
    """Return the block's JSON with another last digit in one member, or another amount in its first withdrawal."""
    members = json.loads(block)
    value = members[member]
    if member == "withdrawals":
        value[0]["amount"] = hex(int(value[0]["amount"], 16) + 1)
    else:
        members[member] = value[:-1] + ("1" if value[-1] != "1" else "2")
    return json.dumps(members)


def _text(params: Params, position: int) -> str:
    if len(params) <= position or params[position] is None:
        raise _missing(position)
    value = params[position]
    if not isinstance(value, str):
        raise _unfit(position, "json: cannot unmarshal non-string into Go value of type string")
    return value


def _missing(position: int) -> CallError:
    return CallError(-32602, f"missing value for required argument {position}")


def _unfit(position: int, complaint: str) -> CallError:
    return CallError(-32602, f"invalid argument {position}: {complaint}")


def _address_complaint(told: str) -> str:
    into = "Go value of type common.Address"
    if not told.startswith("0x"):
        return f"json: cannot unmarshal hex string without 0x prefix into {into}"
    if len(told) % 2:
        return f"json: cannot unmarshal hex string of odd length into {into}"
    if len(told) != 42:
        return f"hex string has length {len(told) - 2}, want 40 for common.Address"
    return f"json: cannot unmarshal invalid hex string into {into}"


def _quantity_complaint(told: str) -> str:
    if not told.startswith("0x"):
        return "hex string without 0x prefix"
    if told == "0x":
        return 'hex string "0x"'
    return "hex number with leading zero digits" if told.startswith("0x0") else "invalid hex string"

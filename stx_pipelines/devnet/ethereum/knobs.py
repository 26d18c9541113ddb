"""The knobs of the Ethereum chain: everything that can be changed while the node is running.

This module holds names, types, defaults and the kinds of faults. It does not apply the knobs (methods.py, faults.py,
traffic.py, rpc.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from stx_pipelines.devnet.ethereum.values import Call

# Faults of a whole request. A request has at most one of them.
RequestFault = Literal[
    "http_400",
    "http_401",
    "http_402",
    "http_403",
    "http_404",
    "http_408",
    "http_413",
    "http_425",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_522",
    "drop",
    "truncated",
    "truncated_wrong_length",
    "not_json",
    "object",  # one error object instead of the array
]
# Faults of one element of a batch. A single call has only those faults that change its result.
ElementFault = Literal[
    "missing",
    "repeated",
    "unknown_id",
    "null",
    "bad_hex",  # instead of a balance
    "error_429",
    "error_-32005",
    "error_-32007",
    "error_-32011",
    "error_-32603",
    "error_-32600",
    "error_-32601",
    "error_-32602",
    "error_-32700",
    "header_not_found",
    "missing_trie_node",  # as if one of several nodes behind an address were pruned
]
EthereumFault = RequestFault | ElementFault | Literal["shuffled"]
REQUEST_FAULTS: tuple[RequestFault, ...] = get_args(RequestFault)
ELEMENT_FAULTS: tuple[ElementFault, ...] = get_args(ElementFault)
ETHEREUM_FAULTS: tuple[EthereumFault, ...] = (*REQUEST_FAULTS, *ELEMENT_FAULTS, "shuffled")
# Refusals of a batch: HTTP status 413, an array with one error (geth), one error object, one error in erigon's words.
BatchRefusal = Literal["413", "element", "object", "erigon"]
# Some nodes without old states return no error: they return the balance of their newest block, or 0.
OldBalances = Literal["right", "newest", "zero"]
# A chain without finality: null, an error of old geth, an error of nodes that take numbers only.
FinalizedTag = Literal["known", "null", "not supported", "invalid"]
HistoryWording = Literal["null", "pruned history unavailable"]
# A node may give receipts of whole blocks, only of single transactions, or none.
ReceiptCalls = Literal["blocks", "single", "none"]
PrunedWording = Literal["missing_trie_node", "historical_state", "state_not_available", "pruned"]


@dataclass
class EthereumKnobs:
    """The behaviour that can be changed while the server runs. A limit of 0 is no limit."""

    latency_seconds: float = 0.0
    drip_seconds: float = 0.0  # the pause between the ten parts in which each body is sent; 0: sent whole
    chain_id: int = 0  # returned instead of the chain's own id; 0: the chain's own id
    batch_limit: int = 0  # most calls in a batch
    batch_refusal: BatchRefusal = "element"
    response_bytes_limit: int = 0  # the calls of a batch after this size get an error instead of a result
    calls_per_second: int = 0  # counts each call of a batch; a batch over the limit is refused whole, by 429
    retry_after_seconds: int = 1  # in every 429
    state_blocks: int = 0  # balances of blocks further behind the newest block are refused
    pruned_wording: PrunedWording = "missing_trie_node"
    old_balances: OldBalances = "right"  # the balances of all blocks before the newest; "newest" also changes proofs
    proof_blocks: int = 0  # proofs of blocks further behind the newest block are refused; -1: the method is unknown
    wei_too_much: int = 0  # added to every balance; account proofs stay correct
    wei_too_much_at: int = -1  # the only block whose balances are wrong; -1: every block
    altered_member: str = ""  # name of a block's field that gets another value under the same hash
    altered_block: int = -1  # the only block with that value; -1: every block
    finalized_tag: FinalizedTag = "known"
    odd_forms: bool = False  # correct responses in an unusual form: padded, capitals, ids as texts, no size, an author
    history_from: int = 0  # older blocks, except block 0, are gone
    history_wording: HistoryWording = "null"
    receipts: ReceiptCalls = "blocks"
    gas_limit: int = 0  # reported instead of each block's own; 0: its own
    faults: dict[EthereumFault, float] = field(default_factory=dict)  # share of requests, or of elements
    faults_left: int = -1  # number of requests that may still have faults; -1: all
    seed: int = 1
    on_request: Callable[[list[Call]], None] | None = None  # called with the calls before each response
    clock: Callable[[], datetime] | None = None  # if set, the chain grows to its time before each response


def known_faults(wanted: object) -> dict[EthereumFault, float]:
    """Return the share of each fault by name. Raises ValueError or TypeError for an unknown name or a wrong share."""
    if not isinstance(wanted, dict):
        raise TypeError(f"faults must be an object of shares by kind, got {wanted!r}")
    unknown = sorted(set(wanted) - set(ETHEREUM_FAULTS))
    if unknown:
        raise ValueError(f"unknown faults {', '.join(unknown)}; known are {', '.join(ETHEREUM_FAULTS)}")
    for kind, share in wanted.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"the share of {kind} must lie between 0 and 1, got {share!r}")
    return {kind: float(share) for kind, share in wanted.items()}

"""The knobs of the Ethereum chain: all that can be changed while it is served.

Belongs here: names, types, defaults and the kinds of faults. Not here: what a knob does (methods.py, faults.py,
traffic.py, rpc.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from stx_pipelines.devnet.ethereum.values import Call

# Faults of a whole request; it meets at most one of them.
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
    "object",  # one error in place of the array
]
# Faults of an element of a batch. A single call meets those that change its answer, too.
ElementFault = Literal[
    "missing",
    "repeated",
    "unknown_id",
    "null",
    "bad_hex",  # of a balance
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
    "missing_trie_node",  # as from one pruned node of several behind an address
]
EthereumFault = RequestFault | ElementFault | Literal["shuffled"]
REQUEST_FAULTS: tuple[RequestFault, ...] = get_args(RequestFault)
ELEMENT_FAULTS: tuple[ElementFault, ...] = get_args(ElementFault)
ETHEREUM_FAULTS: tuple[EthereumFault, ...] = (*REQUEST_FAULTS, *ELEMENT_FAULTS, "shuffled")
# "413" by status; "element" as geth, an array with one error; "object" in place of the array; "erigon" in its words.
BatchRefusal = Literal["413", "element", "object", "erigon"]
# A node without old states may answer with the balance of its newest block, or 0, and no error.
OldBalances = Literal["right", "newest", "zero"]
# A chain without finality: null, an error of old geth, an error of nodes that take numbers only.
FinalizedTag = Literal["known", "null", "not supported", "invalid"]
PrunedWording = Literal["missing_trie_node", "historical_state", "state_not_available", "pruned"]


@dataclass
class EthereumKnobs:
    """Everything that can be changed while the server runs. 0 switches a limit off."""

    latency_seconds: float = 0.0
    chain_id: int = 0  # answered in place of the chain's own; 0: the chain's own
    batch_limit: int = 0  # elements
    batch_refusal: BatchRefusal = "element"
    response_bytes_limit: int = 0  # of the results of a batch
    calls_per_second: int = 0  # counts elements; a batch that does not fit is refused whole, by 429
    retry_after_seconds: int = 1  # in every 429
    state_blocks: int = 0  # balances further behind the newest block are gone
    pruned_wording: PrunedWording = "missing_trie_node"
    old_balances: OldBalances = "right"  # "newest", "zero": of every block below the newest; "newest": proofs too
    proof_blocks: int = 0  # account proofs further behind the newest block are refused; -1: the method is unknown
    wei_too_much: int = 0  # added to every balance, while account proofs stay true
    wei_too_much_at: int = -1  # only after this block; -1: after each
    altered_member: str = ""  # of a block: another value under the same hash
    altered_block: int = -1  # only of this block; -1: of each
    finalized_tag: FinalizedTag = "known"
    odd_forms: bool = False  # right answers in an unusual form: padded, in capitals, ids as texts, no size, an author
    gas_limit: int = 0  # answered in place of each block's own; 0: its own
    faults: dict[EthereumFault, float] = field(default_factory=dict)  # share of requests, or of elements
    faults_left: int = -1  # so many more requests may meet faults; -1: all
    seed: int = 1
    on_request: Callable[[list[Call]], None] | None = None  # called with the calls before each answer
    clock: Callable[[], datetime] | None = None  # when set, the chain grows to it before each answer


def known_faults(wanted: object) -> dict[EthereumFault, float]:
    """Return the shares of faults by their names; refuse an unknown name or an impossible share."""
    if not isinstance(wanted, dict):
        raise TypeError(f"faults must be an object of shares by kind, got {wanted!r}")
    unknown = sorted(set(wanted) - set(ETHEREUM_FAULTS))
    if unknown:
        raise ValueError(f"unknown faults {', '.join(unknown)}; known are {', '.join(ETHEREUM_FAULTS)}")
    for kind, share in wanted.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"the share of {kind} must lie between 0 and 1, got {share!r}")
    return {kind: float(share) for kind, share in wanted.items()}

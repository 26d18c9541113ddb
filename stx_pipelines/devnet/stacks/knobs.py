"""The knobs of the Stacks chain: everything that can be changed while the API is running.

This module holds names, types, defaults and the kinds of faults. It does not apply the knobs (router.py, routes_*.py,
faults.py, traffic.py, api.py).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

FaultKind = Literal[
    "429",
    "500",
    "502",
    "503",
    "504",
    "522",
    "drop",
    "truncated",
    "truncated_wrong_length",
    "empty_page",
    "not_json",
    "repeated_page",
    "403",
    "404",
    "302",
    "429_bare",  # without Retry-After
    "bom",  # a byte order mark before the right response
    "other_shape",  # JSON of another shape
    "endless_page",  # a page that names itself as the next one
    "far_future",  # a list whose newest burn block is of the year 9999
]
PAGE_KINDS: tuple[FaultKind, ...] = ("403", "404", "302")  # of something in front of the API, only if chosen
ODD_KINDS: tuple[FaultKind, ...] = ("429_bare", "bom", "other_shape", "endless_page", "far_future")  # only if chosen
FAULT_KINDS: tuple[FaultKind, ...] = tuple(
    kind for kind in get_args(FaultKind) if kind not in {*PAGE_KINDS, *ODD_KINDS}
)


@dataclass
class Knobs:
    """The behaviour that can be changed while the server runs."""

    latency_seconds: float = 0.0
    list_latency_seconds: float = 0.0  # added for the list of burn blocks, which is slow on the real server
    drip_seconds: float = 0.0  # the pause between the ten parts in which each body is sent; 0: sent whole
    requests_per_minute: int = 0  # 0: no limit
    limit_window_seconds: float = 60.0
    burn_list_broken: bool = False
    v1_gone: bool = False
    v3_missing: bool = False
    fault_rate: float = 0.0
    fault_kinds: tuple[FaultKind, ...] = FAULT_KINDS
    fail_next: int = 0  # number of requests that fail next, at any fault_rate
    retry_after_seconds: int = 1  # of the fault 429; a 429 of the rate limit has the true number
    wrong_counts: set[int] = field(default_factory=set)  # burn heights whose total_tx_count is one too high
    hidden_transactions: set[str] = field(default_factory=set)  # tx_ids left out of every list; counts stay correct
    node_missing: bool = False  # whether the routes of raw blocks respond with 404, as on a gateway without them
    tenure_bytes: int = 16 * 2**20 + 1  # a tenure ends before the block that would exceed this size
    tenure_cut_at: int = 0  # bytes after which the bytes of every tenure end; 0: not cut
    tenure_flipped_bit: int = -1  # position of a bit that is flipped in the bytes of every tenure; -1: none
    tenure_of_parent: bool = False  # whether the bytes of a tenure begin with the parent of the requested block
    backend_lags: set[int] = field(default_factory=set)  # Stacks blocks by which each of several backends is behind
    states_kept: int = 0  # Stacks blocks below the tip after which accounts are known; 0: all
    balance_excess_ustx: int = 0  # added to every balance of an account
    nonce_excess: int = 0  # added to every nonce of an account
    seed: int = 1
    on_request: Callable[[str], None] | None = None  # called with path and query before each response
    clock: Callable[[], datetime] | None = None  # if set, the chain grows to its time before each response


def known_kinds(names: Collection[str]) -> tuple[FaultKind, ...]:
    """Return the fault kinds of these names. Raises ValueError for an unknown name."""
    known = get_args(FaultKind)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"unknown fault kinds {', '.join(unknown)}; known: {', '.join(known)}")
    return tuple(kind for kind in known if kind in names)

"""The devnet's own routes for its Ethereum chain: /devnet/ethereum/*.

This module changes the chain and its knobs when another process requests it. It does not serve JSON-RPC (rpc.py), and
it does not find the route of a request (devnet/control.py).
"""

from collections.abc import Callable
from typing import Any, get_args

from stx_pipelines.devnet.control import Routes, grow, set_knobs
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.knobs import (
    BatchRefusal,
    EthereumKnobs,
    HistoryWording,
    OldBalances,
    PrunedWording,
    ReceiptCalls,
    known_faults,
)
from stx_pipelines.devnet.ethereum.traffic import EthereumStats


def ethereum_routes(chain: EthereumChain, knobs: EthereumKnobs, stats: EthereumStats) -> Routes:
    """Return the control routes of this chain."""

    def reorganise(wanted: dict[str, Any]) -> object:
        chain.reorg(**wanted)
        return _heads(chain)

    def extend(wanted: dict[str, Any]) -> object:
        grow(chain, wanted)
        return _heads(chain)

    def move_finalized(wanted: dict[str, Any]) -> object:
        chain.set_finalized_back(**wanted)
        return _heads(chain)

    readers = {
        "faults": known_faults,
        "batch_refusal": _one_of(get_args(BatchRefusal)),
        "pruned_wording": _one_of(get_args(PrunedWording)),
        "history_wording": _one_of(get_args(HistoryWording)),
        "receipts": _one_of(get_args(ReceiptCalls)),
        "old_balances": _one_of(get_args(OldBalances)),
    }
    return {
        ("GET", "/devnet/ethereum/stats"): lambda _: stats.summary(),
        ("POST", "/devnet/ethereum/knobs"): lambda wanted: set_knobs(knobs, wanted, readers),
        ("POST", "/devnet/ethereum/reorg"): reorganise,
        ("POST", "/devnet/ethereum/grow"): extend,
        ("POST", "/devnet/ethereum/finalized"): move_finalized,
    }


def _heads(chain: EthereumChain) -> dict[str, object]:
    return {"latest": chain.latest.number, "hash": chain.latest.hash, "finalized": chain.finalized.number}


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], object]:
    def read(value: Any) -> object:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, got {value!r}")
        return value

    return read

"""The devnet's own routes for its Ethereum chain: /devnet/ethereum/*.

Belongs here: turning the chain and its knobs from another process. Not here: JSON-RPC (ethereum_rpc.py).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from stx_pipelines.devnet.control import Routes, turn
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.faults import (
    BatchRefusal,
    EthereumKnobs,
    EthereumStats,
    OldBalances,
    PrunedWording,
    known_faults,
)


class EthereumControl:
    """The routes that turn the Ethereum chain."""

    def __init__(self, chain: EthereumChain, knobs: EthereumKnobs, stats: EthereumStats) -> None:
        """Turn these."""
        self._chain = chain
        readers = {
            "faults": known_faults,
            "batch_refusal": _one_of(get_args(BatchRefusal)),
            "pruned_wording": _one_of(get_args(PrunedWording)),
            "old_balances": _one_of(get_args(OldBalances)),
        }
        self.routes: Routes = {
            ("GET", "/devnet/ethereum/stats"): lambda _: stats.summary(),
            ("POST", "/devnet/ethereum/knobs"): lambda wanted: turn(knobs, wanted, readers),
            ("POST", "/devnet/ethereum/reorg"): self._reorg,
            ("POST", "/devnet/ethereum/grow"): self._grow,
            ("POST", "/devnet/ethereum/finalized"): self._move_finalized,
        }

    def _reorg(self, wanted: dict[str, Any]) -> object:
        self._chain.reorg(**wanted)
        return self._heads()

    def _grow(self, wanted: dict[str, Any]) -> object:
        if set(wanted) == {"to"}:
            self._chain.grow_to(datetime.fromisoformat(wanted["to"]))
        else:
            self._chain.grow(**wanted)
        return self._heads()

    def _move_finalized(self, wanted: dict[str, Any]) -> object:
        self._chain.set_finalized_back(**wanted)
        return self._heads()

    def _heads(self) -> dict[str, object]:
        chain = self._chain
        return {"latest": chain.latest.number, "hash": chain.latest.hash, "finalized": chain.finalized.number}


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], object]:
    def read(value: Any) -> object:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, got {value!r}")
        return value

    return read

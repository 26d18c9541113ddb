"""The devnet's own routes for its Stacks chain: /devnet/stats, knobs, reorg, grow.

This module changes the chain and its knobs for another process. It does not serve the API's routes (router.py), and it
does not find the route of a request (devnet/control.py).
"""

from typing import Any

from stx_pipelines.devnet.control import Routes, grow, set_knobs
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs, known_kinds
from stx_pipelines.devnet.stacks.traffic import Stats


def stacks_routes(chain: StacksChain, knobs: Knobs, stats: Stats) -> Routes:
    """Return the control routes of this chain."""

    def reorganise(wanted: dict[str, Any]) -> object:
        chain.reorg(**wanted)
        return _tip(chain)

    def extend(wanted: dict[str, Any]) -> object:
        grow(chain, wanted)
        return _tip(chain)

    return {
        ("GET", "/devnet/stats"): lambda _: stats.summary(),
        ("POST", "/devnet/knobs"): lambda wanted: set_knobs(knobs, wanted, {"fault_kinds": known_kinds}),
        ("POST", "/devnet/reorg"): reorganise,
        ("POST", "/devnet/grow"): extend,
    }


def _tip(chain: StacksChain) -> dict[str, object]:
    tip = chain.tip
    return {"block_height": tip.height, "index_block_hash": tip.index_hash, "burn_block_height": tip.burn_height}

"""The devnet's own routes, for turning a devnet that runs in another process.

Belongs here: /devnet/*, how knobs are turned, the Stacks chain's routes. None of them counts as a request, is
limited or broken. Not here: the Ethereum chain's routes (ethereum_control.py), the API's.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from stx_pipelines.devnet.answers import Answer, Caching, dumps
from stx_pipelines.devnet.ethereum.faults import EthereumKnobs
from stx_pipelines.devnet.faults import Knobs, Stats, known_kinds
from stx_pipelines.devnet.stacks.chain import StacksChain

Routes = dict[tuple[str, str], Callable[[dict[str, Any]], object]]
_NOT_TURNABLE = {"on_request", "clock"}  # functions cannot travel


class Control:
    """Answers the devnet's own routes."""

    def __init__(self, routes: Routes) -> None:
        """Answer these."""
        self._routes = routes

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Do what is asked, or say why not: 404 for an unknown route, 400 for what cannot be done."""
        action = self._routes.get((method, path))
        if action is None:
            return _reply(404, {"error": f"no such route: {method} {path}"})
        try:
            return _reply(200, action(_object(body)))
        except (TypeError, ValueError) as error:
            return _reply(400, {"error": str(error)})


class StacksControl:
    """The routes that turn the Stacks chain."""

    def __init__(self, chain: StacksChain, knobs: Knobs, stats: Stats) -> None:
        """Turn these."""
        self._chain = chain
        self._knobs = knobs
        self.routes: Routes = {
            ("GET", "/devnet/stats"): lambda _: stats.summary(),
            ("POST", "/devnet/knobs"): lambda wanted: turn(knobs, wanted, {"fault_kinds": known_kinds}),
            ("POST", "/devnet/reorg"): self._reorg,
            ("POST", "/devnet/grow"): self._grow,
        }

    def _reorg(self, wanted: dict[str, Any]) -> object:
        self._chain.reorg(**wanted)
        return self._tip()

    def _grow(self, wanted: dict[str, Any]) -> object:
        if set(wanted) == {"to"}:
            self._chain.grow_to(datetime.fromisoformat(wanted["to"]))
        else:
            self._chain.grow(**wanted)
        return self._tip()

    def _tip(self) -> dict[str, object]:
        tip = self._chain.tip
        return {
            "block_height": tip.height,
            "index_block_hash": tip.index_hash,
            "burn_block_height": tip.burn_height,
        }


def turn(
    knobs: Knobs | EthereumKnobs, wanted: Mapping[str, Any], readers: Mapping[str, Callable[[Any], object]]
) -> dict[str, object]:
    """Turn knobs by their names, all or none; `readers` read the values of those that are no plain type."""
    values = {name: _value(knobs, name, value, readers) for name, value in wanted.items()}
    for name, value in values.items():
        setattr(knobs, name, value)
    return {"turned": sorted(values)}


def _object(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body or b"{}")
    if not isinstance(parsed, dict):
        raise TypeError("the body must be a JSON object")
    return parsed


def _value(
    knobs: Knobs | EthereumKnobs, name: str, value: Any, readers: Mapping[str, Callable[[Any], object]]
) -> object:
    """A JSON value as the knob's own type: lists become sets or kinds, a number stays a number."""
    known = {field.name for field in fields(knobs)} - _NOT_TURNABLE
    if name not in known:
        raise ValueError(f"unknown knob {name}; known are {', '.join(sorted(known))}")
    if name in readers:
        return readers[name](value)
    wanted = type(getattr(type(knobs)(), name))
    converted: object = wanted(value)
    if wanted is not set and (isinstance(value, bool) is not (wanted is bool) or converted != value):
        raise TypeError(f"knob {name} wants {wanted.__name__}, got {value!r}")
    return converted


def _reply(status: int, value: object) -> Answer:
    return Answer(status, dumps(value), caching=Caching.SILENT)

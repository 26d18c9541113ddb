"""The devnet's own routes, /devnet/*, which change a devnet that runs in another process.

This module finds a route, reads its JSON and sets knobs by name. The routes of each chain are in its control.py (in
stacks/ and ethereum/). Requests to these routes are not counted, not limited, and do not fail because of a knob.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from datetime import datetime
from typing import Any, ClassVar, Protocol

Routes = dict[tuple[str, str], Callable[[dict[str, Any]], object]]
Readers = Mapping[str, Callable[[Any], object]]
CONTROL_PATH = "/devnet/"
_NOT_SETTABLE = {"on_request", "clock"}  # functions, which JSON cannot hold


class Knobs(Protocol):
    """The knobs of a chain: a dataclass with a default for every field."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class Growing(Protocol):
    """A chain that grows by a number of blocks or up to an instant."""

    @property
    def grow(self) -> Callable[..., None]:
        """The method that appends blocks. The name of its argument depends on the chain."""

    def grow_to(self, instant: datetime) -> None:
        """Append every block up to this instant."""


class Control:
    """Dispatcher of the devnet's own routes."""

    def __init__(self, routes: Routes) -> None:
        """Serve these routes."""
        self._routes = routes

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Return the status and the JSON value of a response: 404 for an unknown route, 400 for an invalid request."""
        action = self._routes.get((method, path))
        if action is None:
            return 404, {"error": f"no such route: {method} {path}"}
        try:
            return 200, action(_object(body))
        except (TypeError, ValueError) as error:
            return 400, {"error": str(error)}


def set_knobs(knobs: Knobs, wanted: Mapping[str, Any], readers: Readers) -> dict[str, object]:
    """Set knobs by name, all of them or none, and return the names that were set.

    `readers` convert the values of knobs that are not numbers, texts or sets. Raises ValueError for an unknown name and
    TypeError for a value of a wrong type.
    """
    values = {name: _value(knobs, name, value, readers) for name, value in wanted.items()}
    for name, value in values.items():
        setattr(knobs, name, value)
    return {"turned": sorted(values)}


def grow(chain: Growing, wanted: dict[str, Any]) -> None:
    """Grow a chain up to the instant `wanted['to']`, or pass `wanted` to the chain's own `grow`."""
    if set(wanted) == {"to"}:
        chain.grow_to(datetime.fromisoformat(wanted["to"]))
    else:
        chain.grow(**wanted)


def _object(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body or b"{}")
    if not isinstance(parsed, dict):
        raise TypeError("the body must be a JSON object")
    return parsed


def _value(knobs: Knobs, name: str, value: Any, readers: Readers) -> object:
    """Return a JSON value as the knob's type. A list becomes a set; any other value must keep its kind and size."""
    known = {field.name for field in fields(knobs)} - _NOT_SETTABLE
    if name not in known:
        raise ValueError(f"unknown knob {name}; known: {', '.join(sorted(known))}")
    if name in readers:
        return readers[name](value)
    wanted = type(getattr(type(knobs)(), name))
    converted: object = wanted(value)
    if wanted is not set and (isinstance(value, bool) is not (wanted is bool) or converted != value):
        raise TypeError(f"knob {name} must be of type {wanted.__name__}, got {value!r}")
    return converted

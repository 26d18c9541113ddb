"""The cursors of sensors. A person may edit a cursor or empty it in the UI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import dagster as dg
import msgspec

_T = TypeVar("_T")

WithZone = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a cursor. One without a time zone cannot be compared with the clock."""


def remembered(context: dg.SensorEvaluationContext, shape: type[_T]) -> _T:
    """Return the state in the cursor. Without a usable cursor the sensor begins anew; the log of the tick says so."""
    if not context.cursor:
        return shape()
    try:
        return msgspec.json.decode(context.cursor, type=shape)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        context.log.warning(f"the cursor is not this sensor's own ({error}): the sensor begins anew")
        return shape()

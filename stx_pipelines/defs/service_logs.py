"""The logs of the services of `make up`: no colour codes in a file, and no line for a tick that says nothing new."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import coloredlogs

_CHECKING = "Checking for new runs for sensor: "
_SKIPPED = re.compile(r"Sensor (\S+) skipped: (.*)", re.DOTALL)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


class PlainFormatter(coloredlogs.BasicFormatter):  # type: ignore[misc]  # the library has no types
    """A formatter without colours that takes the options of `coloredlogs.ColoredFormatter`."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, **_colours: Any) -> None:
        super().__init__(fmt, datefmt)


class OnlyNews(logging.Filter):
    """A filter of the lines about the ticks of sensors.

    It leaves out the start of a tick, and a reason to skip if the sensor gave the same reason the last time. Reasons
    that differ only in numbers are the same. Any other line about the sensor, such as a new run, makes its next reason
    news again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is logged."""
        line = record.getMessage()
        if line.startswith(_CHECKING):
            return False
        if (skipped := _SKIPPED.fullmatch(line)) is None:
            for word in _WORD.findall(line):
                self._last.pop(word, None)
            return True
        sensor, reason = skipped[1], _NUMBER.sub("0", skipped[2])
        is_news = self._last.get(sensor) != reason
        self._last[sensor] = reason
        return is_news


def use_plain_logs() -> None:
    """Make Dagster's own processes log without colours, unless stdout is a terminal."""
    if not sys.stdout.isatty():
        coloredlogs.ColoredFormatter = PlainFormatter  # Dagster has no option for lines of text without colours

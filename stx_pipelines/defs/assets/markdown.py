"""Words that came from a server, as they may stand in Markdown: shown as they are, and never a link or an image."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z0-9_-]+")
_BREAKS_OUT = "`|\\"  # of code, or of the table around it


def word(text: object) -> str:
    """A word as it is; anything else as code."""
    return str(text) if _PLAIN.fullmatch(str(text)) else code(text)


def code(text: object) -> str:
    """Any text as code, in which nothing has a meaning; what would end it is written as `\\x60`."""
    shown = "".join(
        char if char.isprintable() and char not in _BREAKS_OUT else f"\\x{ord(char):02x}" for char in str(text)
    )
    return f"`{shown or ' '}`"

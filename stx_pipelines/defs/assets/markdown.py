"""Markdown for words from a server: shown literally, never as a link or an image."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z0-9_-]+")
_BREAKS_OUT = "`|\\"  # these end code, or the table cell around it


def word(text: object) -> str:
    """Return a plain word unchanged, and any other text as code."""
    return str(text) if _PLAIN.fullmatch(str(text)) else code(text)


def code(text: object) -> str:
    """Return any text as code. A character that would end the code is written as `\\x60`."""
    shown = "".join(
        char if char.isprintable() and char not in _BREAKS_OUT else f"\\x{ord(char):02x}" for char in str(text)
    )
    return f"`{shown or ' '}`"

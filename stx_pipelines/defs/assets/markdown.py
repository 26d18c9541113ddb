"""Functions that write text from a server as Markdown. The UI shows the text literally, never as a link or an image."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")  # an underscore at an end may begin emphasis
_BREAKS_OUT = "`|\\"  # these end the code or the table cell around it


def word(text: object) -> str:
    """Return a plain word unchanged, and any other text as code."""
    return str(text) if _PLAIN.fullmatch(str(text)) else code(text)


def code(text: object) -> str:
    """Return any text as code. A character that would end the code, or is not printable, is written like `\\x60`."""
    shown = "".join(
        char if char.isprintable() and char not in _BREAKS_OUT else f"\\x{ord(char):02x}" for char in str(text)
    )
    return f"`{shown or ' '}`"

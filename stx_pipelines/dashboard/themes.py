"""The colours of the page and its charts, light and dark."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stx_pipelines.dashboard.charts import Spec

_COLOURS = {
    "page": ("#f6f7f9", "#11161d"), "card": ("#ffffff", "#1a212b"), "ink": ("#1b2430", "#e8edf3"),
    "soft": ("#566273", "#a3b0bf"), "line": ("#dde2e8", "#323d4a"), "accent": ("#0b57b8", "#86c5f2"),
    "accent-ink": ("#ffffff", "#0d1a20"), "faint": ("#eef1f4", "#222b36"),
    "one": ("#065dd8", "#78c8f5"), "two": ("#c77700", "#f0983a"), "three": ("#c2168d", "#c07aa8"),
    "four": ("#1fa56d", "#1f9a63"), "five": ("#9f82d9", "#7f6df5"), "six": ("#32353d", "#eaecf0"),
    "closed": ("#2f74b5", "#5fa8dc"), "unused": ("#b4cde6", "#4f7899"), "open": ("#e2b13c", "#e8c25f"),
    "failing": ("#d9772b", "#ef9350"), "set-aside": ("#d9534f", "#f0766d"),
    "low": ("#eef5fd", "#1c2a3a"), "high": ("#5a9fe0", "#2a6aa8"), "bar": ("#9cc3ea", "#2c5c8c"),
    "single": ("#3a7cc4", "#5fa8dc"), "warn": ("#fff4da", "#3a3219"), "edge": ("#b4bfca", "#4d5b6b"),
    "sign": ("#1b2430", "#11161d"),
}  # fmt: skip

THEMES: Mapping[str, Mapping[str, str]] = {
    theme: {name: pair[place] for name, pair in _COLOURS.items()} for place, theme in enumerate(("light", "dark"))
}
"""Colours by theme and name. Text has a contrast of at least 4.5 to its background."""


def themed(spec: Spec, theme: str) -> Spec:
    """Return the specification with each `@name` replaced by a colour of the theme, as the page's script does."""
    text = json.dumps(spec)
    for name, colour in THEMES[theme].items():
        text = text.replace(f'"@{name}"', f'"{colour}"')
    found: Spec = json.loads(text)
    return found

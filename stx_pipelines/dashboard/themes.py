"""The colours of the page and its charts, light and dark."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stx_pipelines.dashboard.charts import Spec

_COLOURS = {
    "page": ("#f6f7f9", "#11161d"), "card": ("#ffffff", "#1a212b"), "ink": ("#1b2430", "#e8edf3"),
    "soft": ("#566273", "#a3b0bf"), "line": ("#dde2e8", "#323d4a"), "accent": ("#1f6f8b", "#6cc0db"),
    "accent-ink": ("#ffffff", "#0d1a20"), "pale": ("#dcebf0", "#23414d"), "faint": ("#eef1f4", "#222b36"),
    "one": ("#1f6f8b", "#6cc0db"), "two": ("#c8792b", "#eaa35b"), "three": ("#6a5aa8", "#ae9ff0"),
    "four": ("#4c9a6a", "#7fce9e"), "five": ("#b8506b", "#ec8ba4"), "six": ("#8b8f98", "#9aa3b0"),
    "closed": ("#2f7f9c", "#4fa6c4"), "unused": ("#a9c8d4", "#2f5564"), "open": ("#e2b13c", "#e8c25f"),
    "failing": ("#d9772b", "#ef9350"), "set-aside": ("#b3261e", "#f0766d"),
    "low": ("#eaf5f8", "#1d2b35"), "high": ("#4aa3c0", "#26738f"), "bar": ("#9cc7d6", "#2c6479"),
    "warn": ("#fff4da", "#3a3219"), "edge": ("#b4bfca", "#4d5b6b"),
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

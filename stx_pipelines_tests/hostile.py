"""Hostile texts that a server or an old day file may contain as a type, a status or an address."""

from __future__ import annotations

IMAGE = "![x](/graphql?query=mutation{startSensor})"

HOSTILE = (
    IMAGE,
    "[click](https://evil.example)",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    f"a | {IMAGE} |\n\n{IMAGE}",
    f"\\| {IMAGE}",
    f"`{IMAGE}`",
    f"``` \\` {IMAGE}",
    "https://evil.example/x",
    "www.evil.example",
    "=HYPERLINK(1)",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "<!channel>",
    "@everyone",
    "two words",
    "a\nb",
    "\u202eabc",
    "\uff1d1+1",
)

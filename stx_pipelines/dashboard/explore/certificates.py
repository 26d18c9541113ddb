"""The certificates of the days in a short form, for the page's calendar. `days.js` reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice
from typing import Any

from msgspec import UNSET

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles

_EPOCH = date(1970, 1, 1)
_DIGITS = 16
"""Number of digits of a digest that the page has. Its file has all of them."""

COLUMNS = (
    *("day", "id", "closed", "dataset", "expected", "published", "left_out", "first_height", "last_height"),
    *("burn_blocks", "proof", "proved_at", "requests", "route", "digest", "made_by"),
)

Certificates = Mapping[str, Mapping[date, Certificate]]
"""The certificates of each chain, by day."""


def read_certificates(folder: DataFolder, transactions: Mapping[date, Certificate]) -> Certificates:
    """Return the certificates of both chains. An Ethereum day without balances has the certificate of its blocks."""
    blocks, balances = (DayFiles(folder.days(name)).certificates() for name in (BLOCKS, BALANCES))
    found = {"stacks": transactions, "ethereum": dict(sorted({**blocks, **balances}.items()))}
    return {chain: days for chain, days in found.items() if days}


def short_form(found: Certificates, most: int) -> Mapping[str, Any]:
    """Return the newest `most` certificates of each chain as rows. A number stands for a text that occurs often."""
    words: dict[str, int] = {}
    chains = {
        chain: [_row(certificate, words) for _, certificate in _newest(days.items(), most)]
        for chain, days in found.items()
    }
    return {"columns": COLUMNS, "chains": chains, "words": list(words)}


def _newest(days: Iterable[tuple[date, Certificate]], most: int) -> list[tuple[date, Certificate]]:
    return list(islice(sorted(days, reverse=True), most))


def _row(certificate: Certificate, words: dict[str, int]) -> list[Any]:
    """Return the values of `COLUMNS`. `words` is extended by the texts that are not in it."""
    digest, made_by = certificate.rows_digest, certificate.made_by
    return [
        (certificate.day - _EPOCH).days,
        certificate.id,
        int(certificate.is_closed),
        _number(certificate.dataset, words),
        certificate.expected,
        certificate.published,
        [[_number(reason, words), count] for reason, count in certificate.left_out.items()],
        certificate.first_height,
        certificate.last_height,
        certificate.burn_blocks if certificate.dataset == TRANSACTIONS else None,
        [_counted(part, words) for part in certificate.proof.split("; ")],
        round(certificate.proved_at.timestamp()),
        certificate.requests,
        _number(certificate.route, words),
        None if digest is UNSET else digest[:_DIGITS],
        None if made_by is UNSET else _number(made_by, words),
    ]


def _counted(text: str, words: dict[str, int]) -> list[int]:
    """Return the number of the text without its counts, then its counts, because only they differ between days."""
    return [_number(re.sub(r"\d+", "#", text), words), *map(int, re.findall(r"\d+", text))]


def _number(text: str, words: dict[str, int]) -> int:
    return words.setdefault(text, len(words))

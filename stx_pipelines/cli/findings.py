"""The results of `verify`, printed one by one and kept for its JSON object."""

from __future__ import annotations

from datetime import date

import click
import msgspec

from stx_pipelines.cli.answers import Answer


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One result. Scripts rely on the fields: fields may be added, never changed.

    `agrees` is false if something differs or cannot be read. `day` is None for a result about several days. With
    `--db`, `share` is the share of the certified rows that the other file has, from 0 to 1, and `missing` the number of
    those that it lacks. `extra` is the number of rows that it has and the chain lacks, None if the file does not tell
    the day of a row. Without `--db`, all three are None.
    """

    sentence: str
    agrees: bool
    day: date | None = None
    share: float | None = None
    missing: int | None = None
    extra: int | None = None


class Verified(Answer, frozen=True, kw_only=True):
    """The result of `verify`."""

    chain: str
    findings: list[Finding]


class Findings:
    """The results of a `verify` of a chain so far."""

    def __init__(self, chain: str) -> None:
        self._chain = chain
        self._all: list[Finding] = []
        self._stopped: str | None = None

    def add(
        self,
        sentence: str,
        *,
        agrees: bool,
        day: date | None = None,
        share: float | None = None,
        missing: int | None = None,
        extra: int | None = None,
        err: bool = False,
    ) -> None:
        """Print a result and keep it. With `err`, print it on stderr."""
        click.echo(sentence, err=err)
        finding = Finding(sentence=sentence, agrees=agrees, day=day, share=share, missing=missing, extra=extra)
        self._all.append(finding)

    def stop(self, sentence: str) -> None:
        """Print and keep the reason why the command ended before it was done."""
        click.echo(sentence, err=True)
        self._stopped = sentence

    def answer(self, code: int, error: str | None = None) -> Verified:
        """Return the JSON object for this exit code. `error` is the sentence of the error that ended the command."""
        return Verified(code=code, error=error or self._stopped, chain=self._chain, findings=self._all)

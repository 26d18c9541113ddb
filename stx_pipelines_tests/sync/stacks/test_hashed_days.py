"""Days are proved by hashes in their order, each while the next day is read, with the newest proof of the day above."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, cast

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.sync.outcome import FailedDay, ProvedDay
from stx_pipelines.sync.stacks.hashed_days import by_hash
from stx_pipelines.sync.stacks.tenures import HashProof, TenureProofs
from stx_pipelines_tests.metrics.history import certificate, day

Prove = Callable[[Certificate, Certificate | None], None]
STORED = certificate(day(9), [])
PATIENCE = 30


class Tenures:
    """Proofs that call `prove` with the certificates of a day and of the day above."""

    def __init__(self, prove: Prove) -> None:
        self._prove = prove

    def prove(self, _rows: list[Tx], known: Certificate, *, above: Certificate | None) -> HashProof:
        self._prove(known, above)
        return HashProof(None)


def results(*numbers: int) -> list[ProvedDay[Tx] | FailedDay]:
    """Return days that are proved by counts."""
    return [ProvedDay([], certificate(day(number), [])) for number in numbers]


def proved(days: Any, prove: Prove) -> Iterator[ProvedDay[Tx] | FailedDay]:
    """Prove the days in the order given. Day 9 is stored."""
    return by_hash(days, cast(TenureProofs, Tenures(prove)), {STORED.day: STORED}, threading.Event())


def test_the_day_above_is_the_one_just_proved_or_the_stored_one() -> None:
    """A day that failed is not stored, so the stored certificate stays the newest."""
    seen: dict[date, Certificate | None] = {}
    days = results(9, 8, 7)

    def prove(known: Certificate, above: Certificate | None) -> None:
        seen[known.day] = above
        if known.day == day(8):
            raise ProofError("another block")

    outcomes = list(proved(days, prove))
    assert [isinstance(outcome, FailedDay) for outcome in outcomes] == [False, True, False]
    assert seen == {day(9): None, day(8): days[0].certificate, day(7): None}  # type: ignore[union-attr]
    seen.clear()
    list(proved(results(8), prove))
    assert seen == {day(8): STORED}


def test_the_next_day_is_read_while_a_day_is_proved() -> None:
    """Without that, the proof of the first day would wait here in vain."""
    second_is_read = threading.Event()

    def days() -> Iterator[ProvedDay[Tx] | FailedDay]:
        first, second = results(2, 1)
        yield first
        second_is_read.set()
        yield second

    def prove(known: Certificate, _above: Certificate | None) -> None:
        assert known.day == day(1) or second_is_read.wait(PATIENCE)

    assert [one.certificate.day for one in proved(days(), prove) if isinstance(one, ProvedDay)] == [day(2), day(1)]


def test_open_and_failed_days_pass() -> None:
    """They are not proved by hashes."""
    open_day = ProvedDay[Tx]([], certificate(day(3), [], "open"))
    failed = FailedDay(day(2), ProofError("rows are missing"))

    def prove(_known: Certificate, _above: Certificate | None) -> None:
        raise AssertionError("such a day has no proof by hashes")

    assert list(proved([open_day, failed], prove)) == [open_day, failed]

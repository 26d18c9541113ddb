"""Days that are proved by hashes, each while the next day is read and the day before is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.sync.outcome import FailedDay, ProvedDay
from stx_pipelines.sync.read_ahead import read_ahead
from stx_pipelines.sync.stacks.tenures import TenureProofs, with_evidence

_Result = ProvedDay[Tx] | FailedDay


def by_hash(
    results: Iterable[_Result], tenures: TenureProofs, stored: Mapping[date, Certificate], stop: threading.Event
) -> Iterator[_Result]:
    """Prove the closed days by the hashes of their blocks too, all of their burn blocks or a sample, in this order.

    `stored` are the certificates of the stored days: a proof uses that of the day above. `stop` is set if the caller
    stops before the last day.
    """
    known = {**stored}  # a copy, because the caller stores days meanwhile

    def prove(result: _Result) -> _Result:
        proved = _prove(result, tenures, known)
        if isinstance(proved, ProvedDay):
            known[proved.certificate.day] = proved.certificate
        return proved

    for _, proving in read_ahead(prove, results, stop):
        yield proving.result()


def _prove(result: _Result, tenures: TenureProofs, known: Mapping[date, Certificate]) -> _Result:
    if isinstance(result, FailedDay) or not result.certificate.is_closed:
        return result
    try:
        above = known.get(result.certificate.day + DAY)
        proof = tenures.prove(result.rows, result.certificate, above=above)
    except (ProofError, ApiError) as error:
        return FailedDay(result.certificate.day, error)
    return ProvedDay(result.rows, with_evidence(result.certificate, proof), proof.round)

"""The check that each account numbers its transactions without a gap, over the unbroken range of closed days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.store import MetricStore

NAME = "nonces_have_no_gap"


class Gap(NamedTuple):
    """Nonces of an account that no row has, or that several rows have.

    The days and block heights are those of the rows around them.
    """

    address: str
    after_day: date
    before_day: date
    first_nonce: int
    last_nonce: int
    is_repeated: bool
    after_height: int = 0
    before_height: int = 0

    def __str__(self) -> str:
        first, last = self.first_nonce, self.last_nonce
        nonces = f"nonce {first}" if first == last else f"nonces {first} to {last}"
        days = str(self.after_day) if self.after_day == self.before_day else f"{self.after_day} to {self.before_day}"
        what = "occurs twice" if self.is_repeated else "is missing" if first == last else "are missing"
        return f"{self.address}: {nonces} {what} ({days})"


class Nonces(NamedTuple):
    """The gaps, the number of accounts compared, the number left out because a nonce is not known, and the days."""

    gaps: list[Gap]
    accounts: int
    left_out: int
    basis: Basis

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        basis = self.basis
        range_ = f"{basis.coverage_start} to {basis.coverage_end}" if basis.days else "no closed day"
        left_out = f"; {self.left_out:,} with unknown nonces are left out" if self.left_out else ""
        if not self.gaps:
            return f"nonces of {self.accounts:,} accounts have no gap ({range_}){left_out}"
        return f"nonces of accounts have {len(self.gaps):,} gaps ({range_}){left_out}"


def nonce_gaps(store: MetricStore) -> Nonces:
    """Return the gaps in the nonces of all accounts. Raises `StoreError` if the day files cannot be read."""
    basis = store.basis()
    with store.session(basis) as connection:
        gaps = [Gap(*row) for row in connection.execute(metric_sql(f"checks/{NAME}")).fetchall()]
        beyond = connection.execute(metric_sql("checks/heights_beyond")).fetchall() if gaps else []
        [(accounts, left_out)] = connection.execute(metric_sql("checks/nonces_counted")).fetchall()
    return Nonces([gap for gap in gaps if not _is_beyond(gap, beyond)], accounts, left_out, basis)


def _is_beyond(gap: Gap, beyond: Sequence[tuple[int, int]]) -> bool:
    """Return whether the missing nonces may be in blocks of a day before or after the range."""
    return not gap.is_repeated and any(
        gap.after_height <= below and above <= gap.before_height for below, above in beyond
    )

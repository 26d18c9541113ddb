"""The facts that `status` and `health` report, read from files, without a request or Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.clock import is_past
from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.coverage.current import dataset_coverage
from stx_pipelines.coverage.model import Coverage, ranges
from stx_pipelines.coverage.progress import Progress, last_report, who_works
from stx_pipelines.coverage.proofs import proofs_of
from stx_pipelines.coverage.text import coverage_sentence, failing_words
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.row_count import count_rows


class SetAside(msgspec.Struct, frozen=True):
    """A day that is set aside, the reason, and the time of the last attempt."""

    day: date
    reason: str
    last_try: datetime


class Failing(msgspec.Struct, frozen=True):
    """A failing day, the reason, and the times of the last and of the next attempt.

    `words` are the reason and the next attempt in one sentence.
    """

    day: date
    reason: str
    last_try: datetime
    next_try: datetime
    words: str


class DatasetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of one dataset. Scripts rely on the fields: fields may be added, never changed.

    Times are UTC, sizes are in bytes. `rows` is the number of rows in the table. None means not known.

    - `days_landed`: stored days. `days_due`: wanted days that are not complete and can be synced now.
    - `old_days_missing`: wanted days before yesterday that are not complete.
    - `closed_days`: closed days in the table, as ranges (first, last), newest first.
    - `days_lacking_columns`: ranges of days that an earlier version stored with fewer columns, newest first.
    - `of_later_version`: days whose file only a later version of this package can read.
    - `newest_day_looked_at`: time of the newest stored day's last check. `last_active_at`: time of a run's last report.
    - `stalled_after_seconds`: a run that stores nothing for longer has stalled. It depends on the budget.
    - `tip_time`: time of the server's newest block (Ethereum: newest final block) at the last check, `tip_seen_at`.
    - `behind`: whether that block was stale, so that later days must wait for the server.
    - `failing_days`: the days of `failing` with their reasons.
    - `proofs`: the weakest proof among the stored closed days, and sums, as a sentence. `days_closed`: their number.
      `burn_blocks`, `burn_blocks_by_hash`: their burn blocks, and those proved by the hashes of their Stacks blocks.
    - `may_be_empty`: whether nothing is wrong when no day is wanted.
    - `record`: the address of the record (STX_RECORD_URL); None if the data folder is the record.
    - `waiting_to_push`: days whose files are not in the record yet. `damaged_in_record`: days whose object is damaged.
    - `copied_to`: the server with a copy of the tables (STX_WAREHOUSE_URL). `days_copied`: the stored days that it has;
      None if there is none, or if it cannot be read now. `not_copied` is the reason then.
    - `note`: a sentence about an unusual setting. `noun`, `unit`: the words for rows and for requests.
    """

    dataset: str
    sentence: str
    days_wanted: int
    days_complete: int
    days_landed: int
    old_days_missing: int
    holes: list[date]
    failing: list[date]
    set_aside: list[SetAside]
    waiting_to_load: list[date]
    damaged: list[date]
    rows: int
    wallets: int | None
    first_block_time: datetime | None
    last_block_time: datetime | None
    newest_day_looked_at: datetime | None
    last_landed_at: datetime | None
    bytes_on_disk: int
    running: str | None
    progress: Progress | None
    requests_per_minute: float | None
    minutes_to_go: float | None
    days_due: int
    first_wanted_day: date | None
    closed_days: list[tuple[date, date]]
    last_active_at: datetime | None
    stalled_after_seconds: float
    note: str | None
    noun: str = "transactions"
    unit: str = "requests"
    of_later_version: list[date] = []
    tip_time: datetime | None = None
    tip_seen_at: datetime | None = None
    behind: bool = False
    days_lacking_columns: list[tuple[date, date]] = []
    failing_days: list[Failing] = []
    days_closed: int = 0
    burn_blocks: int = 0
    burn_blocks_by_hash: int = 0
    proofs: str | None = None
    may_be_empty: bool = False
    record: str | None = None
    waiting_to_push: list[date] = []
    damaged_in_record: list[date] = []
    copied_to: str | None = None
    days_copied: int | None = None
    not_copied: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every wanted day is complete. False if no day is wanted, unless no day may be wanted."""
        return self.days_wanted == self.days_complete and (self.may_be_empty or self.days_wanted > 0)


def statuses(project: Project, chain: Chain, now: datetime) -> list[DatasetStatus]:
    """Return the status of each dataset of a chain, from files alone."""
    wanted = chain.wanted(project)
    return [describe(project, chain, dataset, dataset_coverage(project, dataset, now)) for dataset in wanted]


def chain_status(project: Project, chain: Chain, now: datetime) -> DatasetStatus:
    """Return the status of the chain as a whole, under the name of its last wanted dataset."""
    return describe(project, chain, chain.wanted(project)[-1], chain.look(project, now))


def describe(project: Project, chain: Chain, dataset: Dataset, coverage: Coverage) -> DatasetStatus:
    """Return the status of a dataset with this coverage, and of the run that syncs the dataset now."""
    store = project.store(dataset.name)
    budget = chain.budget(project)
    days = store.files.days()  # read first, because a day stored in between must not count as damaged
    certificates, newer = store.files.certificates(), store.files.newer()
    loaded = store.warehouse.published(dataset.name).loaded
    in_table = [c for day, c in certificates.items() if loaded.get(day) == c.id]
    running = who_works(project.shared, *chain.tables)
    reported = last_report(project.shared, *chain.tables)
    progress = reported if reported and running == reported.process else None
    stall = max(timedelta(seconds=project.settings.stx_stall_seconds), patience(coverage, budget))
    pace = progress.requests_per_minute if progress and progress.requests else None
    minutes = coverage.minutes_to_go(round(pace) if pace else budget)
    proved = [certificate.proved_at for certificate in certificates.values()]
    proofs = proofs_of(store, certificates)
    return DatasetStatus(
        dataset=dataset.name,
        sentence=coverage_sentence(coverage, budget, unit=chain.unit),
        days_wanted=len(coverage.days),
        days_complete=coverage.complete_count,
        days_landed=len(certificates),
        old_days_missing=sum(not day.complete for day in coverage.days[2:]),
        holes=coverage.holes,
        failing=[day for day, _ in coverage.failing],
        set_aside=[SetAside(d.day, d.attempts.sentence, d.attempts.at) for d in coverage.set_aside if d.attempts],
        waiting_to_load=coverage.to_load,
        damaged=[day for day in days if day not in certificates and day not in newer],
        rows=sum(c.published for c in in_table),
        wallets=_wallets(project.folder) if chain is STACKS else None,
        first_block_time=min((c.first_block_time for c in in_table if c.first_block_time), default=None),
        last_block_time=max((c.last_block_time for c in in_table if c.last_block_time), default=None),
        newest_day_looked_at=next((day.checked for day in coverage.days if day.checked), None),
        last_landed_at=max((at for at in proved if is_past(at, coverage.now)), default=None),
        bytes_on_disk=_size(store.warehouse.path) + sum(_size(f) for f in store.files.folder.glob("*.parquet")),
        running=running,
        progress=progress,
        requests_per_minute=pace,
        minutes_to_go=minutes,
        days_due=sum(not day.complete and coverage.is_ready(day) for day in coverage.days),
        first_wanted_day=coverage.days[-1].day if coverage.days else None,
        closed_days=ranges([day.day for day in coverage.days if day.complete and day.state == "closed"]),
        last_active_at=reported.updated_at if reported else None,
        stalled_after_seconds=stall.total_seconds(),
        note=chain.note(project),
        noun=dataset.noun,
        unit=chain.unit,
        of_later_version=list(newer),
        tip_time=coverage.tip.time if coverage.tip else None,
        tip_seen_at=coverage.tip.seen if coverage.tip else None,
        behind=coverage.behind is not None,
        failing_days=[Failing(day, a.sentence, a.at, a.due_at, failing_words(a)) for day, a in coverage.failing],
        days_lacking_columns=ranges(sorted(_lacking_columns(dataset, certificates), reverse=True)),
        days_closed=proofs.days,
        burn_blocks=proofs.burn_blocks,
        burn_blocks_by_hash=proofs.by_hash,
        proofs=proofs.sentence,
        may_be_empty=coverage.may_be_empty,
        record=store.copy.url if store.copy else None,
        waiting_to_push=store.copy.waiting() if store.copy else [],
        damaged_in_record=list(store.copy.damaged()) if store.copy else [],
    )


def _lacking_columns(dataset: Dataset, certificates: Mapping[date, Certificate]) -> list[date]:
    return [day for day, known in certificates.items() if dataset.lacks_columns(known)]


def patience(coverage: Coverage, budget: int) -> timedelta:
    """Return how long a run may store nothing at this budget: the time that the requests of two days take."""
    return timedelta(minutes=2 * coverage.requests_per_day / budget) if budget else timedelta(0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _wallets(folder: DataFolder) -> int | None:
    return count_rows(folder.metric("first_seen_wallets"), folder.run / "first_seen_wallets.rows.json")

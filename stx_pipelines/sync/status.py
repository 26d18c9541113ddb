"""How things are: the facts that `status` and `health` speak of, gathered from files. No request, no orchestrator."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from stx_pipelines.settings import Settings
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.inspect import rows_per_day
from stx_pipelines.store.locks import Busy
from stx_pipelines.sync.certify import DATASET
from stx_pipelines.sync.coverage import Coverage, ranges
from stx_pipelines.sync.progress import BETWEEN_RUNS, Progress, progress_file, read_progress, who_works
from stx_pipelines.sync.sentences import coverage_sentence, days_are, duration, some_days
from stx_pipelines.sync.survey import first_day_note, open_landing, survey_stacks

HEALTHY, NOT_RUNNING, STALLED, DAMAGED, MISCONFIGURED = 0, 1, 2, 3, 4


class SetAside(msgspec.Struct, frozen=True):
    """A day that failed too often, why, and when it was last tried."""

    day: date
    reason: str
    last_try: datetime


class DatasetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset at one instant. Counts are of the table's rows; times are UTC; sizes in bytes.

    `old_days_missing` counts wanted days before yesterday that are not complete, `days_due` those of all wanted days
    that do not wait after a failed proof. `closed_days` are wanted, closed and in the table, as ranges of neighbours
    (first, last), newest first. `last_active_at` is when a run worked last, `stalled_after_seconds` for how long
    nothing may land at this budget, `note` what is odd about the settings. Other people's scripts read this: fields
    are added, never changed.
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

    @property
    def is_complete(self) -> bool:
        """Every wanted day is covered and in the table."""
        return self.days_complete == self.days_wanted


class Health(msgspec.Struct, frozen=True):
    """An exit code and the sentence that goes with it."""

    code: int
    sentence: str


def stacks_status(settings: Settings, now: datetime) -> DatasetStatus:
    """The transactions, from files alone."""
    return describe(settings, survey_stacks(settings, now))


def describe(settings: Settings, coverage: Coverage) -> DatasetStatus:
    """The status that follows from a coverage, and what runs now."""
    landing = open_landing(settings)
    days = landing.files.days()  # before the certificates: a day that lands in between is not a damaged one
    certificates = landing.files.certificates()
    loaded = landing.warehouse.published(DATASET).loaded
    in_table = [c for day, c in certificates.items() if loaded.get(day) == c.id]
    running = who_works(settings.stx_data_dir, DATASET)
    reported = read_progress(progress_file(settings.stx_data_dir, DATASET))
    progress = reported if reported and running == f"process {reported.pid}" else None
    stall = max(timedelta(seconds=settings.stx_stall_seconds), _patience(settings, coverage))
    pace = progress.requests_per_minute if progress and progress.requests else None
    minutes = coverage.minutes_to_go(round(pace) if pace else settings.budget)
    return DatasetStatus(
        dataset=DATASET,
        sentence=coverage_sentence(coverage, settings.budget),
        days_wanted=len(coverage.days),
        days_complete=coverage.complete_count,
        days_landed=len(certificates),
        old_days_missing=sum(not day.complete for day in coverage.days[2:]),
        holes=coverage.holes,
        failing=[day.day for day in coverage.days if day.state == "failing"],
        set_aside=[SetAside(d.day, d.attempts.sentence, d.attempts.at) for d in coverage.set_aside if d.attempts],
        waiting_to_load=coverage.to_load,
        damaged=[day for day in days if day not in certificates],
        rows=sum(c.published for c in in_table),
        wallets=_parquet_rows(settings.stx_data_dir / "first_seen_wallets.parquet"),
        first_block_time=min((c.first_block_time for c in in_table if c.first_block_time), default=None),
        last_block_time=max((c.last_block_time for c in in_table if c.last_block_time), default=None),
        newest_day_looked_at=next((day.looked for day in coverage.days if day.looked), None),
        last_landed_at=max((c.proved_at for c in certificates.values()), default=None),
        bytes_on_disk=_size(landing.warehouse.path) + sum(_size(f) for f in landing.files.folder.glob("*.parquet")),
        running=running,
        progress=progress,
        requests_per_minute=pace,
        minutes_to_go=minutes,
        days_due=sum(not day.complete and coverage.is_ready(day) for day in coverage.days),
        first_wanted_day=coverage.days[-1].day if coverage.days else None,
        closed_days=ranges([day.day for day in coverage.days if day.complete and day.state == "closed"]),
        last_active_at=reported.updated_at if reported else None,
        stalled_after_seconds=stall.total_seconds(),
        note=first_day_note(settings),
    )


def stacks_health(settings: Settings, now: datetime, stall: timedelta) -> Health:
    """Judge the transactions: damage first, then whether what is missing is being worked on."""
    coverage = survey_stacks(settings, now)
    status = describe(settings, coverage)
    if damage := _damage(settings):
        return Health(DAMAGED, damage)
    if status.is_complete:
        return Health(HEALTHY, f"healthy: {status.sentence}")
    missing = status.days_wanted - status.days_complete
    if status.running is None:
        if coverage.next(settings.budget, open_every=settings.freshness) is None:
            named = ", ".join(str(each.day) for each in status.set_aside) or "failed days"
            return Health(HEALTHY, f"healthy: the next try of {named} is not due yet, see `stx-pipelines status`")
        if status.last_active_at and (ago := now - status.last_active_at) < BETWEEN_RUNS:
            return Health(HEALTHY, f"healthy: the last run ended {duration(ago)} ago; {status.sentence}")
        return Health(
            NOT_RUNNING, f"not running, though {days_are(missing)} missing: start `make up` or `stx-pipelines sync`"
        )
    if (quiet := _quiet(status, now)) > max(stall, _patience(settings, coverage)):
        return Health(
            STALLED,
            f"stalled: {status.running} works but nothing has landed for {duration(quiet)}: look at its log, "
            "then stop it and start it again; nothing is lost",
        )
    return Health(HEALTHY, f"healthy: {status.running} works; {status.sentence}")


def _patience(settings: Settings, coverage: Coverage) -> timedelta:
    """A slow budget is no stall: two days' worth of requests may pass without a landing."""
    return timedelta(minutes=2 * coverage.requests_per_day / settings.budget) if settings.budget else timedelta(0)


def _quiet(status: DatasetStatus, now: datetime) -> timedelta:
    began = status.progress.started_at if status.progress else now
    return now - max(began, status.last_landed_at or began)


def _damage(settings: Settings) -> str | None:
    """What is broken among the files and in the table; None if nothing is, or if the table is being written."""
    landing = open_landing(settings)
    if damaged := landing.files.damaged():
        return next(iter(damaged.values()))
    claimed = landing.warehouse.published(DATASET, even_if_lost=True).loaded
    loaded = {day: c for day, c in landing.files.certificates().items() if claimed.get(day) == c.id}
    if not loaded:
        return None
    try:
        rows = rows_per_day(landing.warehouse.path, DATASET)
    except Busy:
        return None
    except StoreError as error:
        return str(error)
    wrong = [day for day, certificate in loaded.items() if rows.get(day, 0) != certificate.published]
    if not wrong:
        return None
    named = some_days(wrong)
    return f"{landing.warehouse.path} disagrees with the certificates of {named}: run `stx-pipelines rebuild`"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _parquet_rows(path: Path) -> int | None:
    if not path.exists():
        return None
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)

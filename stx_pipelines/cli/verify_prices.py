"""The command `verify --chain prices`: compare stored days of prices with their source again."""

from __future__ import annotations

from datetime import UTC, date, datetime

from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.verify_days import choose, differing, report_unreadable
from stx_pipelines.project import Project


def verify_prices(project: Project, first: date | None, last: date | None, findings: Findings) -> int:
    """Compare stored days with the source, and the table with the day files. Return the exit code."""
    from stx_pipelines.sync.prices.sync import open_second, open_source
    from stx_pipelines.sync.prices.verify import verify_day

    store = project.store(PRICES)
    has_unreadable = report_unreadable([store], first, last, findings)
    advice = "no stored day of prices was chosen: give --from and --to of days that `status` counts"
    days = choose(store, first, last, advice)
    source, second, today, has_faults = open_source(project), open_second(project), datetime.now(UTC).date(), False
    for day in days:
        known = day.certificate
        compared, faults = verify_day(source, second, known, store.rows(known.day), today)
        has_faults |= bool(faults)
        wrong = f"{'; '.join(faults)}: read it again with `sync --chain prices --force-refresh`"
        findings.add(f"{known.day}: {wrong if faults else compared}", agrees=not faults, day=known.day)
    wrong_tables = differing(store, days, len(days), findings)
    return ERROR if has_unreadable or has_faults or wrong_tables else DONE

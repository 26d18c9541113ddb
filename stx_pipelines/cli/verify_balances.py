"""The command `verify --chain stacks_balances`: prove stored days of the balances of new wallets again."""

from __future__ import annotations

from datetime import date

from stx_pipelines.chains.datasets import WALLET_BALANCES
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.verify_days import choose, differing, report_unreadable
from stx_pipelines.project import Project


def verify_wallet_balances(
    project: Project, first: date | None, last: date | None, findings: Findings, *, every: bool
) -> int:
    """Compare stored days with the transactions and the node, and the table with the files. Return the exit code."""
    from stx_pipelines.sync.stacks.balances import open_wallet_balances
    from stx_pipelines.sync.stacks.verify_balances import verify_balances

    store = project.store(WALLET_BALANCES)
    has_unreadable = report_unreadable([store], first, last, findings)
    advice = "no stored day of balances was chosen: give --from and --to of days that `status` counts"
    days = choose(store, first, last, advice)
    sync, has_faults = open_wallet_balances(project), False
    for day in days:
        known = day.certificate
        compared, faults = verify_balances(sync, known, every=every)
        has_faults |= bool(faults)
        wrong = f"{'; '.join(faults)}: read it again with `sync --chain stacks_balances --force-refresh`"
        findings.add(f"{known.day}: {wrong if faults else compared}", agrees=not faults, day=known.day)
    wrong_tables = differing(store, days, len(days), findings)
    return ERROR if has_unreadable or has_faults or wrong_tables else DONE

"""The data of the page, which are the result files and the coverage as plain rows.

Texts and charts are in `sections`. All arithmetic on metrics is SQL in `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.dashboard.events import Event
from stx_pipelines.dashboard.explore.certificates import Certificates, read_certificates
from stx_pipelines.metrics.options import Basis, days
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.metrics.wallet_lines import WalletLines
from stx_pipelines.store.fee_recipients import FeeRecipients, fee_recipients
from stx_pipelines.store.files import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

PER_WALLET = ("first_seen_wallets", "wallet_windows")
"""Tables with a row per wallet. They are too large for the page, whose search reads files beside it."""

NOT_ON_PAGE = (*PER_WALLET, "contracts_daily")
"""Tables that the page does not read. `contracts_daily` has a row per contract and day."""

MOST_DAYS = 1100
"""Number of newest days of daily tables that the page has, three years. The files have all days."""

MOST_COHORTS = 400
"""Number of newest days of tables with many rows per cohort that the page has, thirteen months."""

FEE_RECIPIENTS = "ethereum_fee_recipients"
MOST_RECIPIENTS = 100

CONTRACTS = "contracts_30d"
MOST_CONTRACTS = 100

_ON_PAGE = {"wallet_value_weekly": "value_weekly"}
"""Names of tables on the page and in its CSV files, if the result file has another name."""

_NEWEST = {
    "wallets_daily": ("date", MOST_DAYS),
    "network_daily": ("date", MOST_DAYS),
    "network_types": ("date", MOST_DAYS),
    "wallet_retention": ("cohort_date", MOST_COHORTS),
    "wallet_retention_weekly": ("week_ending", MOST_DAYS),
    "wallet_value": ("cohort_date", MOST_COHORTS),
    "transfers_daily": ("date", MOST_DAYS),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that the page shows or offers as CSV. `note` says which rows of the result file the table has."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """All data of the page. `basis` holds the days that the numbers use; it is None before the first results.

    `transactions` and `wallets` count the whole covered range. `warnings` are sentences for the top of the page.
    `fee_recipients` is None without day files of Ethereum. `proofs` says how the closed days are proved and `weakest`
    names the weakest proof; both are None without a closed day. `is_made_up` means that the data are not the Stacks
    chain's. `events` are the days that the time charts mark. `wallet_lines` are the wallets that the page's search
    finds; None before the first results.
    """

    now: datetime
    coverage: str
    basis: Basis | None
    transactions: int
    wallets: int
    tables: Mapping[str, Table]
    warnings: Sequence[str]
    fee_recipients: FeeRecipients | None = None
    proofs: str | None = None
    weakest: str | None = None
    is_made_up: bool = False
    events: Sequence[Event] = ()
    certificates: Certificates = field(default_factory=dict)
    wallet_lines: WalletLines | None = None

    def rows(self, table: str) -> Sequence[Row]:
        """Return the rows of a table, or no rows if the table does not exist yet."""
        return self.tables[table].rows if table in self.tables else ()

    @property
    def measured(self) -> Basis | None:
        """The basis if it has at least one day, else None."""
        return self.basis if self.basis and self.basis.days else None


def read_facts(
    store: MetricStore, coverage: Coverage, sentence: str, note: str = "", proofs: str | None = None
) -> Facts:
    """Return the data of the page, read from the results and the day files on disk. Raises `StoreError`.

    `sentence` describes the coverage, `note` is a text for the top of the page, and `proofs` describes the proofs.
    """
    names = [name for result in RESULTS.values() for name in result if name not in NOT_ON_PAGE]
    known = {name: basis for name in names if (basis := store.kept(name)) is not None}
    basis = max(known.values(), key=lambda each: (each.days, each.fingerprint), default=None)
    tables = {table.name: table for table in (_read(store, name) for name in known)}
    certificates = store.files.certificates()
    daily = tables["wallets_daily"].rows if "wallets_daily" in tables else ()
    tables["coverage"] = _calendar(coverage, certificates, basis)
    ethereum, damage = _read_ethereum(store)
    if ethereum:
        tables[FEE_RECIPIENTS] = _recipients(ethereum)
    return Facts(
        now=coverage.now,
        coverage=sentence,
        basis=basis,
        transactions=basis.transactions if basis else 0,
        wallets=sum(row["new_wallets"] for row in daily),
        tables={name: _most_called(table) if name == CONTRACTS else _newest(table) for name, table in tables.items()},
        warnings=[*([note] if note else []), *_warnings(store, known, names), *damage],
        fee_recipients=ethereum,
        proofs=proofs,
        certificates=read_certificates(store.folder, certificates),
        wallet_lines=store.wallet_lines(),
    )


def _read(store: MetricStore, name: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(store.path(name), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{store.path(name)} cannot be read ({error}); refresh the metrics, then the page") from error
    return _plain_table(_ON_PAGE.get(name, name), found)


def _plain_table(name: str, found: pa.Table, note: str = "") -> Table:
    return Table(name, found.column_names, [_plain(row) for row in found.to_pylist()], note)


def _read_ethereum(store: MetricStore) -> tuple[FeeRecipients | None, list[str]]:
    """Return the fee recipients, None without day files, and a list of warnings.

    A damaged day file of Ethereum gives a warning, because it must not prevent the page.
    """
    try:
        return fee_recipients(store.folder, store.engine, MOST_RECIPIENTS), []
    except StoreError as error:
        return None, [f"Ethereum's fee recipients are not shown: {error}."]


def _recipients(known: FeeRecipients) -> Table:
    first = "highest priority fees" if known.is_ranked_by_fees else "most blocks"
    most = f"The {MOST_RECIPIENTS} fee recipients with the {first}. " if known.recipients > MOST_RECIPIENTS else ""
    return _plain_table(FEE_RECIPIENTS, known.table, f"{most}Amounts are ETH with 18 places, from days/miners_balance.")


def _plain(row: Row) -> Row:
    """Return the row with dates and exact amounts as text, so that JSON and JavaScript do not change these values."""
    return {key: f"{value:f}" if isinstance(value, Decimal) else _iso(value) for key, value in row.items()}


def _iso(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _most_called(table: Table) -> Table:
    if len(table.rows) <= MOST_CONTRACTS:
        return table
    note = f"The {MOST_CONTRACTS} contracts with the most calls. All are in the file metrics/{table.name}.parquet."
    return Table(table.name, table.columns, table.rows[:MOST_CONTRACTS], note)


def _newest(table: Table) -> Table:
    column, most = _NEWEST.get(table.name, ("", 0))
    if not column or not table.rows:
        return table
    first = (date.fromisoformat(table.rows[-1][column]) - (most - 1) * DAY).isoformat()
    kept = [row for row in table.rows if row[column] >= first]
    if len(kept) == len(table.rows):
        return table
    note = f"Rows from {first} on. All rows are in the file metrics/{table.name}.parquet."
    return Table(table.name, table.columns, kept, note)


def _calendar(coverage: Coverage, stored: Mapping[date, Certificate], basis: Basis | None) -> Table:
    """Return a table of every wanted or stored day, oldest first. `in_metrics` says whether the numbers use the day."""
    used = set(days(basis)) if basis else set()
    wanted = {day.day: day for day in coverage.days}
    rows = []
    for day in sorted(wanted.keys() | stored.keys()):
        certificate = stored.get(day)
        state = wanted[day].state if day in wanted else stored[day].state
        rows.append(
            {
                "date": day.isoformat(),
                "state": state,
                "shown": "closed, not used" if state == "closed" and day not in used else state,
                "in_metrics": day in used,
                "in_table": wanted[day].loaded if day in wanted else None,
                "transactions": certificate.published if certificate else None,
                "proof": certificate.proof if certificate else None,
            }
        )
    return Table("coverage", ("date", "state", "in_metrics", "in_table", "transactions", "proof"), rows)


def partial_weeks(weeks: Iterable[str], basis: Basis) -> list[str]:
    """Return the weeks that have a day outside the covered range. A week is given as its Sunday (YYYY-MM-DD)."""
    covered = {day.isoformat() for day in days(basis)}
    return [week for week in weeks if not covered.issuperset(_days_of_week(date.fromisoformat(week)))]


def _days_of_week(sunday: date) -> list[str]:
    return [(sunday - n * DAY).isoformat() for n in range(7)]


def stx(ustx: int) -> str:
    """Return microSTX as exact STX with six places."""
    return f"{Decimal(ustx).scaleb(-6):f}"


def _warnings(store: MetricStore, known: Mapping[str, Basis], names: Iterable[str]) -> Iterable[str]:
    if missing := [name for name in names if name not in known]:
        yield f"Tables that are not computed yet: {', '.join(missing)}. They appear with the next refresh."
    prints = {basis.fingerprint for basis in known.values()}
    if len(prints) > 1:
        yield "Some tables are newer than others and cover other days. Refresh all tables."
    elif prints and prints != {store.basis().fingerprint}:
        yield "Closed days have changed since these numbers were computed. The next refresh updates the numbers."

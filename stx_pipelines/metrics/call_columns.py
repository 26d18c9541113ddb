"""The columns of the tables about contracts and transfers. The other tables are in `columns`."""

from __future__ import annotations

from stx_pipelines.metrics.column_parts import ResultColumn, count, day, share, stx

_UNKNOWN = "NULL if the day file does not have it for every transfer of the day"

_CALLS = (
    ResultColumn("contract_id", "VARCHAR", "the called contract; NULL if the day file does not name it", nullable=True),
    count("calls", "contract calls that the table transactions shows"),
    count("wallets", "distinct senders of these calls"),
    count("fee_ustx", "microSTX: fees of these calls"),
    stx("fee_stx", "fee_ustx / 1,000,000"),
    count("landed", "canonical contract calls of any status"),
    count("failed", "canonical contract calls that did not succeed"),
    share("failed_share", "`failed` / `landed`"),
)

CALL_COLUMNS: dict[str, tuple[ResultColumn, ...]] = {
    "contracts_daily": (day("date", "the day, UTC"), *_CALLS),
    "contracts_30d": (
        day("first_date", "first day of the window, UTC: 29 days before last_date, or a later first covered day"),
        day("last_date", "last day of the window, UTC: the newest closed day"),
        *_CALLS,
    ),
    "transfers_daily": (
        day("date", "the day, UTC"),
        count("transfers", "transfers of STX that the table transactions shows"),
        ResultColumn("amount_ustx", "DECIMAL(38,0)", f"microSTX: sum of the amounts; {_UNKNOWN}", nullable=True),
        stx("amount_stx", "amount_ustx / 1,000,000", nullable=True),
        count("senders", "distinct senders of these transfers"),
        count("recipients", f"distinct recipients of these transfers; {_UNKNOWN}", nullable=True),
    ),
}
"""The columns of each of these tables, in their order."""

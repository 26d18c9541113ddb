"""The definitions on the page, by section. docs/metrics.md has all rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stx_pipelines.dashboard.intervals import RULE
from stx_pipelines.dashboard.text import WORTH
from stx_pipelines.metrics.options import FUNNEL_DAYS, OLD_DAYS

_DAY = ("Day", "The UTC day of the Bitcoin block that holds the transaction's Stacks block.")
_WALLET = ("Wallet", "An address that sent a transaction.")
_NEW = (
    "New wallet",
    "A wallet whose first transaction (nonce 0) is in the days used. Where nonces are not known, the wallets of the "
    "first days may be older, and are marked.",
)
_COHORT = ("Cohort", "All new wallets of one day, or of one week that ends on a Sunday.")
_VALUE = ("Value wallet", f"A new wallet that paid at least {WORTH} of fees in its first {FUNNEL_DAYS} days.")
_OVER = ("Window is over", "All days of the window are complete. No number is shown before.")

TERMS: Mapping[str, Sequence[tuple[str, str]]] = {
    "coverage": (
        ("Closed", "A day with as many transactions as the chain itself counts, whose blocks are all final."),
        ("Open", "A stored day that is not final yet. No number uses it."),
        ("Days used", "The closed days without a gap that end with the newest closed day."),
        ("Proved by counts", "The stored transactions of every burn block equal the counts in the chain's headers."),
        ("Raw blocks", "The bytes of Stacks blocks, whose hashes show a missing or changed transaction."),
        _DAY,
    ),
    "growth": (
        _WALLET,
        ("Active", "A wallet that sent a successful transaction in the days named."),
        _NEW,
        ("Age", f"The days since the wallet's first day. Older wallets are at least {OLD_DAYS} days old."),
        _DAY,
    ),
    "retention": (
        ("Came back", "The wallet sent another successful transaction on a later day, as the switch says."),
        _COHORT,
        _OVER,
        ("Small cohort", RULE),
        _NEW,
        _VALUE,
    ),
    "value": (
        ("Payback", "Fees per wallet in the window, divided by the target cost of a new wallet."),
        ("Breakeven CPA", "The most that a new wallet may cost to be repaid by its fees in the window."),
        ("Mean and median", "Over the wallets of the cohort, those without fees included."),
        (
            "Wallets observed",
            "Wallets that are certainly new, whose window is over, and whose cohort counts for the breakeven CPA.",
        ),
        ("First days", "The window of a wallet that begins with its first day."),
        ("Last days", "The window of all active wallets that ends with the newest closed day."),
        _VALUE,
        _COHORT,
        _OVER,
    ),
    "funnel": (_NEW, _COHORT, ("Stage", "Each stage counts wallets of the stage above it."), ("Small cohort", RULE)),
    "network": (
        ("Transaction", "A canonical and successful transaction, as the table transactions shows it."),
        ("Failed", "A canonical transaction that did not succeed. Its fee is not in the fees."),
        ("Fees", "Paid by the sender or its sponsor. 1 STX is 1,000,000 microSTX."),
        _DAY,
    ),
    "contracts": (
        ("Calls, wallets and fees", "Those of successful calls. Failed calls are counted beside them."),
        (
            "Distinct wallets",
            "A wallet that calls on several days counts once, so the wallets of single days do not add up to it.",
        ),
        (
            "Transfer",
            "A successful transaction of the type token transfer. STX that a contract moves in a call is no "
            "transfer here.",
        ),
        ("Senders and recipients", "Addresses that are distinct within the day. They do not add up over days."),
        _DAY,
    ),
    "fee-recipients": (
        ("Fee recipient", "The address in the block's header that gets the priority fees of the block."),
        (
            "Increase",
            "The recipient's balance after the block minus the recipient's balance before the block: the block's fees, "
            "withdrawals and unrelated transfers, less the payment of a builder to the proposer. Zero and negative "
            "increases are normal. The increase is not an income.",
        ),
        ("Exact amounts", "1 ETH is 10^18 Wei. Amounts are rounded here, and exact on hover and in the CSV file."),
    ),
}
"""Pairs of a word and its meaning."""

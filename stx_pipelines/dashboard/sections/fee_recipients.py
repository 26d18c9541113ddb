"""The section of Ethereum's fee recipients. The page has it only if there are day files of `miners_balance`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from stx_pipelines.chains.addresses import shown_address
from stx_pipelines.dashboard.charts import (
    BAR_BELOW,
    WORDED_STEP,
    WORDS_ABOVE,
    Spec,
    calculated,
    chart,
    defined,
    kept,
    layer,
    steps,
    tooltip,
)
from stx_pipelines.dashboard.facts import FEE_RECIPIENTS, Facts, Row
from stx_pipelines.dashboard.parts import Amount, Chart, Panel, Section
from stx_pipelines.dashboard.text import count, exactly, number
from stx_pipelines.store.fee_recipients import FeeRecipients

RECIPIENTS_DRAWN = 12

_INCREASE = (
    "The increase is the recipient's balance after the block minus the recipient's balance before the block. It "
    "consists of the block's fees, withdrawals and unrelated transfers, less the payment of a builder to the proposer. "
    "Zero and negative increases are normal. The increase is not an income."
)


_BLOCKS_AND_SHARE = "format(datum.blocks, ',') + ' (' + format(datum.block_share, '.1%') + ')'"


def fee_recipients(facts: Facts) -> Section | None:
    """Return the section with the blocks and balance increases per fee recipient, or None without day files."""
    known, rows = facts.fee_recipients, facts.rows(FEE_RECIPIENTS)
    if known is None:
        return None
    return Section(
        id="fee-recipients",
        title="Ethereum fee recipients",
        short="Fee recipients",
        lead="The recipients of the fees of Ethereum's blocks, and the changes of their balances in these blocks.",
        facts=list(_basis_facts(known)),
        charts=[_highest_fees(rows) if known.is_ranked_by_fees else _most_blocks(rows)],
        panels=[_amounts(rows, known)],
    )


def _basis_facts(known: FeeRecipients) -> Iterator[tuple[str, str]]:
    blocks = f"{count(known.blocks, 'block')}, {number(known.first_block)} to {number(known.last_block)}"
    times = f"{known.first_time:%Y-%m-%d %H:%M} to {known.last_time:%Y-%m-%d %H:%M} UTC"
    yield "Days used", f"{count(known.days, 'day')} of Ethereum, {times}: {blocks}"
    lost = ((known.missing_days, "day"), (known.missing_blocks, "block"))
    yield "Missing days and blocks", " and ".join(count(missing, noun) for missing, noun in lost if missing) or "none"

    yield "Ranking", _ranking(known)


def _ranking(known: FeeRecipients) -> str:
    """Return how the recipients are ranked, and why."""
    if known.is_ranked_by_fees:
        return "By the priority fees of the recipients' blocks, because the parts of all increases are stored."
    parts = f"{number(known.blocks_with_parts)} of {count(known.blocks, 'block')}"
    return f"By the number of blocks. The parts of the increases, such as priority fees, are stored for {parts}."


def _highest_fees(rows: Sequence[Row]) -> Chart:
    top = rows[0]
    drawn = min(len(rows), RECIPIENTS_DRAWN)
    return Chart(
        id="fee-recipients-fees",
        title="Fee recipients with the highest priority fees",
        meaning="Priority fees of all transactions in the recipient's blocks. A builder pays a part to the proposer.",
        table=FEE_RECIPIENTS,
        spec=_bars([row["fee_recipient"] for row in rows[:drawn]], by_fees=True),
        alt=f"Bars of the priority fees of {count(drawn, 'fee recipient')}. "
        f"{shown_address(top['fee_recipient'])} has the highest, {exactly(top['priority_fees_eth']).shown} ETH",
        is_wide=True,
    )


def _most_blocks(rows: Sequence[Row]) -> Chart:
    top = rows[0]
    drawn = min(len(rows), RECIPIENTS_DRAWN)
    return Chart(
        id="fee-recipients-blocks",
        title="Fee recipients with the most blocks",
        meaning="Number of blocks that name the recipient, and their share of all blocks of the stored days.",
        table=FEE_RECIPIENTS,
        spec=_bars([row["fee_recipient"] for row in rows[:drawn]]),
        alt=f"Bars of the blocks of {count(drawn, 'fee recipient')}. "
        f"{shown_address(top['fee_recipient'])} has the most blocks, "
        f"{number(top['blocks'])} of {number(top['all_blocks'])}",
        is_wide=True,
    )


def _bars(drawn: Sequence[str], *, by_fees: bool = False) -> Spec:
    """Return a chart with a bar per recipient: of its blocks, or of its fees. The number is above the bar."""
    y = steps("fee_recipient", drawn, inner=0.18, axis={"title": None, "labelExpr": _short("datum.value")})
    axis = (
        {"title": "ETH", "grid": False}
        if by_fees
        else {"title": "blocks", "grid": False, "tickCount": 6, "tickMinStep": 1}
    )
    x = {"field": "fees" if by_fees else "blocks", "type": "quantitative", "axis": axis}
    shown = "format(datum.fees, ',.4f') + ' ETH'" if by_fees else _BLOCKS_AND_SHARE
    tip = tooltip(
        ("fee_recipient", "fee recipient"), ("blocks", "blocks", ","), ("all_blocks", "of blocks", ","),
        ("positive_increases_eth", "sum of positive increases, ETH"), ("net_increase_eth", "net increase, ETH"),
        ("zero_or_negative_blocks", "blocks with zero or negative increase", ","),
    )  # fmt: skip
    words = {"x": {"datum": 0}, "y": y, "text": {"field": "words"}, "tooltip": tip}
    return chart(
        FEE_RECIPIENTS,
        transform=[
            defined(_INCREASE),
            kept(f"indexof({json.dumps(list(drawn))}, datum.fee_recipient) >= 0"),
            *([calculated("toNumber(datum.priority_fees_eth)", "fees")] if by_fees else []),
            calculated(shown, "words"),
        ],
        height=WORDED_STEP * len(drawn),
        layer=[
            layer("bar", {"x": x, "y": y, "tooltip": tip}, color="@bar", cornerRadiusEnd=3, **BAR_BELOW),
            layer("text", words, color="@ink", **WORDS_ABOVE),
        ],
    )


def _short(address: str) -> str:
    return f"slice({address}, 0, 8) + '…' + slice({address}, -4)"


def _amounts(rows: Sequence[Row], known: FeeRecipients) -> Panel:
    by_fees = known.is_ranked_by_fees
    first = "the highest priority fees" if by_fees else "the most blocks"
    which = (
        f"The {len(rows)} of {number(known.recipients)} with {first}"
        if len(rows) < known.recipients
        else "All fee recipients"
    )
    return Panel(
        "Blocks and balance increases",
        f"{which}. Full addresses and exact amounts are in the CSV file. The last column counts "
        "the blocks in which the balance did not rise.",
        (
            "fee recipient",
            "blocks (share)",
            *(("priority fees, ETH", "paid to proposers, ETH") if by_fees else ()),
            "positive increases, ETH",
            "net increase, ETH",
            "zero or negative, blocks",
        ),
        [_line(row, by_fees=by_fees) for row in rows],
        FEE_RECIPIENTS,
        is_folded=True,
    )


def _line(row: Row, *, by_fees: bool) -> tuple[str | Amount, ...]:
    address = shown_address(row["fee_recipient"])
    return (
        f"{address[:8]}…{address[-4:]}",
        f"{number(row['blocks'])} ({row['block_share']:.1%})",
        *((exactly(row["priority_fees_eth"]), exactly(row["proposer_payments_eth"])) if by_fees else ()),
        exactly(row["positive_increases_eth"]),
        exactly(row["net_increase_eth"]),
        f"{number(row['zero_or_negative_blocks'])} ({row['zero_or_negative_share']:.1%})",
    )

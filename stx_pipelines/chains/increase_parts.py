"""The parts of a fee recipient's balance increase in a block, and their proof. Amounts are in Wei.

The parts come from the block's transactions, receipts and withdrawals. The rest is the part of the increase that they
do not explain. This module does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.chains.errors import ProofError

if TYPE_CHECKING:
    from stx_pipelines.chains.ethereum import BalanceChange
    from stx_pipelines.chains.ethereum_bodies import Body, Receipt, Receipts, Transaction

_WEI_PER_GWEI = 10**9
_BLOB = 3  # the type of transactions that pay for blobs
_KEEP_OFF = "use another node, or set ETH_PARTS=0 for a chain that keeps its transactions in another form"


class IncreaseParts(NamedTuple):
    """The parts of the increase of a fee recipient's balance in a block, in Wei. `block_time` is in unix seconds.

    Own transactions are those that the fee recipient sent. The increase is `priority_fees_wei` + `transfers_in_wei` +
    `withdrawals_wei` - `own_value_wei` - `own_gas_wei` + `rest_wei`.
    """

    block_number: int
    block_time: int
    miner: str
    priority_fees_wei: int
    own_value_wei: int
    own_gas_wei: int
    transfers_in_wei: int
    withdrawals_wei: int
    burnt_wei: int
    proposer_payment_wei: int
    """The part of `own_value_wei` that the block's last transaction paid to another address."""
    proposer: str | None
    """The receiver of this payment; None if there is none."""
    rest_wei: int
    is_proved: bool


class _Paid(NamedTuple):
    """A transaction with what it paid: its receipt's gas, the price per unit and the fee for blobs, in Wei."""

    of: Transaction
    gas: int
    price: int
    blob_wei: int
    value: int
    """The value that was transferred; 0 if the transaction failed."""


def parts_of(change: BalanceChange, body: Body, receipts: Receipts) -> IncreaseParts:
    """Return the parts of the increase in a block. `body` and `receipts` are those of the block.

    Raises `ProofError` if the transactions or receipts do not have the roots of the hashed header, if they do not
    belong together, or if a receipt has another price than its transaction.
    """
    block, miner = body.header.block, change.miner
    _prove_same_transactions(body, receipts)
    is_proved = _is_proved(body, receipts)
    base = block.base_fee_per_gas or 0
    paid = list(_paid(body, receipts, base))
    own = [each for each in paid if each.of.sender == miner]
    # The price of blob gas is in no root.
    is_proved = is_proved and not any(each.of.kind == _BLOB for each in own)
    payment, proposer = _payment(paid, miner)
    parts = IncreaseParts(
        block_number=change.block_number,
        block_time=change.block_time,
        miner=miner,
        priority_fees_wei=sum(each.gas * (each.price - base) for each in paid),
        own_value_wei=sum(each.value for each in own),
        own_gas_wei=sum(each.gas * each.price + each.blob_wei for each in own),
        transfers_in_wei=sum(each.value for each in paid if each.of.to == miner),
        withdrawals_wei=(block.withdrawals_gwei or 0) * _WEI_PER_GWEI,
        burnt_wei=sum(each.gas for each in paid) * base,
        proposer_payment_wei=payment,
        proposer=proposer,
        rest_wei=0,
        is_proved=is_proved,
    )
    return parts._replace(rest_wei=change.balance_increase - explained(parts))


def explained(parts: IncreaseParts) -> int:
    """Return the increase that the parts explain without the rest."""
    income = parts.priority_fees_wei + parts.transfers_in_wei + parts.withdrawals_wei
    return income - parts.own_value_wei - parts.own_gas_wei


def prove_parts(rows: Sequence[IncreaseParts], changes: Sequence[BalanceChange]) -> None:
    """Raise `ProofError` unless there is one row for each change, and the parts and the rest are its increase."""
    if [(row.block_number, row.miner) for row in rows] != [(each.block_number, each.miner) for each in changes]:
        raise ProofError("the parts are not those of the blocks of miners_balance")
    for row, change in zip(rows, changes, strict=True):
        if explained(row) + row.rest_wei != change.balance_increase:
            raise ProofError(
                f"block {row.block_number}: the parts and the rest are not the increase of {change.balance_increase} "
                "Wei in miners_balance",
                {row.block_number},
            )


def _payment(paid: Sequence[_Paid], miner: str) -> tuple[int, str | None]:
    """Return the payment of a builder to the proposer and its receiver: by convention the block's last transaction."""
    last = paid[-1] if paid else None
    if last is None or last.of.sender != miner or last.of.to in {miner, None} or not last.value:
        return 0, None
    return last.value, last.of.to


def _prove_same_transactions(body: Body, receipts: Receipts) -> None:
    if [each.hash for each in body.transactions] != [each.hash for each in receipts.receipts]:
        number = body.header.block.number
        raise ProofError(f"block {number}: the receipts are not those of its transactions; {_KEEP_OFF}", {number})


def _is_proved(body: Body, receipts: Receipts) -> bool:
    """Return whether the header commits to these transactions, receipts and withdrawals."""
    block = body.header.block
    if not body.header.is_hashed or body.root is None or receipts.root is None:
        return False
    for what, told, root in (
        ("transactions", body.root, block.transactions_root),
        ("receipts", receipts.root, block.receipts_root),
    ):
        if told != root:
            number = block.number
            raise ProofError(f"block {number}: its {what} do not have the {what} root {root}; {_KEEP_OFF}", {number})
    knows_withdrawals = block.withdrawals_root is None or block.withdrawals_gwei is not None
    return (
        knows_withdrawals and _gas_adds_up(receipts) and all(each.succeeded is not None for each in receipts.receipts)
    )


def _gas_adds_up(receipts: Receipts) -> bool:
    """Return whether the gas of each transaction follows from the cumulative gas, which the root covers."""
    before = 0
    for each in receipts.receipts:
        before += each.gas_used
        if each.cumulative != before:
            return False
    return True


def _paid(body: Body, receipts: Receipts, base: int) -> Iterator[_Paid]:
    for of, receipt in zip(body.transactions, receipts.receipts, strict=True):
        price = _price(body, of, receipt, base)
        yield _Paid(of, receipt.gas_used, price, receipt.blob_wei, 0 if receipt.succeeded is False else of.value)


def _price(body: Body, of: Transaction, receipt: Receipt, base: int) -> int:
    """Return the Wei that a transaction paid per unit of gas.

    The price follows from the transaction and the base fee. The receipt's own price is in no root. It is compared, and
    used only for transactions of unknown types.
    """
    price = min(of.most, base + of.tip)
    if receipt.price is None or receipt.price == price:
        return price
    if body.root is None:
        return receipt.price
    number = body.header.block.number
    raise ProofError(
        f"block {number}: the receipt of {of.hash} has a price of {receipt.price} Wei per unit of gas, but {price} "
        f"follows from the transaction; {_KEEP_OFF}",
        {number},
    )

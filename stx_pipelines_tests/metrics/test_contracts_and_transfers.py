"""Contracts and transfers of the hand-made history, of days without payloads, and of very large amounts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.metrics.checks import CHECKS, judge
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines_tests.metrics.history import (
    CONTRACT,
    by,
    certificate,
    day,
    read,
    rows_of,
    store_day,
    store_history,
    store_in,
)

CALLS = "calls wallets fee_ustx fee_stx landed failed failed_share"
TRANSFERS = "transfers amount_ustx amount_stx senders recipients"
MOST_USTX = 2**64 - 1

Change = Callable[[Tx], Tx]


def store_old_day(store: MetricStore, number: int) -> None:
    """Store a day as a version before 0.2.0 did, without the columns that were added later."""
    rows = rows_of(number)
    first = [column.name for column in DATASETS[TRANSACTIONS].columns if not column.added]
    store.files.write(to_arrow(DATASETS[TRANSACTIONS], rows).select(first), certificate(day(number), rows))


def assert_checked(store: MetricStore) -> None:
    """Assert that no check of the two results finds a contradiction."""
    ours = [check for check in CHECKS if check.result in ("contracts_daily", "transfers_daily")]
    assert {check.name: judge(store, check).broken for check in ours} == {check.name: 0 for check in ours}


def changed(number: int, change: Change) -> list[Tx]:
    """Return the rows of a day, each changed."""
    return [change(row) for row in rows_of(number)]


def test_a_contract_counts_its_successful_calls_and_its_failures(store: MetricStore) -> None:
    """The only call of day 40 failed: it has no wallet and no fee, as in the network tables."""
    assert by(store, "contracts_daily", "date contract_id", CALLS) == {
        (40, CONTRACT): (0, 0, 0, Decimal(0), 1, 1, 1.0),
        (69, CONTRACT): (1, 1, 500_000, Decimal("0.5"), 1, 0, 0.0),
        (99, CONTRACT): (1, 1, 300_000, Decimal("0.3"), 1, 0, 0.0),
    }


def test_a_wallet_that_calls_twice_counts_once_per_contract(tmp_path: Path) -> None:
    """I has two transactions on day 70, H and J have one each. A deployment is no call."""
    store = store_in(tmp_path / "data")
    names = {"H": "SP1.a", "I": "SP1.a", "J": "SP1.b"}

    def call(row: Tx) -> Tx:
        return msgspec.structs.replace(row, tx_type="contract_call", contract_id=names[row.sender_address or ""])

    deployment = msgspec.structs.replace(rows_of(70)[0], tx_id="0x1", tx_type="smart_contract", contract_id="SP1.c")
    store_day(store, day(70), [*changed(70, call), deployment])
    store.refresh()
    assert by(store, "contracts_daily", "contract_id", "calls wallets fee_ustx") == {
        "SP1.a": (3, 2, 1_100_000),
        "SP1.b": (1, 1, 100_000),
    }
    assert_checked(store)


def test_a_day_adds_up_its_successful_transfers(store: MetricStore) -> None:
    """E, F, G and H transfer on day 40. Z is not canonical on day 40, and nobody sent the third transfer of day 41."""
    daily = by(store, "transfers_daily", "date", TRANSFERS)
    assert len(daily) == 100
    assert daily[40] == (4, Decimal(61_000_006), Decimal("61.000006"), 4, 2)
    assert daily[41] == (2, Decimal(6_000_001), Decimal("6.000001"), 2, 2)
    assert daily[70] == (4, Decimal(12_000_006), Decimal("12.000006"), 3, 2)
    assert daily[43] == daily[69 - 1] == (0, Decimal(0), Decimal(0), 0, 0)


def test_the_sums_of_a_day_are_those_of_the_network_tables(store: MetricStore) -> None:
    """Each day and type of `network_types` that is a call or a transfer is compared."""
    types = by(store, "network_types", "tx_type date", "transactions landed failed fee_ustx")
    sums: dict[int, tuple[int, ...]] = {}
    for (date, _), counts in by(store, "contracts_daily", "date contract_id", "calls landed failed fee_ustx").items():
        sums[date] = tuple(map(sum, zip(sums.get(date, (0,) * 4), counts, strict=True)))
    assert sums == {date: counts for (tx_type, date), counts in types.items() if tx_type == "contract_call"}
    transfers = by(store, "transfers_daily", "date", "transfers")
    shown = {date: counts[0] for (tx_type, date), counts in types.items() if tx_type == "token_transfer"}
    assert transfers == dict.fromkeys(range(100), 0) | shown


def test_days_without_the_columns_are_not_zero(tmp_path: Path) -> None:
    """Their calls have no contract, and their transfers have no amount and no recipients."""
    store = store_history(store_in(tmp_path / "data"), (n for n in range(100) if n not in (40, 41, 43, 69)))
    for number in (40, 41, 43, 69):
        store_old_day(store, number)
    store.refresh()
    assert by(store, "contracts_daily", "date contract_id", "calls wallets landed failed") == {
        (40, None): (0, 0, 1, 1),
        (69, None): (1, 1, 1, 0),
        (99, CONTRACT): (1, 1, 1, 0),
    }
    daily = by(store, "transfers_daily", "date", TRANSFERS)
    assert daily[40] == (4, None, None, 4, None)
    assert daily[41] == (2, None, None, 2, None)
    assert daily[43] == (0, Decimal(0), Decimal(0), 0, 0)
    assert daily[70] == (4, Decimal(12_000_006), Decimal("12.000006"), 3, 2)
    assert_checked(store)


def test_a_history_of_old_days_only_has_no_amount_and_no_contract(tmp_path: Path) -> None:
    store = store_in(tmp_path / "data")
    for number in (69, 70):
        store_old_day(store, number)
    store.refresh()
    assert by(store, "contracts_daily", "date contract_id", "calls") == {(69, None): 1}
    assert by(store, "transfers_daily", "date", TRANSFERS) == {
        69: (1, None, None, 1, None),
        70: (4, None, None, 3, None),
    }
    assert_checked(store)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount_ustx": None}, (4, None, None, 3, 2)),
        ({"recipient_address": None}, (4, Decimal(12_000_006), Decimal("12.000006"), 3, None)),
    ],
    ids=["amount", "recipient"],
)
def test_one_transfer_without_a_value_makes_the_number_of_its_day_null(
    tmp_path: Path, change: dict[str, None], expected: tuple[object, ...]
) -> None:
    """A server may leave a payload out. A sum over the other transfers would be too low."""
    store = store_in(tmp_path / "data")
    first, *others = rows_of(70)
    store_day(store, day(70), [msgspec.structs.replace(first, **change), *others])
    store.refresh()
    assert by(store, "transfers_daily", "date", TRANSFERS) == {70: expected}
    assert_checked(store)


def test_amounts_of_64_bits_are_summed_exactly(tmp_path: Path) -> None:
    """The sum neither wraps nor becomes a float, in the file and in the table."""
    store = store_in(tmp_path / "data")
    store_day(store, day(70), changed(70, lambda row: msgspec.structs.replace(row, amount_ustx=MOST_USTX)))
    store.refresh()
    [row] = read(store, "transfers_daily")
    assert row["amount_ustx"] == 4 * MOST_USTX
    assert row["amount_stx"] == Decimal(4 * MOST_USTX).scaleb(-6)
    assert str(pq.read_schema(store.path("transfers_daily")).field("amount_ustx").type) == "decimal128(38, 0)"
    with store.warehouse.connected() as connection:
        assert connection.execute("SELECT amount_ustx FROM warehouse.transfers_daily").fetchall() == [(4 * MOST_USTX,)]
    assert_checked(store)

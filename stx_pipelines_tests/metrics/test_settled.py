"""Results that use settled rows equal those computed from all days, whatever happens to the days and options."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from stx_pipelines.chains.certificate import State
from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.prices import Candle
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.metrics import settled_files, steps
from stx_pipelines.metrics import store as metrics
from stx_pipelines.metrics.options import Basis, MetricOptions
from stx_pipelines.metrics.results import RESULTS, tables_of
from stx_pipelines.metrics.settled import SETTLED_ROWS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.metrics.history import CONTRACT, day, read, store_day, store_in, store_prices, table_rows

OPTIONS = MetricOptions(windows=(1, 3, 8), trailing_windows=(2, 30), breakeven_days=20, left_censor_days=5)
"""The windows are short, so that 45 days are enough to settle some."""

OTHERS = (
    replace(OPTIONS, windows=(2, 5)),
    replace(OPTIONS, excluded_types=frozenset({"coinbase"})),
    replace(OPTIONS, data_start=day(3)),
)
FIRST, LAST = 5, 55
"""The days stored at first. The days before and after them come later."""

SETTLED, SUMMED = day(7), day(LAST - 7)
"""The first days that are not settled and not summed then."""

Event = tuple[str, int, int]
"""What happens, to which day, and a number: of days, of new rows, or of options."""

events = st.lists(
    st.tuples(st.just("grow"), st.just(0), st.integers(1, 40))
    | st.tuples(st.sampled_from(["replace", "remove", "open"]), st.integers(FIRST, LAST + 3), st.integers(1, 99))
    | st.tuples(st.sampled_from(["older", "options"]), st.just(0), st.integers(0, 2)),
    min_size=1,
    max_size=4,
)


def rows(number: int, seed: int = 0) -> list[Tx]:
    """Return made-up rows of a day: known and new wallets, sponsors, failures, and numbers that are not known."""
    chance, (start, _) = Random(f"{seed}-{number}"), window(day(number))
    made = []
    for index in range(chance.randrange(2, 14)):
        wallet = number * 3 + index % 3 if chance.random() < 0.4 else chance.randrange(number * 3 + 1)
        kind = chance.choice(["token_transfer", "contract_call", "coinbase"])
        made.append(
            Tx(
                tx_id=f"0x{seed:04}{number:04}{index:056}",
                block_time=start + chance.choice([60, 80_000, 86_500]) + index,
                block_height=number * 100 + index,
                sender_address=f"W{wallet:03}",
                fee_ustx=chance.choice([0, 700, 1_100_000]),
                tx_type=kind,
                canonical=chance.random() < 0.97,
                tx_status="success" if chance.random() < 0.9 else "abort_by_response",
                burn_block_time=start + 600 * index,
                burn_block_height=900_000 + number * 144 + index,
                microblock_sequence=0,
                tx_index=index % 2,
                index_block_hash=None,
                nonce=None if chance.random() < 0.01 else 0 if wallet >= number * 3 and chance.random() < 0.8 else 7,
                sponsor_address=f"W{chance.randrange(200):03}" if chance.random() < 0.2 else None,
                sponsor_nonce=None if chance.random() < 0.02 else 9,
                contract_id=f"{CONTRACT}{chance.randrange(3)}" if kind == "contract_call" else None,
                recipient_address=f"W{chance.randrange(9)}" if kind == "token_transfer" else None,
                amount_ustx=chance.randrange(10**12) if kind == "token_transfer" else None,
                block_hash=None,
            )
        )
    return made


def store_made_up(store: MetricStore, number: int, seed: int = 0, state: State = "closed") -> None:
    """Store made-up rows of a day, and prices of most of its hours."""
    store_day(store, day(number), rows(number, seed), state)
    chance, (start, _) = Random(f"prices-{seed}-{number}"), window(day(number))
    hours = [start + 3600 * hour for hour in range(24) if chance.random() < 0.8]
    prices = [(pair, hour, Decimal(chance.randrange(1, 9))) for hour in hours for pair in ("STX-USD", "BTC-USD")]
    store_prices(store, day(number), [Candle(*known, *(Decimal(1),) * 4, "by hand") for known in prices])


def stored(folder: Path) -> MetricStore:
    """Store the first days, compute the results from them, and return the store."""
    store = store_in(folder, OPTIONS)
    store.prices = DayFiles(store.folder.days(PRICES))
    for number in range(FIRST, LAST + 1):
        store_made_up(store, number)
    store.refresh()
    return store


def happen(store: MetricStore, event: Event) -> None:
    """Change the stored days or the options."""
    what, number, other = event
    if what == "grow":
        last = (max(store.files.days()) - day(0)).days
        for later in range(last + 1, last + 1 + other):
            store_made_up(store, later)
    elif what == "replace":
        store_made_up(store, number, other)
    elif what == "open":
        store_made_up(store, number, state="open")
    elif what == "remove":
        store.files.path(day(number)).unlink(missing_ok=True)
    elif what == "older":
        for earlier in range(FIRST - 1 - other, FIRST):
            store_made_up(store, earlier)
    else:
        store.options = OTHERS[other]


def assert_whole(store: MetricStore, place: Path) -> None:
    """Assert that every file and table equals those computed from all days in the new folder `place`."""
    whole = replace(store, folder=DataFolder(place), warehouse=Warehouse(DataFolder(place)))
    whole.refresh()
    for table in tables_of(RESULTS):
        assert read(store, table) == read(whole, table), table
        assert table_rows(store, table) == table_rows(whole, table), table


@pytest.fixture
def read_from(store: MetricStore, monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """Return a list that gets the first day whose rows each computation reads, after the first computation."""
    computed: list[date] = []
    define = metrics.define

    def noted(connection: Any, basis: Basis, paths: Sequence[Path], *rest: Any, **more: Any) -> None:
        first = more["reuse"].rows_from(basis.coverage_start)
        assert min(path.stem for path in paths) <= first.isoformat()
        computed.append(first)
        define(connection, basis, paths, *rest, **more)

    monkeypatch.setattr(metrics, "define", noted)
    return computed


@pytest.fixture
def store(tmp_path: Path) -> MetricStore:
    """Return the results of the first days, of which some are settled."""
    return stored(tmp_path / "data")


def test_results_equal_those_computed_from_all_days(pytestconfig: pytest.Config) -> None:
    """After each change of days or options."""
    whole = pytestconfig.getoption("--faults-whole")

    @settings(max_examples=200, phases=[Phase.explicit, Phase.reuse, Phase.generate] if whole else [Phase.explicit])
    @given(events)
    @example([("grow", 0, 1), ("replace", LAST + 1, 7), ("grow", 0, 30), ("older", 0, 2), ("options", 0, 1)])
    def holds(plan: list[Event]) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            store = stored(folder / "data")
            for number, event in enumerate(plan):
                happen(store, event)
                store.refresh()
                assert_whole(store, folder / f"whole-{number}")

    holds()


def test_days_are_read_again_only_if_they_must_be(store: MetricStore, read_from: list[date]) -> None:
    """If a file is missing, if another process uses the files, for a table without settled rows, and from scratch."""
    store_day(store, day(LAST + 1), rows(LAST + 1))

    def first() -> date:
        store.refresh(["contracts_daily"])
        return read_from[-1]

    assert first() == SUMMED
    with locked(store.folder.lock("settled"), "the files", wait=0):
        assert first() == day(FIRST)
        with pytest.raises(Busy, match="settled metrics is in use"):
            store.forget_settled()
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(SETTLED_ROWS, "contracts_30d")
        assert first() == day(FIRST)
    assert first() == SUMMED
    store.folder.settled("summed_wallet_days").unlink()
    assert first() == SETTLED
    store.folder.settled("wallet_value").unlink()
    assert first() == day(FIRST)
    store.refresh()
    assert first() == SUMMED + DAY
    store.forget_settled()
    assert first() == day(FIRST)


def test_days_are_summed_each_week_and_settled_each_four_weeks(
    store: MetricStore, read_from: list[date], tmp_path: Path
) -> None:
    """The results stay those computed from all days, and the tables of the database too."""
    read_days = set()
    for last in range(LAST + 8, LAST + 40, 8):
        for number in range(last - 7, last + 1):
            store_made_up(store, number)
        store.refresh()
        if read_from[-1] != SETTLED:
            read_days.add((day(last) - read_from[-1]).days + 1)
    assert read_from.count(SETTLED) == 1
    assert max(read_days) < 8 + 15
    assert_whole(store, tmp_path / "whole")


@pytest.mark.parametrize(("number", "first"), [(LAST - 6, "summed"), (LAST - 9, "all")])
def test_a_day_that_is_replaced_soon_costs_little(
    store: MetricStore, read_from: list[date], tmp_path: Path, number: int, first: str
) -> None:
    """The newest seven days are read each time, so that a reorg of them makes no other day be read again."""
    store_made_up(store, number, seed=8)
    store.refresh()
    assert read_from == [{"summed": SUMMED, "all": day(FIRST)}[first]]
    assert_whole(store, tmp_path / "whole")


def test_settled_rows_do_not_depend_on_the_newest_days(tmp_path: Path) -> None:
    """The newest day makes it unknown whether older wallets are new, and is then replaced."""
    whole = stored(tmp_path / "whole")
    old = [row["address"] for row in read(whole, "first_seen_wallets") if row["is_new"] is False]
    store = store_in(tmp_path / "data", OPTIONS)
    store.prices = DayFiles(store.folder.days(PRICES))
    for number in range(FIRST, LAST):
        store_made_up(store, number)
    last = rows(LAST)
    odd = [
        msgspec.structs.replace(last[0], tx_id=f"0xf{n:063}", sender_address=who, nonce=None)
        for n, who in enumerate(old)
    ]
    store_day(store, day(LAST), [*last, *odd])
    store.refresh()
    store_made_up(store, LAST)
    store.refresh()
    assert_whole(store, tmp_path / "again")


def test_files_of_sums_from_two_computations_are_not_used_together(
    store: MetricStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are of the same days, but the wallets have other numbers, and the second file was not written."""
    for number in range(LAST + 1, LAST + 9):
        store_made_up(store, number)
    store.refresh()
    store.folder.settled("summed_accounts").unlink()
    write = settled_files.write_rows

    def killed(connection: Any, query: str, path: Path, metadata: Any, **options: Any) -> int:
        if path.stem == "summed_wallet_days":
            raise KeyboardInterrupt
        return write(connection, query, path, metadata, **options)

    with monkeypatch.context() as patch:
        patch.setattr(settled_files, "write_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            store.refresh()
    store_made_up(store, LAST + 9)
    store.refresh()
    assert_whole(store, tmp_path / "whole")


def test_results_of_another_process_are_not_settled(
    store: MetricStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces them, with other options, just before their rows are taken."""
    other = replace(store, options=OTHERS[1], warehouse=Warehouse(store.folder, wait=0.2))
    write = settled_files.SettledFiles.write

    def raced(self: settled_files.SettledFiles, *rest: Any) -> None:
        monkeypatch.undo()
        other.refresh()
        write(self, *rest)

    store.forget_settled()
    monkeypatch.setattr(settled_files.SettledFiles, "write", raced)
    store.refresh()
    store_made_up(store, LAST + 1)
    store.refresh()
    assert_whole(store, tmp_path / "whole")


def test_a_damaged_result_is_replaced(store: MetricStore, tmp_path: Path) -> None:
    """Its rows are not compared with those of the next computation."""
    path = store.path("first_seen_wallets")
    content = bytearray(path.read_bytes())
    content[8:400] = bytes(392)
    path.write_bytes(content)
    store_made_up(store, LAST + 1)
    store.refresh()
    assert_whole(store, tmp_path / "whole")


def test_a_long_history_is_settled_in_steps(
    tmp_path: Path, store: MetricStore, read_from: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No computation reads all days, and the results equal those of one that does."""
    for number in range(LAST + 1, LAST + 90):
        store_made_up(store, number, seed=7)  # they leave all older wallets as new as they were
    whole = replace(store, folder=DataFolder(tmp_path / "whole"), warehouse=Warehouse(DataFolder(tmp_path / "whole")))
    whole.refresh()
    store.forget_settled()
    monkeypatch.setattr(steps, "STEP_TRANSACTIONS", 330)
    read_from.clear()
    store.refresh()
    assert [first > day(FIRST) for first in read_from] == [False, True, True]
    assert not store.folder.steps.path.exists()
    for table in tables_of(RESULTS):
        assert read(store, table) == read(whole, table), table
    read_from.clear()
    store.refresh()
    assert read_from == [day(LAST + 89) - 7 * DAY]


def test_all_days_are_read_if_a_day_changes_whether_an_older_wallet_is_new(
    store: MetricStore, read_from: list[date], tmp_path: Path
) -> None:
    """After a number that is not known, it is not known whether the wallet is new, also in settled rows."""
    known = read(store, "first_seen_wallets")
    old = next(row["address"] for row in known if row["is_new"] is False and row["cohort_date"] < SETTLED)
    later = [msgspec.structs.replace(row, sender_address=old, nonce=None) for row in rows(LAST + 1)]
    store_day(store, day(LAST + 1), later)
    store.refresh()
    assert read_from == [SUMMED, day(FIRST)]
    assert_whole(store, tmp_path / "whole")

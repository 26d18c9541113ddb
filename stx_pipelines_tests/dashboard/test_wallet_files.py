"""The files of the wallet search have the numbers of the result file, and belong to the page that names them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.dashboard.explore import wallets
from stx_pipelines.dashboard.explore.wallets import MOST_BYTES, shards
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.files import StoreError
from stx_pipelines_tests.dashboard.pages import build, embedded
from stx_pipelines_tests.metrics.history import read

C32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
EPOCH_DAY = 719_163
"""The ordinal of 1970-01-01."""
LETTERS = {(True, False): "n", (False, True): "o", (None, True): "m", (None, False): "l"}


def folder_of(store: MetricStore, html: str) -> Path:
    """Return the folder that the page names."""
    return store.folder.page.parent / str(embedded(html)["wallets"])


def lines_in(path: Path) -> list[str]:
    """Return the lines of a file of the search."""
    head, *lines, tail = path.read_text().splitlines()
    assert (head, tail) == (f'stxWallets("{path.stem.removeprefix("index")}",`', "`);")
    return lines


def line(row: dict[str, Any]) -> str:
    """Return the line of a row of `first_seen_wallets`."""
    day, later = row["cohort_date"].toordinal() - EPOCH_DAY, (row["last_date"] - row["cohort_date"]).days
    first = round((row["first_seen"] - row["first_seen"].min.replace(year=1970)).total_seconds())
    counts = f"{row['active_days']} {row['tx_count']} {row['fee_ustx']}"
    return f"{row['address']} {first} {day} {later} {counts} {LETTERS[row['is_new'], row['is_left_censored']]}"


def test_the_files_are_the_result_file(made: MetricStore, html: str) -> None:
    """Each wallet is once in them, with exact numbers, and the list has the name and number of wallets of each file."""
    folder = folder_of(made, html)
    known = [line(row) for row in read(made, "first_seen_wallets")]
    listed = dict(each.split() for each in lines_in(folder / "index.js"))
    found = {path.stem: lines_in(path) for path in folder.iterdir() if path.name != "index.js"}
    assert {name: str(len(lines)) for name, lines in found.items()} == listed
    assert sorted(each for lines in found.values() for each in lines) == sorted(known)
    assert len(known) > 50


def test_files_are_as_few_as_their_size_allows() -> None:
    """Every group is small enough, has all wallets with its beginning, and could not have a shorter beginning."""
    chance = random.Random(7)
    addresses = {f"S{chance.choice('PM')}{''.join(chance.choices(C32[:4], k=5))}" for _ in range(900)}
    lines = [f"{address} 1 2" for address in sorted({*addresses, "SP", "SP0", "SP00"})]
    assert list(shards(lines)) == [("S", lines)]
    assert list(shards([])) == []
    for most in (40, 200, 3_000):
        groups = dict(shards(iter(lines), most))
        assert [each for group in groups.values() for each in group] == lines
        for beginning, group in groups.items():
            assert sum(len(each) + 1 for each in group) <= most
            whole = [each for each in lines if each.startswith(beginning)]
            assert group in (whole, [f"{beginning} 1 2"])
            shorter = sum(len(each) + 1 for each in lines if each.startswith(beginning[:-1]))
            assert shorter > most
    assert MOST_BYTES == 1_000_000


def test_a_failed_write_keeps_the_old_page_with_its_files(own: MetricStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page removes the files of the old one, and what a killed process left."""
    old = own.folder.page.read_text()
    files = sorted(folder_of(own, old).iterdir())
    own.path("first_seen_wallets").write_bytes(own.path("first_seen_wallets").read_bytes())
    left = own.folder.wallets / ".0123.99.tmp"
    left.mkdir()

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(wallets, "_write", full)
        patched.setattr("stx_pipelines.metrics.wallet_lines.WalletLines.digest", lambda _: "newer")
        with pytest.raises(StoreError, match="the old page and its wallets are kept"):
            build(own)
        assert own.folder.page.read_text() == old
        assert sorted(folder_of(own, old).iterdir()) == files
        assert not (own.folder.wallets / "newer").exists()
    with monkeypatch.context() as patched:
        patched.setattr("stx_pipelines.metrics.wallet_lines.WalletLines.digest", lambda _: "newer")
        assert folder_of(own, build(own)) == own.folder.wallets / "newer"
    assert [path.name for path in own.folder.wallets.iterdir()] == ["newer"]


def test_results_of_an_older_version_have_no_search(own: MetricStore) -> None:
    """Their file lacks columns. The page is made without the search, and names no folder."""
    import pyarrow.parquet as pq

    path = own.path("first_seen_wallets")
    pq.write_table(pq.read_table(path).drop_columns(["fee_ustx", "fee_stx"]), path)
    said = build(own)
    assert embedded(said)["wallets"] is None
    assert 'id="wallet-search"' not in said
    assert not list(own.folder.wallets.iterdir())

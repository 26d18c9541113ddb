"""The Python example of the README runs, and prints the columns that the README shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines_tests.metrics.history import store_chain, store_in
from stx_pipelines_tests.repository.readme_example import README, examples, run
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.world import FIRST_DAY, make_chain


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here over another history, so that the numbers differ."""
    store = store_in(tmp_path / "data" / "demo", MetricOptions(), FIRST_DAY)
    store_chain(store, make_chain(2), [FIRST_DAY])
    store.refresh()
    with ethereum.world(ethereum.make_chain(), store.folder.path) as world:
        ethereum.stored(world.blocks_sync().sync(world.days))
        ethereum.stored(world.balances_sync().sync(world.days))
    monkeypatch.chdir(tmp_path)
    shown = examples(README.read_text())
    heads = [each.want.splitlines()[0].split() if each.want else [] for each in shown]
    printed = list(run(shown))
    assert [each.splitlines()[0].split() if each else [] for each in printed] == heads
    assert len([head for head in heads if head]) == 3
    assert printed[heads.index(["True"])].strip() == "True"

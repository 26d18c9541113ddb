"""The results of the hand-made history, computed once. Tests only read them."""

from __future__ import annotations

import pytest

from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import store_history, store_in


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """The results of all 100 days. The chain may be older."""
    store = store_history(store_in(tmp_path_factory.mktemp("metrics")))
    store.refresh()
    return store

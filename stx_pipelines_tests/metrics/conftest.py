"""The hand-made history, computed once. Tests only read it."""

from __future__ import annotations

import pytest

from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import land_history, store_in


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """All 100 days; the chain may be older than they are."""
    store = land_history(store_in(tmp_path_factory.mktemp("metrics")))
    store.refresh()
    return store

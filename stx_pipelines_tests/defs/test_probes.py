"""The probes of the sensors end in time even if the server never finishes its response."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stx_pipelines import project
from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines.defs.watched import Watched, watch
from stx_pipelines.project import Project
from stx_pipelines.settings import load_settings
from stx_pipelines_tests.clients.raw import Talk, talking
from stx_pipelines_tests.clients.test_bounds import SLOW, outcome

slow = pytest.mark.parametrize("talk", [SLOW["a drip of headers"], SLOW["a drip of a body"]], ids=["headers", "body"])


@slow
@pytest.mark.parametrize(("chain", "setting"), [(STACKS, "HIRO_API_URL"), (ETHEREUM, "ETH_RPC_URL")])
def test_a_probe_is_left_at_its_own_deadline(
    talk: Callable[[], Talk], chain: Chain, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_PROBE_SECONDS", 0.3)
    with talking(talk) as raw:
        monkeypatch.setenv(setting, raw.url)
        watched = watch(Project.load, chain)
        assert isinstance(watched, Watched)
        with outcome(watched.probe) as found:
            pass
        assert len(raw.requests) == 1
    assert isinstance(found[0], Unreachable), found
    assert "the response was not whole after 0.3 s" in str(found[0])


def test_a_probe_has_less_time_than_a_run() -> None:
    run = load_settings().hiro_timeout_seconds * 10
    assert 5.0 < project._PROBE_SECONDS == 15.0 < run

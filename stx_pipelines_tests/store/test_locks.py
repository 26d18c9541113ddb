"""A look at a lock neither takes nor makes it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from stx_pipelines.store.locks import holder, locked


def test_who_only_looks_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "run" / "sync.lock"
    assert holder(path) is None
    assert not path.parent.exists()
    with locked(path, "sync", wait=0):
        assert holder(path) == f"process {os.getpid()}"
    with path.open() as other_look:
        fcntl.flock(other_look, fcntl.LOCK_SH)
        assert holder(path) is None

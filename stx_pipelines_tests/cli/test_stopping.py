"""A command that loses the exception of a signal handler ends nevertheless."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import child_environment

_LOSES_INTERRUPTS = """
import os, signal, time
from stx_pipelines.cli.stopping import ended_by_signals

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
with ended_by_signals(lambda: os._exit(7), grace_seconds=0.1):
    print("ready", flush=True)
    while True:
        time.sleep(600)
"""
_ENDS_IN_TIME = """
import os, signal, sys
from stx_pipelines.cli.stopping import ended_by_signals

signal.signal(signal.SIGINT, lambda *_: None)
with ended_by_signals(lambda: os._exit(7)):
    os.kill(os.getpid(), signal.SIGINT)
assert signal.set_wakeup_fd(-1) == -1
sys.exit(3)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_goes_on_after_a_signal_is_ended(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LOSES_INTERRUPTS], env=child_environment({}), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(LONGEST) == 7


def test_a_command_that_ends_in_time_keeps_its_exit_code() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ENDS_IN_TIME], env=child_environment({}), timeout=LONGEST, check=False
    )
    assert ended.returncode == 3

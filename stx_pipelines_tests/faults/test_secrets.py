"""No file and no output contains the API key, the webhook or the password, after success and every failure."""

from __future__ import annotations

import base64
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from stx_pipelines.cli.main import main
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.devnet.stacks import faults
from stx_pipelines.devnet.stacks.answers import Answer
from stx_pipelines_tests.faults.processes import DAGSTERS, OURS, dagster_home, range_of_days
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World, child_environment, recent_chain, today

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]
KEY, HOOK, PASSWORD = "hiro-key-ZQ7X4M", "webhook-token-ZQ7X4M", "smtp-password-ZQ7X4M"
MARK = "ZQ7X4M"
DAYS = 2
IN_SHORT = {"no server", "refused key", "failed proof", "a wrong setting"}
DEFINITIONS = "stx_pipelines.definitions"
FORCED = '{"ops": {"transactions": {"config": {"force_refresh": true}}}}'

TICK = """
import dagster as dg
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from stx_pipelines.definitions import defs
with dg.DagsterInstance.get() as instance:
    for name in ("run_failures", "stacks_alerts", "stacks_coverage", "wallets_follow"):
        sensor = defs.get_sensor_def(name)
        cursor = RunStatusSensorCursor(-1).to_json() if name == "run_failures" else None
        context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
        print(sensor.evaluate_tick(context))
"""
SENSORS = ["-c", TICK]


def say(arguments: Sequence[str], environment: Mapping[str, str], capfd: pytest.CaptureFixture[str] | None) -> str:
    """Run a command and return its whole output; with `capfd` it runs in this process, which is faster."""
    if capfd is None:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=child_environment(environment),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        if arguments == SENSORS:
            exec(TICK)
            said = ""
        else:
            said = CliRunner().invoke(main, arguments[len(OURS) :]).output
    return said + "".join(capfd.readouterr())


def failures(world: World) -> Iterator[tuple[str, dict[str, str], Callable[[], None]]]:
    """Yield each failure: its name, its environment, and a function that sets the knobs."""
    knobs = world.knobs

    def turn(**wanted: object) -> Callable[[], None]:
        return lambda: vars(knobs).update(wanted)

    yield "no server", {"HIRO_API_URL": "http://127.0.0.1:9", "HIRO_ATTEMPTS": "1"}, turn()
    yield "refused key", {}, turn(fault_rate=1.0, fault_kinds=("not_json",))
    yield "broken server", {"HIRO_ATTEMPTS": "2"}, turn(fault_rate=1.0, fault_kinds=("503", "drop", "truncated"))
    yield "rate limit", {}, turn(fault_rate=1.0, fault_kinds=("429",), retry_after_seconds=9_999)
    hidden = {world.chain.transactions(world.days[0])[5].tx_id}
    yield "failed proof", {}, turn(fault_rate=0.0, hidden_transactions=hidden)
    yield "another chain", {"STX_DATA_DIR": str(world.data.with_name("other"))}, turn(hidden_transactions=set())
    yield "a wrong setting", {"HIRO_ATTEMPTS": "often", "HIRO_API_KEY": f"{KEY} \x7f"}, turn()


@contextmanager
def echoing_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Respond with 401 and the key in the body, as some proxies do, instead of the fault `not_json`."""
    honest = faults.instead

    def instead(kind: str, retry_after: int) -> Answer | None:
        return Answer(401, f"key {KEY} is unknown".encode()) if kind == "not_json" else honest(kind, retry_after)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("stx_pipelines.devnet.stacks.api.instead", instead)
        yield


def test_no_secret_is_written_or_printed(
    make_world: MakeWorld,
    ends_undisturbed: EndsUndisturbed,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    whole: bool,
    data: Path,
) -> None:
    """Output, logs, Dagster's storage, data folder and dashboard are searched. Short form: without processes."""
    here = None if whole else capfd
    world = make_world(recent_chain(DAYS), stx_target_days=DAYS)
    (data.parent / "other").mkdir()
    (data.parent / "other/chain-stacks.json").write_text(
        '{"height":1,"index_block_hash":"0x%s","first_day":"2026-01-01"}' % ("0" * 64)
    )
    environment = world.environment | dagster_home(data.with_name("home")) | {
        "HIRO_API_KEY": KEY,
        "STX_ALERT_WEBHOOK": f"http://127.0.0.1:9/{HOOK}",
        "STX_ALERT_EMAIL_TO": "somebody@example.invalid",
        "STX_SMTP_HOST": "127.0.0.1",
        "STX_SMTP_PORT": "9",
        "STX_SMTP_USER": "somebody",
        "STX_SMTP_PASSWORD": PASSWORD,
    }  # fmt: skip
    backfill = range_of_days(STACKS, world.days[0], today())
    said = {}
    with echoing_server(monkeypatch):
        for name, wrong, turn in failures(world):
            turn()
            if not whole and name not in IN_SHORT:
                continue
            said[name] = say([*OURS, "sync", "--retry"], environment | wrong, here)
            if whole:
                said[f"{name}, backfill"] = say(backfill, environment | wrong, here)
    assert "401" in said["refused key"], said["refused key"]
    said["the sensors"] = say(SENSORS, environment, here)
    assert "webhook failed" in said["the sensors"] or "mail through" in said["the sensors"], said["the sensors"]
    said["success"] = say([*OURS, "sync", "--retry"], environment, here)
    for command in ("status", "health", "verify", "rebuild"):
        said[command] = say([*OURS, command], environment, here)
    if whole:
        said["backfill"] = say([*backfill, "--config-json", FORCED], environment, here)
        said["definitions"] = say([*DAGSTERS, "definitions", "validate", "-m", DEFINITIONS], environment, here)
    assert [name for name, text in said.items() if leaks(text.encode())] == []
    assert [str(path) for path in data.parent.rglob("*") if path.is_file() and leaks(path.read_bytes())] == []
    assert list(world.data.glob("public/index.html"))
    assert list(data.with_name("home").rglob("*.db"))
    ends_undisturbed(world)


def leaks(content: bytes) -> bool:
    """Say whether the content has the mark: plain, quoted, hexadecimal, in base64 at any offset, or deflated."""
    plain = MARK.encode()
    forms = {plain, quote(MARK).encode(), plain.hex().encode()}
    for secret in (KEY, HOOK, PASSWORD):
        for offset in range(3):
            coded = base64.b64encode(b"\0" * offset + secret.encode())
            forms.add(coded[4 if offset else 0 : -4])
    return any(form in content for form in forms) or plain in _inflated(content)


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompress(content, wbits=47)
    except zlib.error:
        return b""

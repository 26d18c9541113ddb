"""Every setting and option with absurd values: one sentence, the documented exit code, no file written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from stx_pipelines.chains.days import DAY
from stx_pipelines.cli.main import main
from stx_pipelines.devnet import server
from stx_pipelines.settings import Settings, SettingsError, load_settings
from stx_pipelines_tests.world import World, recent_chain, today

DONE, ERROR, USAGE, MISCONFIGURED = 0, 1, 2, 4
ABSURD = [
    "", " ", "-1", "0", "1.5", "nan", "inf", "-inf", "1e999", "0x10", "9" * 400, "yes", "null", "[1, 2", "{}", "🦊",
    "two words", "a\nb", "\x1b[31m", "../../..", "/dev/null", "/proc/1/mem", "C:\\x", "'; DROP TABLE transactions",
    "2026-02-30", "0001-01-01", "9999-12-31", "yesterday", "http://", "http://[::1", "http://x:99999999", "file:///etc",
    "a" * 5_000,
]  # fmt: skip
COMMANDS = ("sync", "status", "health", "verify", "rebuild")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an address without a server, one attempt and no budget."""
    monkeypatch.setenv("HIRO_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HIRO_ATTEMPTS", "1")
    monkeypatch.setenv("HIRO_REQUESTS_PER_MINUTE", "0")


def refusal() -> str | None:
    """Return the settings' error about the environment, if there is one."""
    try:
        load_settings()
    except SettingsError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_an_absurd_setting_is_one_sentence_and_nothing_is_written(
    name: str, nowhere: None, monkeypatch: pytest.MonkeyPatch, dice: Random, whole: bool
) -> None:
    """Short form: one command and a few values. Whole form: all of both. Values that are accepted are skipped."""
    for value in ABSURD if whole else dice.sample(ABSURD, 8):
        monkeypatch.setenv(name, value)
        if not (error := refusal()):
            continue
        assert name in error
        for command in COMMANDS if whole else [dice.choice(COMMANDS)]:
            done = invoke(command)
            wanted = MISCONFIGURED if command == "health" else ERROR
            assert done.exit_code == wanted, (command, value, done.output)
            assert_one_sentence(done, (command, value))
        assert list(Path.cwd().rglob("*")) == [], value


def test_an_absurd_file_of_settings_is_one_sentence_and_nothing_is_written(nowhere: None, dice: Random) -> None:
    for content in (b"STX_TARGET_DAYS=\x00", b"\xff\xfe\x00", b"STX_TARGET_DAYS='1\n", b"=\n==", dice.randbytes(300)):
        Path(".env").write_bytes(content)
        for command in COMMANDS:
            done = invoke(command)
            assert isinstance(done.exception, SystemExit | None), (command, content, done.exc_info)
            assert "Traceback" not in done.output


def options() -> Iterator[tuple[str, click.Option]]:
    """Yield every option that takes a value, with its command's name."""
    for name, command in main.commands.items():
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag:
                yield name, option


@pytest.mark.parametrize(("command", "option"), list(options()), ids=lambda each: getattr(each, "name", each))
def test_an_absurd_option_is_a_sentence_and_nothing_is_written(
    command: str, option: click.Option, nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong usage has click's exit code 2, an error found later has 1. The devnet's server is replaced."""
    monkeypatch.setattr(server, "run", _never_serves)
    for value in ABSURD:
        done = invoke(command, option.opts[0], value, *_companions(command, option, value))
        assert isinstance(done.exception, SystemExit | None), (value, done.exc_info)
        assert "Traceback" not in done.output
        if done.exit_code != DONE:
            assert done.exit_code in {ERROR, USAGE, MISCONFIGURED if command == "health" else ERROR}, value
            assert done.stderr or done.stdout, value
        assert not list(Path.cwd().rglob("*.parquet")), value


def _companions(command: str, option: click.Option, value: str) -> list[str]:
    """Return the options that must accompany this one: `--to` for `--from`, a small size for a devnet."""
    small = {"--first-day": str(today() - DAY), "--ethereum-days": "0", "--transactions-per-day": "1"}
    if command == "devnet":
        return [word for pair in small.items() if pair[0] != option.opts[0] for word in pair]
    return ["--to", value] if option.opts[0] == "--from" else []


def _never_serves(*_: Any, **__: Any) -> None:
    pass


@pytest.mark.parametrize("first", ["0001-01-01", "2020-01-01"])
def test_a_refresh_of_days_before_the_chain_began_is_a_sentence(
    first: str, run: Callable[..., Result], make_world: Callable[..., World]
) -> None:
    world = make_world(recent_chain(1))
    done = run(world, "sync", "--force-refresh", "--from", first, "--to", first)
    assert done.exit_code == ERROR
    assert first in done.output
    assert "Traceback" not in done.output


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def assert_one_sentence(done: Result, what: object) -> None:
    """Assert that the output is one line without a traceback or a name of a library."""
    assert isinstance(done.exception, SystemExit), (what, done.exc_info)
    assert "Traceback" not in done.output, what
    assert "pydantic" not in done.output.lower(), what
    assert len(done.output.strip().splitlines()) == 1, (what, done.output)

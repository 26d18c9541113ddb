"""Tests of the settings.

Every setting is documented and is read from the environment or `.env`. A wrong value is refused in one sentence.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from stx_pipelines.chains.days import DAY
from stx_pipelines.settings import Settings, SettingsError, load_settings
from stx_pipelines_tests.world import ROOT, today

WRONG = {
    "HIRO_API_URL": [
        "api.hiro.so",
        "ftp://api.hiro.so",
        "https://",
        "https://a b",
        "https://u:p@host",
        "https://h/?q=1",
        "https://api.hiro.so/extended",
        "https://api.hiro.so/extended/",
    ],
    "HIRO_REQUESTS_PER_MINUTE": ["-1", "many", "1.5", "1000001"],
    "HIRO_READERS": ["0", "65", "x"],
    "HIRO_ATTEMPTS": ["0", "101", "x"],
    "HIRO_FIRST_WAIT_SECONDS": ["0", "-1", "x", "nan", "inf"],
    "HIRO_LAST_WAIT_SECONDS": ["0", "3601", "x", "nan"],
    "HIRO_TIMEOUT_SECONDS": ["0", "-5", "x", "nan"],
    "HIRO_LONGEST_WAIT_SECONDS": ["0", "86401", "x", "nan"],
    "HIRO_RETRY_STATUSES": ["x", "429,", "429,five", "429;500"],
    "ETH_RPC_URL": [
        "node.example/v3/abc",
        "ws://",
        "https://",
        "https:///v3/abc",
        "https://a b",
        "https://node:port/",
        "https://node:99999/",
        "https://node/#abc",
        "https://node/\u2026",
        "ipc://geth.ipc",
        "ipc:geth.ipc",
        "ipc:///",
        "ipc:///a\nb",
    ],
    "STX_RECORD_URL": [
        "data",
        "file:///data",
        "https://bucket.example/x",
        "s3://",
        "s3:///stacks",
        "s3://a b",
        "s3://key:secret@bucket",
        "gs://bucket?token=secret",
        "az://bucket#x",
    ],
    "ETH_RPC_HEADERS": ["Bearer abc", "x-api-key:", ": abc", "x: a; y", "x: a\nX: b", "Host: a", "x: \u2026"],
    "ETH_TARGET_DAYS": ["0", "-3", "x", "1.5", "100001"],
    "ETH_FIRST_DAY": ["x", "2015-02-30", "2999-01-01"],
    "ETH_BATCH_SIZE": ["0", "1001", "x"],
    "ETH_PARALLEL_BATCHES": ["0", "65", "x"],
    "ETH_CALLS_PER_SECOND": ["-1", "1000001", "x", "1.5"],
    "ETH_ATTEMPTS": ["0", "101", "x"],
    "ETH_TIMEOUT_SECONDS": ["0", "-5", "x", "nan", "3601"],
    "ETH_ZERO_INCREASES": ["x", "1", "Allow"],
    "ETH_PARTS": ["2", "some"],
    "ETH_PROOF_PAIRS": ["-1", "some", "1.5", "2000000"],
    "ETH_CONFIRMATIONS": ["-1", "x", "1.5", "1000001"],
    "ETH_TIP_AGE_MINUTES": ["-1", "x", "1.5", "10000001"],
    "STX_PROOF": ["x", "all", "Sample"],
    "STX_PROOF_TENURES": ["0", "-1", "x", "10001"],
    "STX_NODE_URL": ["node.example", "ftp://node.example", "https://u:p@host", "https://a b"],
    "STX_NODE_REQUESTS_PER_MINUTE": ["-1", "x", "1.5", "1000001"],
    "STX_CHAINS": ["x", "stacks,", "stacks;ethereum", "Stacks"],
    "STX_TARGET_DAYS": ["0", "-3", "x", "1.5", "100001"],
    "STX_PRICES": ["maybe", "2"],
    "STX_BALANCES": ["maybe", "2"],
    "STX_PRICES_URL": ["prices.example", "ftp://h", "https://u:p@host"],
    "STX_PRICES_FILE": ["missing.csv", "."],
    "STX_BINANCE_URL": ["prices.example", "https://a b"],
    "STX_KRAKEN_URL": ["prices.example", "https://h/?q=1"],
    "STX_FRESHNESS": ["0", "-1", "x"],
    "STX_FIRST_DAY": ["x", "2026-13-01", "01.02.2026", "2026-02-30", "2999-01-01"],
    "STX_LOCK_WAIT_SECONDS": ["-1", "x", "nan"],
    "STX_OPEN_EVERY": ["0", "-1", "x"],
    "STX_TIP_AGE_MINUTES": ["-1", "x", "1.5", "10000001"],
    "STX_RUN_WAIT_SECONDS": ["-1", "x", "nan", "86401"],
    "STX_SHARED_URL": [
        "mysql://u@h/d",
        "postgresql+psycopg2://u@h/d",
        "postgresql://h",
        "postgresql:///d",
        "postgresql://u:a%b@h/d",
        "postgresql://u@h:1,g:2/d",
        "postgresql://u@h/d #",
    ],
    "STX_WAREHOUSE_URL": ["https://h/d", "postgresql://u:a%b@h/d", "postgresql:///d", "postgresql://u@h:1,g:2/d"],
    "STX_AUTOSTART": ["maybe", "2"],
    "STX_STALL_SECONDS": ["0", "x", "1.5"],
    "STX_KEEP_RUNS_DAYS": ["0", "x", "1.5"],
    "STX_KEEP_FAILED_RUNS_DAYS": ["0", "x", "1.5"],
    "STX_OUTAGE_HOURS": ["-1", "x", "10001"],
    "STX_SMTP_PORT": ["0", "65536", "smtp"],
    "STX_METRIC_WINDOWS": ["x", "15,", "15;30"],
    "STX_TRAILING_WINDOWS": ["x", "30,,60"],
    "STX_MINIMUM_COHORT": ["0", "x"],
    "STX_TARGET_CPA_STX": ["0", "-1", "x", "0.0000001"],
    "STX_TARGET_CPA_USD": ["0", "-1", "x", "0.001"],
    "STX_LEFT_CENSOR_DAYS": ["-1", "x"],
    "STX_BREAKEVEN_DAYS": ["0", "x"],
    "STX_DATA_START": ["x", "2026-02-30", "2999-01-01"],
    "STX_DATA_DIR": [__file__, "a?b", "a\\b/[c]"],
}
FREE = {  # any text is accepted
    "HIRO_API_KEY",
    "STX_PAGE_EVENTS",
    "STX_PAGE_NOTE",
    "STX_ALERT_WEBHOOK",
    "STX_ALERT_EMAIL_TO",
    "STX_ALERT_EMAIL_FROM",
    "STX_SMTP_HOST",
    "STX_SMTP_USER",
    "STX_SMTP_PASSWORD",
    "STX_EXCLUDED_TYPES",
}
NODE = "https://user:pw@node.example:8545/v3/abc?k=1"
GOOD = {
    "HIRO_API_URL": ("http://127.0.0.1:3999/", "http://127.0.0.1:3999"),
    "HIRO_REQUESTS_PER_MINUTE": ("0", 0),
    "HIRO_READERS": ("64", 64),
    "HIRO_ATTEMPTS": ("7", 7),
    "HIRO_FIRST_WAIT_SECONDS": ("0.25", 0.25),
    "HIRO_LAST_WAIT_SECONDS": ("3", 3.0),
    "HIRO_TIMEOUT_SECONDS": ("1.5", 1.5),
    "HIRO_LONGEST_WAIT_SECONDS": ("9", 9.0),
    "HIRO_RETRY_STATUSES": ("429, 500", frozenset({429, 500})),
    "ETH_RPC_URL": (" https://user:pw@node.example:8545/v3/abc?k=1 ", SecretStr(NODE)),
    "ETH_RPC_HEADERS": ("Authorization: Bearer abc; x: 1", SecretStr("Authorization: Bearer abc; x: 1")),
    "ETH_TARGET_DAYS": ("3", 3),
    "ETH_FIRST_DAY": ("2022-09-15", date(2022, 9, 15)),
    "ETH_BATCH_SIZE": ("1000", 1000),
    "ETH_PARALLEL_BATCHES": ("1", 1),
    "ETH_CALLS_PER_SECOND": ("25", 25),
    "ETH_ATTEMPTS": ("7", 7),
    "ETH_TIMEOUT_SECONDS": ("1.5", 1.5),
    "ETH_ZERO_INCREASES": ("allow", "allow"),
    "ETH_PARTS": ("1", True),
    "ETH_PROOF_PAIRS": ("all", None),
    "ETH_CONFIRMATIONS": ("64", 64),
    "ETH_TIP_AGE_MINUTES": ("0", 0),
    "STX_PROOF": ("full", "full"),
    "STX_PROOF_TENURES": ("9", 9),
    "STX_NODE_URL": ("http://127.0.0.1:20443/", "http://127.0.0.1:20443"),
    "STX_NODE_REQUESTS_PER_MINUTE": ("0", 0),
    "STX_RECORD_URL": ("s3://bucket/stacks/", "s3://bucket/stacks"),
    "STX_CHAINS": (" stacks ", ("stacks",)),
    "STX_TARGET_DAYS": ("30", 30),
    "STX_PRICES": ("1", True),
    "STX_BALANCES": ("1", True),
    "STX_PRICES_URL": ("http://127.0.0.1:3999/prices/", "http://127.0.0.1:3999/prices"),
    "STX_PRICES_FILE": (__file__, Path(__file__)),
    "STX_BINANCE_URL": ("http://127.0.0.1:3999/", "http://127.0.0.1:3999"),
    "STX_KRAKEN_URL": ("http://127.0.0.1:3999/", "http://127.0.0.1:3999"),
    "STX_FRESHNESS": ("5", 5),
    "STX_FIRST_DAY": ("2026-11-01", date(2026, 11, 1)),
    "STX_DATA_DIR": ("elsewhere", Path("elsewhere")),
    "STX_LOCK_WAIT_SECONDS": ("0", 0.0),
    "STX_OPEN_EVERY": ("3", 3),
    "STX_TIP_AGE_MINUTES": ("0", 0),
    "STX_RUN_WAIT_SECONDS": ("0", 0.0),
    "STX_SHARED_URL": (" postgresql://u:p%25@h:5432/d ", SecretStr("postgresql://u:p%25@h:5432/d")),
    "STX_WAREHOUSE_URL": ("postgresql://u:p@h/d", SecretStr("postgresql://u:p@h/d")),
    "STX_AUTOSTART": ("1", True),
    "STX_STALL_SECONDS": ("60", 60),
    "STX_KEEP_RUNS_DAYS": ("7", 7),
    "STX_KEEP_FAILED_RUNS_DAYS": ("90", 90),
    "STX_OUTAGE_HOURS": ("0.5", 0.5),
    "STX_SMTP_PORT": ("587", 587),
    "STX_METRIC_WINDOWS": ("7, 14", (7, 14)),
    "STX_TRAILING_WINDOWS": ("7", (7,)),
    "STX_MINIMUM_COHORT": ("5", 5),
    "STX_TARGET_CPA_STX": ("2.5", Decimal("2.5")),
    "STX_TARGET_CPA_USD": ("2.5", Decimal("2.5")),
    "STX_LEFT_CENSOR_DAYS": ("0", 0),
    "STX_BREAKEVEN_DAYS": ("90", 90),
    "STX_DATA_START": ("2026-01-01", date(2026, 1, 1)),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_sentence_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name} is ") as caught:
        load_settings()
    said = str(caught.value)
    assert "\n" not in said
    assert said.count(name) == 1
    assert "pydantic" not in said.lower()
    assert "secret" not in said


@pytest.mark.parametrize("name", ["STX_FIRST_DAY", "ETH_FIRST_DAY", "STX_DATA_START"])
def test_a_first_day_in_the_future_is_refused_with_todays_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(today() + 3 * DAY))
    with pytest.raises(SettingsError, match=rf"^{name} is .*: must not be after today \(20"):
        load_settings()


@pytest.mark.parametrize("name", GOOD)
def test_a_right_value_is_taken_from_the_environment_and_from_a_file(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, value = GOOD[name]
    Path(".env").write_text(f"{name}={text}\n")
    assert getattr(load_settings(), name.lower()) == value
    Path(".env").unlink()
    assert getattr(load_settings(), name.lower()) == Settings.model_fields[name.lower()].default
    monkeypatch.setenv(name, text)
    assert getattr(load_settings(), name.lower()) == value


def test_every_setting_has_a_right_and_a_wrong_value_here() -> None:
    names = {name.upper() for name in Settings.model_fields}
    assert WRONG.keys() | FREE == names
    assert GOOD.keys() | FREE == names


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("STX_TARGET_DAYS=11\nSOMETHING_ELSE=1\n")
    assert load_settings().stx_target_days == 11
    monkeypatch.setenv("STX_TARGET_DAYS", "12")
    assert load_settings().stx_target_days == 12
    assert load_settings(stx_target_days=13).stx_target_days == 13
    assert load_settings(stx_target_days=None).stx_target_days == 12
    monkeypatch.setenv("STX_TARGET_DAYS", "")
    assert load_settings().stx_target_days == 180


@pytest.mark.parametrize("path", ["/geth.ipc", "/home/j\u00f6rg/Application Support/geth.ipc"])
def test_the_address_of_a_socket_is_its_absolute_path(path: str) -> None:
    url = load_settings(eth_rpc_url=f" ipc://{path} ").eth_rpc_url
    assert url == SecretStr(f"ipc://{path}")


def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert load_settings() == Settings.model_construct(
        **{name: field.default for name, field in Settings.model_fields.items()}
    )


def test_the_example_documents_every_setting_with_its_default_and_no_other() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    documented = dict(line.split("=", 1) for line in lines)
    assert documented.keys() == {name.upper() for name in Settings.model_fields}
    Path(".env").write_text((ROOT / ".env.example").read_text())
    from_example = load_settings()
    Path(".env").unlink()
    assert from_example == load_settings()


@pytest.mark.parametrize(
    ("key", "limit", "budget"), [(None, None, 50), ("k", None, 500), (None, "7", 7), ("k", "7", 7), ("k", "0", 0)]
)
def test_the_budget_follows_the_key_unless_it_is_set(
    key: str | None, limit: str | None, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIRO_API_KEY", key or "")
    monkeypatch.setenv("HIRO_REQUESTS_PER_MINUTE", limit or "")
    assert load_settings().budget == budget


def test_several_wrong_settings_are_all_named_and_no_secret_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIRO_API_KEY", "secret-key")
    monkeypatch.setenv("HIRO_ATTEMPTS", "x")
    monkeypatch.setenv("ETH_RPC_URL", "node.example/v3/abcdef0123")
    monkeypatch.setenv("STX_FRESHNESS", "y")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "HIRO_ATTEMPTS" in str(caught.value)
    assert "STX_FRESHNESS" in str(caught.value)
    assert "secret-key" not in str(caught.value)
    assert "abcdef0123" not in str(caught.value)
    monkeypatch.setenv("ETH_RPC_URL", "https://node.example/v3/abcdef0123")
    monkeypatch.delenv("HIRO_ATTEMPTS")
    monkeypatch.delenv("STX_FRESHNESS")
    assert "secret-key" not in repr(load_settings())
    assert "abcdef0123" not in repr(load_settings())


@pytest.mark.parametrize("name", ["STX_TARGT_DAYS", "STX_TARGET_DAY", "ETH_RPC_ULR", "HIRO_API_KEYS"])
def test_a_misspelled_name_in_the_file_is_refused_and_the_right_one_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Settings of other programs in the same file are ignored."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("DAGSTER_HOME=/somewhere\nPOSTGRES_PASSWORD=x\nSTX_SOMETHING_ELSE=1\n")
    load_settings()
    Path(".env").write_text(f"{name}=5\n")
    with pytest.raises(SettingsError, match=rf"{name} in .env is not a setting; did you mean (STX|ETH|HIRO)_\w+\?"):
        load_settings()


@pytest.mark.parametrize(
    ("setting", "override", "kept"),
    [
        ("", None, True),
        ("", "https://api.hiro.so/", True),
        ("", "https://API.hiro.so:443/v9", True),
        ("", "http://api.hiro.so", False),
        ("", "https://api.hiro.so:8443", False),
        ("", "https://api.hiro.so.example.org", False),
        ("http://127.0.0.1:3999", None, True),
        ("http://127.0.0.1:3999", "http://127.0.0.1:3999/v9", True),
        ("http://127.0.0.1:3999", "http://127.0.0.1:4000", False),
        ("http://127.0.0.1:3999", "https://api.hiro.so", False),
    ],
)
def test_a_key_stays_with_the_server_of_its_setting(
    setting: str, override: str | None, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If code gives another server, the key of the settings is not sent to it. Code must give the key too."""
    Path(".env").write_text("HIRO_API_KEY=secret-key\n")
    monkeypatch.setenv("HIRO_API_URL", setting)
    assert (load_settings(hiro_api_url=override).hiro_api_key is not None) == kept
    given = load_settings(hiro_api_url=override, hiro_api_key="another").hiro_api_key
    assert given == SecretStr("another")

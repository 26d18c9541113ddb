"""The settings, read once from the environment or `.env` and validated. Each error is one sentence.

The names are the environment's names in lower case. `.env.example` documents them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, get_args

from dotenv import dotenv_values
from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator

from stx_pipelines.ethereum_settings import EthereumSettings
from stx_pipelines.history_settings import HistorySettings
from stx_pipelines.price_settings import PriceSettings
from stx_pipelines.setting_sources import environment, export, misspelled, warn_of_misspelled
from stx_pipelines.setting_values import address, origin
from stx_pipelines.shared_settings import SharedSettings

DEFAULT_BUDGET = 50
"""Requests a minute that Hiro allows without a key (source: its documentation)."""

DEFAULT_BUDGET_WITH_KEY = 500
"""Requests a minute that Hiro allows with a key (source: its documentation)."""

_PATTERN = set("*[")
_SENT_ONLY_TO = {"hiro_api_key": "hiro_api_url", "eth_rpc_headers": "eth_rpc_url"}


class SettingsError(Exception):
    """A setting cannot be used. The message names it and the values it may have."""


class Settings(EthereumSettings, PriceSettings, SharedSettings, HistorySettings):
    """The configuration of a run. Secrets are never printed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hiro_api_url: str = "https://api.hiro.so"
    hiro_api_key: SecretStr | None = None
    hiro_requests_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    hiro_readers: int | None = Field(None, ge=1, le=64)
    hiro_attempts: int = Field(5, ge=1, le=100)
    hiro_first_wait_seconds: float = Field(0.5, gt=0, le=3600)
    hiro_last_wait_seconds: float = Field(8.0, gt=0, le=3600)
    hiro_timeout_seconds: float = Field(30.0, gt=0, le=3600)
    hiro_longest_wait_seconds: float = Field(120.0, gt=0, le=86_400)
    hiro_retry_statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504, 522, 525})

    stx_proof: Literal["sample", "counts", "full"] = "sample"
    stx_proof_tenures: int = Field(5, ge=1, le=10_000)
    stx_node_url: str | None = None
    stx_node_requests_per_minute: int = Field(50, ge=0, le=1_000_000)
    stx_balances: bool = False

    stx_chains: tuple[Literal["stacks", "ethereum"], ...] | None = None
    stx_target_days: int = Field(180, ge=1, le=100_000)
    stx_freshness: int = Field(30, ge=1, le=100_000, description="minutes")
    stx_open_every: int = Field(10, ge=1, le=100_000, description="minutes")
    stx_tip_age_minutes: int = Field(180, ge=0, le=10_000_000)
    stx_first_day: date | None = None
    stx_data_dir: Path = Field(Path("data"), validate_default=True)
    stx_lock_wait_seconds: float = Field(60.0, ge=0, le=86_400)
    stx_run_wait_seconds: float = Field(3600.0, ge=0, le=86_400)
    stx_autostart: bool = False
    stx_stall_seconds: int = Field(600, ge=1, le=86_400)
    stx_outage_hours: float = Field(12.0, ge=0, le=10_000)

    stx_metric_windows: tuple[int, ...] = (15, 30, 60, 90, 180)
    stx_trailing_windows: tuple[int, ...] = (30, 60, 90)
    stx_minimum_cohort: int = Field(3, ge=1, le=1_000_000)
    stx_target_cpa_stx: Decimal = Field(Decimal(5), gt=0, decimal_places=6)
    stx_excluded_types: frozenset[str] = frozenset()
    stx_left_censor_days: int = Field(30, ge=0, le=100_000)
    stx_breakeven_days: int = Field(180, ge=1, le=100_000)
    stx_data_start: date | None = None
    stx_page_note: str = ""
    stx_page_events: Path | None = None

    stx_alert_webhook: SecretStr | None = None
    stx_alert_email_to: str | None = None
    stx_alert_email_from: str | None = None
    stx_smtp_host: str = "localhost"
    stx_smtp_port: int = Field(25, ge=1, le=65_535)
    stx_smtp_user: str | None = None
    stx_smtp_password: SecretStr | None = None

    @field_validator(
        "hiro_retry_statuses",
        "stx_chains",
        "stx_metric_windows",
        "stx_trailing_windows",
        "stx_excluded_types",
        mode="before",
    )
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("hiro_api_key")
    @classmethod
    def _fits_into_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError("must be printable ASCII without spaces")
        return SecretStr(key) if key else None

    @field_validator("hiro_api_url", "stx_node_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else address(value)

    @field_validator("hiro_api_url")
    @classmethod
    def _is_before_the_routes(cls, value: str) -> str:
        if value.endswith("/extended"):
            raise ValueError("must not end in /extended, because every route begins with it: give the part before it")
        return value

    @field_validator("stx_data_dir")
    @classmethod
    def _is_a_folder(cls, value: Path) -> Path:
        if os.path.exists(value) and not os.path.isdir(value):  # noqa: PTH110, PTH112 - pathlib's functions raise
            raise ValueError("must be a folder")
        names = f"{value.absolute()} {os.path.realpath(value)}"
        if "?" in names or ("\\" in names and not _PATTERN.isdisjoint(names)):
            raise ValueError(
                "must have no `?`, and no backslash together with `*` or `[`, in its full path, because DuckDB "
                "cannot read such a folder"
            )
        return value

    @field_validator("stx_first_day", "eth_first_day", "stx_data_start")
    @classmethod
    def _has_come(cls, value: date | None) -> date | None:
        if value is not None and value > (today := datetime.now(UTC).date()):
            raise ValueError(f"must not be after today ({today})")
        return value

    @property
    def has_own_node(self) -> bool:
        """Whether raw Stacks blocks come from another server than HIRO_API_URL."""
        return self.stx_node_url is not None and origin(self.stx_node_url) != origin(self.hiro_api_url)

    @property
    def budget(self) -> int:
        """The number of requests allowed a minute; 0 means no limit."""
        if self.hiro_requests_per_minute is not None:
            return self.hiro_requests_per_minute
        return DEFAULT_BUDGET_WITH_KEY if self.hiro_api_key else DEFAULT_BUDGET

    @property
    def open_every(self) -> timedelta:
        """The time between two comparisons of open days with the chain's tip."""
        return timedelta(minutes=self.stx_open_every)

    @property
    def freshness(self) -> timedelta:
        """The time for which an open day counts as covered after it was checked."""
        return timedelta(minutes=self.stx_freshness)

    @property
    def stx_tip_age(self) -> timedelta:
        """The age of the newest Stacks block above which the server counts as behind; zero means never."""
        return timedelta(minutes=self.stx_tip_age_minutes)


_SECRETS = {
    *(name.upper() for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)),
    "STX_RECORD_URL",  # a wrong value may have keys in it
}


def load_settings(**overrides: object) -> Settings:
    """Return the settings of the environment and `.env`. Raises `SettingsError`.

    `overrides` come from the command line and replace these settings. HIRO_API_KEY is only for the server of
    HIRO_API_URL, and ETH_RPC_HEADERS only for that of ETH_RPC_URL. An override with another address drops both.
    """
    try:
        sources = (dotenv_values(".env"), environment())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read ({error}): it must be a text file in UTF-8") from None
    _refuse_misspelled(sources[0])
    warn_of_misspelled(sources[1], _names())
    # An empty variable replaces the one in `.env`, and then the default counts.
    merged = {**sources[0], **sources[1]}
    given: dict[str, object] = {name.lower(): value for name, value in merged.items() if value}
    return _with(given, overrides)


def exported() -> str:
    """Return the settings of the environment in one line, for the variable `_STX_EXPORTED` (`setting_sources.py`)."""
    return export(_names())


def changed(settings: Settings, **overrides: object) -> Settings:
    """Return a copy with these settings replaced, under the rules of `load_settings`. Raises `SettingsError`.

    In the copy, only the settings that were given count as set.
    """
    given = {name: value for name, value in settings if name in settings.model_fields_set}
    return _with(given, overrides)


def _with(given: Mapping[str, object], overrides: Mapping[str, object]) -> Settings:
    chosen = {name: value for name, value in overrides.items() if value is not None}
    kept = {name: value for name, value in given.items() if not _moves(_SENT_ONLY_TO.get(name), given, chosen)}
    try:
        settings = Settings.model_validate(kept | chosen)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(dict(each)) for each in error.errors())) from None
    if settings.eth_rpc_url is None and "ethereum" in (settings.stx_chains or ()):
        raise SettingsError(
            "STX_CHAINS names ethereum, but ETH_RPC_URL is not set: give the address of an archive node "
            "(see .env.example)"
        )
    return settings


def _moves(address: str | None, given: Mapping[str, object], chosen: Mapping[str, object]) -> bool:
    """Return whether `chosen` has another server under the name of this setting."""
    if address is None:
        return False
    here = given.get(address, Settings.model_fields[address].default)
    return origin(chosen.get(address, here)) != origin(here)


def _refuse_misspelled(names: Iterable[str]) -> None:
    """Raise `SettingsError` for a name in `.env` that is nearly a setting, because it would be ignored silently."""
    for name in names:
        if near := misspelled(name, _names()):
            raise SettingsError(f"{name} in .env is not a setting; did you mean {near}? (see .env.example)")


def _names() -> list[str]:
    return [name.upper() for name in Settings.model_fields]


def _sentence(error: dict[str, object]) -> str:
    location = error["loc"]
    name = str(location[0] if isinstance(location, tuple) and location else "a setting").upper()
    said = str(error["msg"]).removeprefix("Value error, ")
    secret = name in _SECRETS or "@" in str(error["input"])
    shown = " is not usable:" if secret else f" is {error['input']!r}:"
    return f"{name}{shown} {said[0].lower()}{said[1:]} (from the environment or .env; see .env.example)"

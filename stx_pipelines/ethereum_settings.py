"""The settings of the Ethereum node and of its chain's days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from stx_pipelines.setting_values import HEADER, OF_THE_CLIENT, header_parts, is_rpc_address, secret_address


class EthereumSettings(BaseModel):
    """The settings whose names begin with ETH_."""

    eth_rpc_url: SecretStr | None = None
    eth_rpc_headers: SecretStr | None = None
    eth_target_days: int = Field(30, ge=1, le=100_000)
    eth_first_day: date | None = None
    eth_batch_size: int = Field(100, ge=1, le=1_000)
    eth_parallel_batches: int = Field(5, ge=1, le=64)
    eth_calls_per_second: int = Field(0, ge=0, le=1_000_000)
    eth_attempts: int = Field(5, ge=1, le=100)
    eth_timeout_seconds: float = Field(30.0, gt=0, le=3600)
    eth_zero_increases: Literal["refuse", "allow"] = "refuse"
    eth_proof_pairs: int | None = Field(5, ge=0, le=1_000_000, description="None: all")
    eth_parts: bool = False
    eth_confirmations: int | None = Field(None, ge=0, le=1_000_000)
    eth_tip_age_minutes: int = Field(60, ge=0, le=10_000_000)

    @field_validator("eth_proof_pairs", mode="before")
    @classmethod
    def _is_a_number_or_all(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip().isdecimal():
            if value.strip().lower() != "all":
                raise ValueError("must be a number from 0 on, or all")
            return None
        return value

    @field_validator("eth_rpc_url")
    @classmethod
    def _is_a_secret_address(cls, value: SecretStr | None) -> SecretStr | None:
        wanted = "must be an http, https, ws or wss address without spaces, or ipc:// and an absolute path"
        return secret_address(value, is_rpc_address, wanted)

    @field_validator("eth_rpc_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        parts = header_parts(value)
        names = [found[1].lower() for part in parts if (found := HEADER.fullmatch(part))]
        if len(names) < len(parts) or len(set(names)) < len(names):
            raise ValueError("must be headers like `Authorization: Bearer TOKEN`, each with another name")
        if taken := sorted(OF_THE_CLIENT.intersection(names)):
            raise ValueError(f"must not have the header {taken[0]}, which every request sets itself")
        return value if parts else None

    @property
    def eth_headers(self) -> dict[str, str]:
        """The headers of ETH_RPC_HEADERS by name, in lower case."""
        pairs = (part.split(":", 1) for part in header_parts(self.eth_rpc_headers))
        return {name.strip().lower(): value.strip() for name, value in pairs}

    @property
    def eth_tip_age(self) -> timedelta:
        """The age of the newest final Ethereum block above which the node counts as behind; zero means never."""
        return timedelta(minutes=self.eth_tip_age_minutes)

"""The settings of several machines. They are off by default."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr, field_validator

from stx_pipelines.setting_values import bucket_address, is_postgres_address, secret_address


class SharedSettings(BaseModel):
    """The servers that several machines share."""

    stx_record_url: str | None = None
    stx_shared_url: SecretStr | None = None
    stx_warehouse_url: SecretStr | None = None

    @field_validator("stx_record_url")
    @classmethod
    def _is_a_bucket(cls, value: str | None) -> str | None:
        return None if value is None else bucket_address(value)

    @field_validator("stx_shared_url", "stx_warehouse_url")
    @classmethod
    def _is_of_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        wanted = "must be an address like postgresql://USER:PASSWORD@HOST:5432/DATABASE of one server"
        return secret_address(value, is_postgres_address, wanted)

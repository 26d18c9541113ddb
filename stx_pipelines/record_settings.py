"""The setting of the record in object storage. It is off by default."""

from __future__ import annotations

from pydantic import BaseModel, field_validator

from stx_pipelines.setting_values import bucket_address


class RecordSettings(BaseModel):
    """The address of the record: None means that the data folder itself is the record."""

    stx_record_url: str | None = None

    @field_validator("stx_record_url")
    @classmethod
    def _is_a_bucket(cls, value: str | None) -> str | None:
        return None if value is None else bucket_address(value)

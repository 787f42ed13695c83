"""Strict: the base of every record that is read from a file or stored in one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen; an unknown field, or a value of another type than the field's, raises pydantic's ValidationError."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Finite(Strict):
    """Besides, no number may be infinite or NaN."""

    model_config = ConfigDict(allow_inf_nan=False)

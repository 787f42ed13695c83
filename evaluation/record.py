"""Record: what running one sample left behind. Raw outputs only; every figure is computed from them later."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from zoo.strict import Strict

Status = Literal["ok", "failed", "unsupported"]


class Record(Strict):
    """One sample's outcome. A failure is data: it has a reason and stays in every count."""

    sample: str
    status: Status
    error: str | None = None
    """Why there are no outputs; None when status is ok."""
    outputs: dict[str, JsonValue] = Field(default_factory=dict)
    """Raw numbers in house units; keys are the task's."""
    force_calls: int = Field(default=0, ge=0)
    """Evaluations of the model for this sample; an averaging mode needs many for one structure."""
    atom_calls: int = Field(default=0, ge=0)
    """Atoms evaluated for this sample, summed over its force calls."""
    seconds: float = Field(default=0.0, ge=0)
    """This sample's share of the model's compute time, by atoms. The one field that differs between equal runs."""

"""Ledger: what a run cost beside the model's own time; None is what nobody measured."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from zoo.strict import Finite


class ChunkCost(Finite):
    """What one chunk took; it lies in the chunk's file."""

    began: float
    """Unix time, s."""
    seconds: float = Field(ge=0)
    """Until its records were there."""
    host_cpu_seconds: float = Field(ge=0)
    """CPU time of the process that ran the task; the model's worker is another process."""
    worker_cpu_seconds: float | None = None
    """CPU time of the model's process. Unlike time by the clock, it says little of who else uses the machine."""
    host_memory_gb: float
    """Largest resident memory that this process has had so far."""
    worker_memory_gb: float | None = None
    """Of the model's process so far, an accelerator's memory apart."""
    device_memory_gb: float | None = None
    """Largest memory of the accelerator that the model has used so far."""
    energy_joules: float | None = None
    """Taken by the accelerator, by whoever used it."""
    energy_unknown: str | None = None
    """Why an accelerator's energy is not known; a CPU has neither."""

    def shared(self, atoms: Sequence[int]) -> list[ChunkCost]:
        """This, of chunks of so many atoms that ran together: each one's part, as if one had run after the other."""
        found, began = [], self.began
        for part in atoms:
            share = part / sum(atoms)
            parted = ("seconds", "host_cpu_seconds", "worker_cpu_seconds", "energy_joules")
            own = {name: None if (whole := getattr(self, name)) is None else whole * share for name in parted}
            found.append(self.model_copy(update={**own, "began": began}))
            began += self.seconds * share
        return found


class Ledger(Finite):
    """What the stored chunks of a run took together, without starts of the model and tries that stored nothing."""

    wall_seconds: float
    """Time in which at least one chunk ran."""
    device_seconds: float
    """Time that devices were held, summed over chunks: equal to `wall_seconds` where one worker ran, and more where
    several ran side by side. A device (a GPU, or a CPU's threads) is held while the host works, too."""
    host_cpu_seconds: float
    worker_cpu_seconds: float | None
    """None unless it was measured for all chunks, and so is the energy."""
    host_memory_gb: float
    worker_memory_gb: float | None
    device_memory_gb: float | None
    energy_joules: float | None
    energy_unknown: str | None = None
    """Why an accelerator's energy is not known, by the first chunk without it. Left out where nothing is to be said."""

    @classmethod
    def of(cls, chunks: Sequence[ChunkCost | None]) -> Ledger | None:
        """Of all chunks of a run; None where one was not measured, as before there was a ledger."""
        known = [chunk for chunk in chunks if chunk is not None]
        if not known or len(known) < len(chunks):
            return None
        return cls(
            wall_seconds=_covered([(chunk.began, chunk.began + chunk.seconds) for chunk in known]),
            device_seconds=sum(chunk.seconds for chunk in known),
            host_cpu_seconds=sum(chunk.host_cpu_seconds for chunk in known),
            worker_cpu_seconds=_sum([chunk.worker_cpu_seconds for chunk in known]),
            host_memory_gb=max(chunk.host_memory_gb for chunk in known),
            worker_memory_gb=_largest([chunk.worker_memory_gb for chunk in known]),
            device_memory_gb=_largest([chunk.device_memory_gb for chunk in known]),
            energy_joules=_sum([chunk.energy_joules for chunk in known]),
            energy_unknown=next(filter(None, (chunk.energy_unknown for chunk in known)), None),
        )

    @model_serializer(mode="wrap")
    def _without_absent(self, as_usual: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        """Results from before reasons were told keep their bytes."""
        fields: dict[str, JsonValue] = as_usual(self)
        if self.energy_unknown is None:
            fields.pop("energy_unknown", None)
        return fields


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Length of the union of time spans (start, end)."""
    total, until = 0.0, -float("inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)

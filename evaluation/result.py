"""Result: the scores of one entry on one task, with everything needed to know what they claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from evaluation.ledger import Ledger
from evaluation.metric import Score
from evaluation.record import Record
from evaluation.subset import Subset
from zoo.files import read_ordinary, write_json
from zoo.strict import Strict

_LARGEST = 10_000_000
"""Bytes of a result; the largest of ours has 20,000."""


class Counts(Strict):
    """How many samples there are, and what became of them."""

    total: int
    ok: int
    failed: int
    unsupported: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> Counts:
        """Of one record per sample."""
        count = Counter(record.status for record in records)
        return cls(total=len(records), ok=count["ok"], failed=count["failed"], unsupported=count["unsupported"])


class Cost(Strict):
    """What the run cost in this mode; accuracy is never shown without it."""

    force_calls: int
    atom_calls: int
    seconds: float
    """Time inside the model, summed over batches."""
    microseconds_per_atom: float | None
    """Of one answer: a mode that averages pays for all its model calls here."""
    peak_memory_gb: float | None
    """Largest resident memory of the worker, or of the accelerator where it used one."""
    ledger: Ledger | None = None
    """What the run took beside that. Left out where nobody measured it."""

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        *,
        calls_per_answer: int,
        peak_memory_gb: float | None,
        ledger: Ledger | None = None,
    ) -> Cost:
        """What the records cost. Time per atom is that of one answer of the mode, over the samples that worked."""
        worked = [record for record in records if record.status == "ok"]
        atoms = sum(record.atom_calls for record in worked)
        seconds = sum(record.seconds for record in worked)
        return cls(
            force_calls=sum(record.force_calls for record in records),
            atom_calls=sum(record.atom_calls for record in records),
            seconds=seconds,
            microseconds_per_atom=seconds / atoms * calls_per_answer * 1e6 if atoms else None,
            peak_memory_gb=peak_memory_gb,
            ledger=ledger,
        )

    @model_serializer(mode="wrap")
    def _without_absent(self, as_usual: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        """Results from before there was a ledger keep their bytes."""
        fields: dict[str, JsonValue] = as_usual(self)
        if self.ledger is None:
            fields.pop("ledger", None)
        return fields


class Hardware(Strict):
    cpu: str
    cores: int
    memory_gb: float
    accelerator: str | None = None


class Extended(Strict):
    """An earlier result whose records were kept, and added to."""

    protocol_version: int
    protocol_sha256: str
    commits: tuple[str | None, ...]
    finished: str
    """UTC, ISO 8601."""


class Run(Strict):
    """The manifest. A result never claims more than what stands here."""

    entry: str
    """`card@mode`, canonical."""
    card: str
    checkpoint_sha256: str
    """Hash of the weights that were loaded."""
    pinned_by: Literal["user"] | None = None
    """`user`: not the card but the person who ran it vouches for that hash. Left out where the card does."""
    task: str
    protocol_version: int
    protocol_sha256: str
    dataset_sha256: str
    subset: Subset
    device: str
    threads: int
    hardware: Hardware
    other_hardware: tuple[Hardware, ...] | None = None
    """The other machines of a run whose shards ran on several kinds. Left out where there is one."""
    python: str
    packages: dict[str, str]
    """Distribution → version, on the host."""
    model_packages: dict[str, str]
    """Distribution → version, in the family's environment."""
    version: str
    """Of mlip-zoo."""
    extended: Extended | None = None
    """The earlier result that this run only added to. Left out where all of it ran."""
    commits: tuple[str | None, ...]
    """Of the checkouts that ran it, one unless it was continued by another; None for an installed package, `-dirty`
    when there were uncommitted changes."""
    started: str
    finished: str
    """UTC, ISO 8601."""
    counts: Counts
    cost: Cost

    @model_serializer(mode="wrap")
    def _without_absent(self, as_usual: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        """Usual results keep the bytes that they had before there were others."""
        fields: dict[str, JsonValue] = as_usual(self)
        for name in ("pinned_by", "extended", "other_hardware"):
            if getattr(self, name) is None:
                fields.pop(name, None)
        return fields


class Result(Strict):
    """What stands in `leaderboard/results/<task>/<entry>.json`; the records lie beside it as Parquet."""

    run: Run
    scores: dict[str, Score] = Field(description="metric name → score")

    def write(self, folder: Path) -> Path:
        """Write `<folder>/<task>/<entry>.json` whole; returns the path."""
        path = folder / self.run.task / f"{self.run.entry}.json"
        write_json(path, self.model_dump(mode="json"))
        return path

    @property
    def records_name(self) -> str:
        return f"{self.run.entry}.parquet"


def read_result(path: Path) -> Result:
    """Read one result. Raises OSError, or ValueError (pydantic's, with field and reason)."""
    return Result.model_validate_json(read_ordinary(path, limit=_LARGEST).decode("utf-8"), strict=True)

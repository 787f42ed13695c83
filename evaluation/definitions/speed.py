"""Comparable cost: metrics and protocol of the task `speed`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from evaluation.metric import Metric
from evaluation.protocol import TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal
from evaluation.subset import Subset
from zoo.cards.fields import Sha256
from zoo.strict import Strict


class Workload(Strict):
    """What one timed call of the model is given."""

    structures: int
    """In the batch."""
    atoms: int
    """Of each structure."""
    repeats: int
    """Timed calls of the model, and as many of the reference, in turn."""
    subset: Subset
    """The smallest subset that has it."""

    @property
    def name(self) -> str:
        """`32x8`: structures by atoms."""
        return f"{self.structures}x{self.atoms}"


class SpeedProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/speed-v1.yaml`."""

    reference: str
    """The entry that every other one is timed beside."""
    reference_sha256: Sha256
    """Of its weights."""
    crystals: dict[str, CanaryCrystal]
    """By formula."""
    rattle: float
    """Å, standard deviation of the displacements."""
    strain: float
    """Bound of the uniform symmetric strain."""
    workloads: tuple[Workload, ...]
    """From small to large; each is timed with every crystal."""
    warm_ups: int
    """Calls before the timed ones."""


@cache
def protocol() -> SpeedProtocol:
    """The numbers of today's protocol."""
    return read_protocol("speed", SpeedProtocol)


@cache
def metrics() -> tuple[Metric, ...]:
    """The task's metrics; each workload of the protocol has one of its own."""
    return tuple(_metrics())


def metric_of(workload: str) -> str:
    """The name of the relative cost of one workload, `32x8`."""
    return f"relative_cost_{workload}"


def _metrics() -> Iterator[Metric]:
    reference = protocol().reference
    yield Metric(
        name="relative_cost",
        label="relative cost",
        unit="",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc=f"Time inside the model for one answer, over that of {reference} for the same structures in the same run, "
        "timed in turn; median over workloads. 2: twice as slow as the reference. One that fails counts as slower than "
        "any other.",
    )
    for workload in protocol().workloads:
        told = f"{workload.structures} × {workload.atoms} atoms"
        yield Metric(
            name=metric_of(workload.name),
            label=f"relative cost, {told}",
            unit="",
            better="lower",
            best=0.0,
            average="median",
            doc=f"The same for calls with {told}, median over crystals.",
        )
    yield Metric(
        name="microseconds",
        label="time",
        unit="µs/atom",
        better="lower",
        best=0.0,
        average="median",
        doc="Time inside the model for one answer, per atom, median over workloads: of this machine alone.",
    )
    yield Metric(
        name="scatter",
        label="scatter of the ratio",
        unit="%",
        better="lower",
        best=0.0,
        average="median",
        doc="Distance between the quartiles of the repeated ratios, over their median; median over workloads. Other "
        "processes on the machine widen it.",
    )

"""Crystals under pressure: metrics and protocol of the task `pressure`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from evaluation.definitions.relaxation import CONVERGED, RMSD
from evaluation.metric import Metric, error_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal


class PressureProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/pressure-v1.yaml`."""

    pressures_gpa: tuple[float, ...]
    """External pressures, GPa."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    fast: int
    """Crystals of the fast subset, each at every pressure."""
    full: int
    """Likewise of the full subset."""


@cache
def protocol() -> PressureProtocol:
    """The numbers of today's protocol."""
    return read_protocol("pressure", PressureProtocol)


@cache
def metrics() -> tuple[Metric, ...]:
    """The task's metrics; each pressure of the protocol has some of its own."""
    return tuple(_metrics())


def metric_at(name: str, pressure_gpa: float) -> str:
    """The name of a metric at one pressure."""
    return f"{name}_{pressure_gpa:g}_gpa".replace(".", "_")


def _metrics() -> Iterator[Metric]:
    yield from _at("")
    for pressure in protocol().pressures_gpa:
        for metric in _at(f", {pressure:g} GPa"):
            name = metric_at(metric.name, pressure)
            yield metric.model_copy(update={"name": name, "doc": f"At {pressure:g} GPa alone. {metric.doc}"})
    yield RMSD
    yield CONVERGED


def _at(where: str) -> tuple[Metric, ...]:
    """What every pressure also has alone."""
    return (
        Metric(
            name="volume_error",
            label=f"|volume error|{where}",
            unit="%",
            better="lower",
            best=0.0,
            average="median",
            on_failure="worst",
            doc="Absolute error of the volume relaxed under the pressure, median over relaxations. One that fails "
            "counts as worse than any other.",
        ),
        error_metric(
            "force_mae",
            f"force MAE{where}",
            "meV/Å",
            "Mean |ΔF| over all force components at the DFT geometry under the pressure, averaged over crystals. DFT's "
            "own are next to zero there.",
        ),
        error_metric(
            "stress_mae",
            f"stress MAE{where}",
            "GPa",
            "Mean |Δσ| over the six stress components at the DFT geometry under the pressure, averaged over crystals.",
        ),
    )

"""Energies, forces and stresses of single frames: metrics and protocol of the task `forces`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from evaluation.metric import Metric
from evaluation.protocol import TaskProtocol, read_protocol

SETS = {
    "mptrj-random": "MPtrj-random",
    "mptrj-highest-stress": "MPtrj-highest-stress",
    "mpf-tp": "MPF-TP",
    "random-tp": "Random-TP",
    "mlearn": "mlearn",
}
"""Source sets and what they are called, in the order in which they run."""
SETTINGS: dict[str, str | None] = {key: None if key == "mlearn" else "mp" for key in SETS}
"""Of the sets' DFT calculations, in the words of training_sets.yaml; None: of its own, which no model here learned."""
_MISSING = "A frame without an answer leaves the mean and is counted as missing."
AVERAGED = {
    "force_mae": (
        "force MAE",
        "meV/Å",
        f"Mean |ΔF| over all force components of a frame, averaged over frames. {_MISSING}",
    ),
    "energy_mae": (
        "energy MAE",
        "meV/atom",
        "|ΔE| per atom, averaged over frames. Energies with the Materials Project's corrections are compared with "
        "corrected DFT, those of other settings up to a constant per element; energies that cannot be compared are "
        "counted as missing. "
        f"{_MISSING}",
    ),
    "stress_mae": (
        "stress MAE",
        "GPa",
        f"Mean |Δσ| over the six stress components of a frame, averaged over frames. {_MISSING}",
    ),
}


def _metrics() -> Iterator[Metric]:
    for name in ("force_mae", "energy_mae", "stress_mae"):
        label, unit, doc = AVERAGED[name]
        yield Metric(name=name, label=label, unit=unit, better="lower", best=0.0, doc=doc)
    yield Metric(
        name="force_rmse",
        label="force RMSE",
        unit="meV/Å",
        better="lower",
        best=0.0,
        doc=f"Root of the mean square of ΔF, every frame counting once: a few bad frames show here. {_MISSING}",
    )
    yield Metric(
        name="force_cosine",
        label="force cosine",
        unit="",
        better="higher",
        best=1.0,
        worst=-1.0,
        doc="Cosine of the angle between the model's forces on a frame and DFT's, as vectors of 3n components, "
        "averaged over the frames whose reference forces are larger than 0.05 eV/Å (root mean square).",
    )
    for key, title in SETS.items():
        for name in ("force_mae", "energy_mae", "stress_mae"):
            label, unit, doc = AVERAGED[name]
            yield Metric(
                name=f"{name}_{key.replace('-', '_')}",
                label=f"{label}, {title}",
                unit=unit,
                better="lower",
                best=0.0,
                doc=f"Over {title} alone. {doc}",
            )
    yield Metric(
        name="success",
        label="answers",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of structures that the model answers, those without a reference included.",
    )


METRICS = tuple(_metrics())


class ForcesProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/forces-v2.yaml`."""

    canary: tuple[str, ...]
    """Names in zoo.example_crystals."""
    fast_frames: int
    """Frames of mptrj-random in the fast subset."""
    mlearn_frames_per_element: int
    """In the full subset."""
    smallest_force_rms: float
    """eV/Å: frames with smaller reference forces (root mean square) have no cosine."""
    force_decimals: int
    """Of stored forces, eV/Å."""


@cache
def protocol() -> ForcesProtocol:
    """The numbers of today's protocol."""
    return read_protocol("forces", ForcesProtocol, version=2)

"""Energies, forces and stresses of single frames: metrics and protocol of the task `forces`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from evaluation.metric import Metric, median_and_mean
from evaluation.protocol import TaskProtocol, read_protocol

SETS = {
    "mptrj-random": "MPtrj-random",
    "mptrj-highest-stress": "MPtrj-highest-stress",
    "mpf-tp": "MPF-TP",
    "random-tp": "Random-TP",
    "mlearn": "mlearn",
}
"""Source sets and what they are called, in the order in which they run."""
TRAINED = {"mptrj": frozenset({"mptrj-random", "mptrj-highest-stress"})}
"""Training set → source sets that were drawn from it."""
SETTINGS: dict[str, str | None] = {key: None if key == "mlearn" else "mp" for key in SETS}
"""Of the sets' DFT calculations, in the words of training_sets.yaml; None: of its own, which no model here learned."""
AVERAGED = {
    "force_mae": (
        "force MAE",
        "meV/Å",
        "Mean |ΔF| over all force components of a frame",
    ),
    "energy_mae": (
        "energy MAE",
        "meV/atom",
        "|ΔE| per atom, where energies can be compared: as computed, or with the Materials Project's corrections on "
        "both sides where a model learned with them (others are left out)",
    ),
    "stress_mae": (
        "stress MAE",
        "GPa",
        "Mean |Δσ| over the six stress components of a frame",
    ),
}
"""Label, unit and what it is of a frame."""


def averaged(key: str) -> tuple[str, ...]:
    """What is averaged over a set: mlearn's energies are of settings of their own, and are not compared."""
    return tuple(name for name in AVERAGED if SETTINGS[key] or name != "energy_mae")


def of_set(name: str, key: str) -> str:
    """Name of a metric over one set alone."""
    return f"{name}_{key.replace('-', '_')}"


def _metrics() -> Iterator[Metric]:
    for name, (label, unit, doc) in AVERAGED.items():
        yield from median_and_mean(name, label, unit, doc, over="the frames of all sets")
    yield Metric(
        name="force_rmse",
        label="force RMSE",
        unit="meV/Å",
        better="lower",
        best=0.0,
        doc="Root of the mean square of ΔF, every frame counting once: a few bad frames show here.",
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
        for name in averaged(key):
            label, unit, doc = AVERAGED[name]
            yield from median_and_mean(of_set(name, key), f"{label}, {title}", unit, doc, over=f"frames of {title}")
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

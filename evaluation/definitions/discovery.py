"""Discovery of stable crystals: metrics and protocol of the task `discovery`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from evaluation.definitions.relaxation import CONVERGED
from evaluation.metric import Metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal

SETS = {"": ("", 5.83), "_unique": (", new prototypes", 6.46), "_lowest": (", lowest 10,000", 6.46)}
"""Suffix of a metric's name → of its label, and the DAF of a perfect model on all of WBM: one by the share of stable
crystals there."""
COUNTED = {
    "f1": ("F1", "F1", "Harmonic mean of precision and recall of the stable crystals."),
    "daf": ("DAF", "DAF", "Discovery acceleration: precision divided by the share of stable crystals."),
    "precision": ("Precision", "precision", "Share of the crystals called stable that are."),
    "recall": ("Recall", "recall", "Share of the stable crystals that are called stable."),
    "r2": ("R2", "R²", "Of the energies above the hull. Crystals without a prediction are left out."),
}
"""Metric → what stable_metrics calls it, its label, its definition."""


def _metrics() -> Iterator[Metric]:
    yield Metric(
        name="misclassified",
        label="wrong side of the hull",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of crystals called stable that are not, or unstable that are not. A crystal without a prediction is "
        "called unstable.",
    )
    for suffix, (among, perfect) in SETS.items():
        for name, (_, label, doc) in COUNTED.items():
            yield Metric(
                name=name + suffix,
                label=label + among,
                unit="",
                better="higher",
                best=perfect if name == "daf" else 1.0,
                worst=None if name == "r2" else 0.0,
                doc=doc,
            )
    yield Metric(
        name="e_form_error",
        label="|formation energy error|",
        unit="meV/atom",
        better="lower",
        best=0.0,
        doc="Absolute error of the formation energy, and so of the energy above the hull. A crystal without a "
        "prediction leaves the mean and is counted as missing.",
    )
    yield CONVERGED


METRICS = tuple(_metrics())


class DiscoveryProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/discovery-v1.yaml`."""

    diverged: float
    """eV/atom: an energy that is further from the reference is no prediction."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    fast: int
    """Crystals of the fast subset."""
    most_stable: int
    """Of the crystals that the model puts lowest, so many are scored apart."""


@cache
def protocol() -> DiscoveryProtocol:
    """The numbers of today's protocol."""
    return read_protocol("discovery", DiscoveryProtocol)

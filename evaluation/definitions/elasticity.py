"""Elasticity: metrics and protocol of the task `elasticity`."""

from __future__ import annotations

from functools import cache

from evaluation.metric import Metric, error_metric, share_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal

LINEAR = 10.0
"""%: a crystal is linear where K moves by no more between strains, and Hooke's law leaves no more of the stresses."""
METRICS = (
    Metric(
        name="k_error",
        label="|K error|, median",
        unit="GPa",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Absolute error of the bulk modulus (Voigt–Reuss–Hill), median over crystals. A crystal without one, "
        "because the model failed or made it mechanically unstable, counts as worse than any other.",
    ),
    error_metric(
        "k_error_mean",
        "|K error|, mean",
        "GPa",
        "The same, mean over the crystals that have a modulus.",
    ),
    Metric(
        name="g_error",
        label="|G error|, median",
        unit="GPa",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Absolute error of the shear modulus (Voigt–Reuss–Hill), median over crystals; failures as for K.",
    ),
    error_metric(
        "g_error_mean",
        "|G error|, mean",
        "GPa",
        "The same, mean over the crystals that have a modulus.",
    ),
    error_metric(
        "k_spread",
        "K, small against large strains",
        "%",
        "How far the bulk moduli from the smaller and from the larger strains alone lie apart, over the one from all "
        "of them, median over crystals: a modulus that depends on the strain is no property of the crystal.",
        average="median",
    ),
    share_metric(
        "linear",
        "linear",
        "Fraction of crystals whose K moves by at most 10 % between the smaller and the larger strains and whose "
        "stresses follow Hooke's law within 10 %. Elsewhere the surface is anharmonic or rough, or relaxations of the "
        "atoms ended in different minima.",
    ),
    Metric(
        name="stable",
        label="mechanically stable",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of crystals whose elastic tensor has positive eigenvalues only. All have positive moduli in DFT.",
    ),
    Metric(
        name="asymmetry",
        label="asymmetry of C",
        unit="%",
        better="lower",
        best=0.0,
        doc="Size of C - Cᵀ relative to C, as fitted, averaged over crystals. Zero where stress is the derivative of "
        "an energy and linear in the strain; to be read beside the non-linearity.",
    ),
    Metric(
        name="nonlinearity",
        label="non-linearity",
        unit="%",
        better="lower",
        best=0.0,
        doc="What Hooke's law leaves of the stresses, relative to them, averaged over crystals. Solids have a little "
        "of it; a rough energy surface has much.",
    ),
    Metric(
        name="converged",
        label="converged",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of crystals of which all 25 relaxations reach the force threshold within the allowed steps. The "
        "others have moduli all the same.",
    ),
)


class ElasticityProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/elasticity-v1.yaml`."""

    normal_strains: tuple[float, ...]
    """Of xx, yy and zz, one at a time."""
    shear_strains: tuple[float, ...]
    """Of yz, xz and xy, one at a time; γ = 2ε."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    fast_atoms: int
    """Atoms in the cell of a crystal of the fast subset, at most."""
    fast: int
    """Crystals of the fast subset."""


@cache
def protocol() -> ElasticityProtocol:
    """The numbers of today's protocol."""
    return read_protocol("elasticity", ElasticityProtocol)

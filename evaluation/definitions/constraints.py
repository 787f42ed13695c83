"""Constraints: metrics and protocol of the task `constraints`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import Metric, error_metric, median_and_mean
from evaluation.protocol import TaskProtocol, read_protocol
from zoo.strict import Strict

ROUNDING_FORCE = 0.05
"""meV/Å: the most that float32 makes of a rotation error of forces; the protocol's threshold for it."""
METRICS = (
    *median_and_mean(
        "rotation_force",
        "rotation error of forces",
        "meV/Å",
        "RMS distance from the mean over 24 orientations (what single precision explains, up to 0.05 meV/Å, is equal)",
        over="crystals",
        rounding=ROUNDING_FORCE,
    ),
    error_metric(
        "rotation_force_uncertainty",
        "± of the rotation error, mean",
        "meV/Å",
        "Standard error that the choice of 24 orientations leaves in the mean, were they drawn at random: an upper "
        "bound, because they are spread evenly.",
    ),
    error_metric(
        "lambda",
        "λ, smallest",
        "",
        "Weight of the antisymmetric part in the forces' Jacobian, smallest over four steps: rounding and truncation "
        "only add to it. Below its threshold the forces are a gradient, and nothing is ranked by it.",
    ),
    error_metric(
        "lambda_phonon_scale",
        "λ at the scale of phonons",
        "",
        "The larger of its values at steps of 0.005 and 0.01 Å, which phonon calculations sample: of a gradient too it "
        "is there where the energy is rough.",
    ),
    error_metric("rotation_energy", "rotation error of energy", "meV/atom", "Likewise of the energy."),
    error_metric("rotation_stress", "rotation error of stress", "GPa", "Likewise of the stress, over components."),
    error_metric("rotation_ratio", "rotation error / force", "", "Rotation error of forces over the forces' own RMS."),
    error_metric(
        "inversion_force", "inversion error of forces", "meV/Å", "RMS of half the change when it is inverted."
    ),
    error_metric("inversion_energy", "inversion error of energy", "meV/atom", "Likewise of the energy."),
    error_metric("inversion_stress", "inversion error of stress", "GPa", "Likewise of the stress, over components."),
    error_metric(
        "gradient_error", "gradient error", "meV/Å", "RMS of the force along a path less the slope of the energy."
    ),
    error_metric("gradient_ratio", "gradient error, relative", "", "Gradient error over the slope's own RMS."),
    error_metric("stress_error", "stress error", "GPa", "RMS of the stress along a strain less dE/dε per volume."),
    error_metric("loop_work", "work on closed loops", "meV/Å", "RMS of |∮F·dr| over the loop's length."),
    error_metric("force_noise", "force noise", "meV/Å", "Fourth differences of the forces at steps of 0.01 Å."),
    error_metric(
        "roughness", "roughness", "", "Second over first difference of the forces at a displacement of 0.01 Å."
    ),
    error_metric("nve_drift", "|drift|", "meV/atom/ps", "Slope of total energy over 0.5 ps at 300 K, absolute."),
    Metric(
        name="success",
        label="crystals",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of crystals that the model has an answer for.",
    ),
)


class Work(Strict):
    """Paths along which work is measured."""

    displacement: float
    """Å: half the length of a path of the atoms."""
    strain: float
    """Half the length of a path of the cell."""
    nodes: int
    """Of the Gauss–Legendre quadrature."""


class ConstraintsProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/constraints-v1.yaml`."""

    rattle: float
    """Å: standard deviation of the displacements."""
    strain: float
    """Bound of the uniform symmetric strain."""
    canary: tuple[str, ...]
    fast: tuple[str, ...]
    """Crystals that are built here."""
    phonondb: int
    """Solids of PhononDB in all."""
    rotations: tuple[tuple[float, float, float, float], ...]
    """Quaternions (w, x, y, z), normalised when used; each is taken with inversion too."""
    steps: tuple[float, ...]
    """Å: of the Jacobian's differences."""
    directions: int
    """Random directions of the work of forces."""
    path: Work
    fine_path: Work
    """Short enough for float64's precision."""
    loops: int
    """Closed triangles per crystal."""
    loop_edge: float
    """Å: of their two perpendicular edges."""
    rough_directions: int
    """Displaced atoms, for force noise and roughness."""
    rough_spacing: float
    """Å: between the points along a displacement."""
    rough_points: int
    """Points on one side of the crystal's own."""
    temperature: float
    """K: of the initial velocities."""
    timestep: float
    """fs."""
    nve_steps: int
    nve_stride: int
    """Steps between energies that are kept."""
    thresholds: dict[Literal["float32", "float64"], dict[str, float]]
    """The most that rounding makes of each figure, by dtype; meV/atom, meV/Å, GPa, pure numbers."""


@cache
def protocol() -> ConstraintsProtocol:
    """The numbers of today's protocol."""
    return read_protocol("constraints", ConstraintsProtocol)

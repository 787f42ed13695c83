"""Tolerance levels: the points of a tolerance curve, summarised by amplitude of the perturbation. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.studies.tolerance_data import Curves, Dial, Point

PERTURBATIONS: dict[Dial, tuple[str, str, float]] = {
    "asymmetry": ("force-constant asymmetry λ", "", 1.0),
    "rotation_error": ("rotation error of the forces", "meV/Å", 1000.0),
    "smooth": ("smooth noise", "meV/Å", 1000.0),
    "rough": ("white noise", "meV/Å", 1000.0),
}
"""Perturbation → its label, the unit of its amplitude as shown, and that unit per house unit."""
MEASURED: dict[Dial, str] = {"asymmetry": "lambda", "rotation_error": "rotation_force", "rough": "force_noise"}
"""Perturbation → the metric of the constraints task that measures it on other models, in the unit as shown."""


@dataclass(frozen=True)
class Level:
    """The effect of one perturbation of one amplitude, over crystals and seeds."""

    level: float
    n: int
    """Points."""
    failed: int
    """Points that have no numbers, or whose relaxation the potential refused."""
    omega: float | None
    """Median of the frequencies' mean absolute error, THz: symmetry-reduced displacements, symmetrised."""
    omega_full: float | None
    """Likewise of the full set of displacements, nothing symmetrised."""
    stable: int
    """Points without an imaginary mode in the reference (unperturbed) model."""
    imaginary: int
    """How many of these have one."""
    stable_full: int
    imaginary_full: int
    relaxed: int
    """Relaxations."""
    converged: int
    keepable: tuple[int, ...]
    """Relaxations of crystals that end in their space group without a perturbation, at each symmetry precision."""
    kept: tuple[int, ...]
    """How many of these end in it with the perturbation."""
    steps: tuple[int, ...]


def levels(curves: Curves, perturbation: Dial) -> list[Level]:
    """All levels of a perturbation but zero, from the smallest amplitude."""
    precisions = range(len(curves.protocol.retention.symprecs))
    unperturbed = [point for point in curves.points if point.level == 0]
    recovered = [{point.crystal for point in unperturbed if _kept(point, i)} for i in precisions]
    found: dict[float, list[Point]] = {}
    for point in curves.points:
        if point.dial == perturbation and point.level > 0:
            found.setdefault(point.level, []).append(point)
    return [_level(level, found[level], recovered) for level in sorted(found)]


def tolerated(given: Sequence[Level], broken: Callable[[Level], int]) -> tuple[Level | None, Level | None]:
    """The largest level below the first with a failure, and that first one; None where there is none."""
    harmful = next((level for level in given if broken(level)), None)
    below = [level for level in given if harmful is None or level.level < harmful.level]
    return (below[-1] if below else None), harmful


def _level(level: float, points: Sequence[Point], recovered: Sequence[set[str]]) -> Level:
    spectra = [point.spectrum for point in points if point.spectrum]
    relaxed = [point.relaxation for point in points if point.relaxation]
    can_keep = [[point for point in points if point.relaxation and point.crystal in some] for some in recovered]
    stable = [one for one in spectra if one.sound_stable]
    stable_full = [one for one in spectra if one.sound_stable_full]
    return Level(
        level=level,
        n=len(points),
        failed=sum(point.error is not None or bool(point.relaxation and point.relaxation.error) for point in points),
        omega=median(one.omega_mae for one in spectra) if spectra else None,
        omega_full=median(one.omega_mae_full for one in spectra) if spectra else None,
        stable=len(stable),
        imaginary=sum(not one.stable for one in stable),
        stable_full=len(stable_full),
        imaginary_full=sum(not one.stable_full for one in stable_full),
        relaxed=len(relaxed),
        converged=sum(one.converged for one in relaxed),
        keepable=tuple(len(some) for some in can_keep),
        kept=tuple(sum(_kept(point, i) for point in some) for i, some in enumerate(can_keep)),
        steps=tuple(one.steps for one in relaxed),
    )


def _kept(point: Point, precision: int) -> bool:
    """Whether its relaxation ended in the reference model's space group; False where no group was found at all."""
    if point.relaxation is None:
        return False
    group = point.relaxation.space_groups[precision]
    return group is not None and group == point.relaxation.space_group_sound

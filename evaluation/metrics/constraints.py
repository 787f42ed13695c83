"""Figures and verdicts of the constraints task, from its raw numbers: arithmetic alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Figures = dict[str, float | None]

MILLI = 1000.0
PHONON_STEPS = (0.005, 0.01)
"""Å: steps of the Jacobian that are of the size of a phonon calculation's displacements."""
GPA = 1.602176634e-19 * 1e21  # the elementary charge in coulomb, exact; importing scipy.constants takes half a second
"""GPa per eV/Å³."""
INVARIANCES = ("translation_lattice", "translation_random", "permutation", "extensivity", "repeat", "batch", "dtype")

Status = Literal["confirmed", "refuted", "untested"]


def figures(outputs: Mapping[str, object]) -> Figures:
    """All figures of one crystal: energies in meV/atom, forces in meV/Å, stresses in GPa, the rest as named."""
    force_rms = cast(float, outputs["force_rms"])
    row: Figures = {"force_rms": MILLI * force_rms}
    for name in ("rotation", "inversion"):
        parts = cast("dict[str, list[float] | None]", outputs[name])
        row |= _units(name, *(_rms(parts[part]) for part in ("energies", "forces", "stresses")))
        row[f"{name}_ratio"] = _ratio(_rms(parts["forces"]), force_rms)
    row["rotation_force_uncertainty"] = _uncertainty(cast("dict[str, list[float]]", outputs["rotation"])["forces"])
    row |= _asymmetry(cast("dict[str, list[float]]", outputs["jacobian"]))
    row |= _work(outputs)
    loops = cast("dict[str, list[float]]", outputs["loops"])
    row["loop_work"] = _milli(_rms((abs(np.array(loops["work"])) / np.array(loops["lengths"])).tolist()))
    for name in INVARIANCES:
        change = cast("dict[str, float | None]", outputs[name] or {})
        row |= _units(name, change.get("energy"), change.get("force"), change.get("stress"))
    return row | _roughness(cast("dict[str, list[float]]", outputs["roughness"])) | _drift(outputs["nve"])


FIGURES = (
    "force_rms",
    *(f"{name}_{part}" for name in ("rotation", "inversion") for part in ("energy", "force", "stress", "ratio")),
    "rotation_force_uncertainty",
    *("lambda", "lambda_extrapolated", "lambda_0_005", "lambda_0_01", "lambda_phonon_scale"),
    *("gradient_error", "gradient_ratio", "gradient_error_point", "stress_error", "stress_ratio", "loop_work"),
    *(f"{name}_{part}" for name in INVARIANCES for part in ("energy", "force", "stress")),
    *("roughness", "force_noise", "nve_drift", "nve_temperature"),
)
"""Keys of `figures`."""


@dataclass(frozen=True)
class Asymmetry:
    """What differences at several steps say about the antisymmetric part of the Jacobian."""

    by_step: tuple[float, ...]
    """λ = ‖(J - Jᵀ)/2‖/‖J‖ at each step."""
    smallest: float
    """The smallest of them: noise and truncation only add, so that the true λ is not above it."""
    extrapolated: float
    """λ without noise and truncation; zero where they explain all of it."""
    noise: float
    """Standard deviation of the white noise in a force component that explains what grows as 1/h, eV/Å."""


def asymmetry(steps: Sequence[float], antisymmetric: Sequence[float], norms: Sequence[float]) -> Asymmetry:
    """λ from the norms of J and of its antisymmetric part (eV/Å²) by central differences at `steps`, Å.

    Independent parts add in quadrature, ‖A_h‖² = a + b/h² + c h⁴: a true asymmetry does not depend on the step, white
    noise σ of the forces gives b = N (N - 1) σ²/4 for N coordinates, the truncated third derivatives of an anharmonic
    energy give c. The three come from a non-negative fit, each step weighted by its own size; b is
    returned as σ √(N (N - 1)), because N is not known here.
    """
    h, found, sizes = (np.asarray(numbers, dtype=float) for numbers in (steps, antisymmetric, norms))
    by_step = tuple(float(value) for value in found / sizes)
    squares = found**2
    if not squares.any():
        return Asymmetry(by_step, 0.0, 0.0, 0.0)
    weights = 1 / squares.clip(min=squares[squares > 0].min())
    terms = np.stack([np.ones_like(h), h**-2, h**4], axis=1) * weights[:, None]
    scales = np.linalg.norm(terms, axis=0)
    from scipy.optimize import nnls  # 0.3 s, and only here

    parts, _ = nnls(terms / scales, squares * weights)
    true, noise, _ = parts / scales
    return Asymmetry(by_step, min(by_step), float(np.sqrt(true) / sizes.min()), float(2 * np.sqrt(noise)))


def _asymmetry(raw: Mapping[str, Sequence[float]]) -> Figures:
    found = asymmetry(raw["steps"], raw["antisymmetric_norms"], raw["norms"])
    at = dict(zip(raw["steps"], found.by_step, strict=True))
    return {
        "lambda": found.smallest,
        "lambda_extrapolated": found.extrapolated,
        "lambda_0_005": at.get(0.005),
        "lambda_0_01": at.get(0.01),
        "lambda_phonon_scale": max((value for step, value in at.items() if step in PHONON_STEPS), default=None),
    }


def _work(outputs: Mapping[str, object]) -> Figures:
    """Of forces and stress against the energy: on whichever of the long and the fine paths they agree better.

    Rounding of the energy and the quadrature of a rough one only add, the first on fine paths, the second on long
    ones: what is wrong with the forces themselves is there on both.
    """
    row: Figures = {}
    for kind, error, ratio, scale in (
        ("force_work", "gradient_error", "gradient_ratio", MILLI),
        ("stress_work", "stress_error", "stress_ratio", GPA),
    ):
        pairs = [cast("dict[str, list[float]] | None", outputs[name]) for name in (kind, f"{kind}_fine")]
        found = [_misfit(pair["claimed"], pair["real"]) for pair in pairs if pair]
        best = min(found, key=lambda pair: pair[1], default=(None, None))
        row[error] = None if best[0] is None else scale * best[0]
        row[ratio] = best[1]
    long = cast("dict[str, list[float]]", outputs["force_work"])
    row["gradient_error_point"] = MILLI * _misfit(long["at_point"], long["real"])[0]
    return row


def _misfit(claimed: Sequence[float], real: Sequence[float]) -> tuple[float, float]:
    """Root mean square of claimed - real, and that over the root mean square of the larger of the two."""
    error = cast(float, _rms((np.array(claimed) - np.array(real)).tolist()))
    size = max(cast(float, _rms(claimed)), cast(float, _rms(real)))
    return error, error / size if size else 0.0


def _roughness(raw: Mapping[str, object]) -> Figures:
    first, second = (np.array(raw[name], dtype=float) for name in ("first", "second"))
    ratios = second[:, 0] / first[:, 0].clip(min=1e-300)
    return {
        "roughness": float(ratios.mean()),
        "force_noise": _milli(_rms(cast("list[float]", raw["noise"]))),
    }


def _drift(raw: object) -> Figures:
    """Slope of the total energy of a trajectory; None for one that ended before its time."""
    nve = cast("dict[str, list[float]]", raw)
    if nve["error"] is not None or len(nve["times"]) < 3:
        return {"nve_drift": None, "nve_temperature": None}
    slope = np.polynomial.Polynomial.fit(nve["times"], nve["total"], 1).convert().coef
    per_fs = float(slope[1]) if len(slope) > 1 else 0.0
    return {"nve_drift": per_fs * MILLI * 1000, "nve_temperature": float(np.mean(nve["temperatures"]))}


@dataclass(frozen=True)
class Detector:
    """One figure against what rounding alone may make of it."""

    name: str
    """A key of `figures`."""
    value: float | None
    """The largest over crystals; None where there is none."""
    threshold: float
    sample: str | None
    """The crystal that gave it."""

    @property
    def exceeded(self) -> bool:
        """Whether the constraint is broken here."""
        return self.value is not None and not abs(self.value) <= self.threshold


@dataclass(frozen=True)
class Verdict:
    """Whether a constraint holds, as measured, and whether the card claims it."""

    claim: str
    claimed: bool | None
    """None where the card says nothing."""
    status: Status
    """*confirmed*: every detector is within its threshold at every crystal; *refuted*: one is not; *untested*."""
    detectors: tuple[Detector, ...]

    @property
    def false_label(self) -> bool:
        """Whether the card claims what the numbers refute."""
        return self.claimed is True and self.status == "refuted"


DETECTORS: dict[str, tuple[str, ...]] = {
    "rotation": ("rotation_force", "rotation_energy", "rotation_stress"),
    "inversion": ("inversion_force", "inversion_energy", "inversion_stress"),
    "conservative": ("gradient_ratio", "lambda", "stress_ratio"),
}
"""Claim → the figures that decide it. The first has to be there: without it the claim is untested."""
SIZES: dict[str, tuple[str, ...]] = {
    "rotation": (*DETECTORS["rotation"], "rotation_ratio"),
    "inversion": DETECTORS["inversion"],
    "conservative": ("lambda", "gradient_error", "gradient_ratio", "stress_error", "loop_work"),
}
"""Claim → the metrics that say how much it is broken."""


def verdicts(
    rows: Sequence[Mapping[str, object]], *, claims: Mapping[str, bool | None], limits: Mapping[str, float]
) -> list[Verdict]:
    """A verdict on each claim of DETECTORS, from rows of `Task.table`.

    `claims`: what the card says, by claim; one that is missing is None. `limits`: threshold by figure, of the entry's
    dtype. Raises KeyError where a detector has no threshold.
    """
    found = []
    for claim, names in DETECTORS.items():
        detectors = tuple(_largest(rows, name, limits[name]) for name in names)
        status: Status = "confirmed"
        if any(detector.exceeded for detector in detectors):
            status = "refuted"
        elif detectors[0].value is None:
            status = "untested"
        found.append(Verdict(claim, claims.get(claim), status, detectors))
    return found


def _largest(rows: Sequence[Mapping[str, object]], name: str, threshold: float) -> Detector:
    values = [(abs(cast(float, row[name])), str(row["sample"])) for row in rows if row.get(name) is not None]
    value, sample = max(values, default=(None, None))
    return Detector(name, value, threshold, sample)


def _units(name: str, energy: float | None, force: float | None, stress: float | None) -> Figures:
    return {
        f"{name}_energy": _milli(energy),
        f"{name}_force": _milli(force),
        f"{name}_stress": None if stress is None else GPA * stress,
    }


def _milli(value: float | None) -> float | None:
    return None if value is None else MILLI * value


def _ratio(value: float | None, size: float) -> float | None:
    return None if value is None or not size else value / size


def _uncertainty(forces: Sequence[float]) -> float | None:
    """Standard error (meV/Å) of the root mean square of `forces` (eV/Å, one for each orientation, drawn at random)."""
    squares, size = np.square(forces), cast(float, _rms(forces))
    if len(squares) < 2 or not size:
        return None if len(squares) < 2 else 0.0
    return MILLI * float(squares.std(ddof=1) / np.sqrt(len(squares))) / (2 * size)


def _rms(numbers: Sequence[float] | None) -> float | None:
    return None if numbers is None else float(np.sqrt(np.mean(np.square(numbers))))

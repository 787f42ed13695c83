"""Curves: what stands in `leaderboard/results/tolerance/<entry>/curves.json`, and the protocol it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from zoo.strict import Finite

Dial = Literal["asymmetry", "rotation_error", "smooth", "rough"]
NOISE: tuple[Dial, ...] = ("smooth", "rough")
"""Perturbations that draw random numbers: each level is drawn with every seed."""
PROTOCOL = Path(__file__).parents[1] / "protocols" / "tolerance-v1.yaml"
COMMAND = "python -m evaluation.studies.tolerance leaderboard/results/tolerance"
"""Makes them."""


class Build(Finite):
    """What ase.build.bulk needs."""

    structure: Literal["rocksalt", "diamond", "zincblende", "fcc"]
    a: float


class Minimum(Finite):
    """Of the relaxation of the model as it is."""

    fmax: float
    steps: int


class Imaginary(Finite):
    """Of evaluation.metrics.phonon.Thresholds."""

    acoustic: float
    optical: float
    elsewhere: float


class Retention(Finite):
    """Of the relaxation that may lose the space group."""

    rattle: float
    fmax: float
    steps: int
    symprecs: tuple[float, ...]
    seeds: tuple[int, ...]
    """Of those of the noise, with which a crystal is relaxed as well."""


class ToleranceProtocol(Finite):
    """The numbers of `evaluation/protocols/tolerance-v1.yaml`, which says what they are."""

    version: int
    entry: str
    crystals: dict[str, Build]
    supercell: int
    mesh: int
    displacement: float
    symprec: float
    relaxation: Minimum
    imaginary: Imaginary
    dials: dict[Dial, tuple[float, ...]]
    seeds: tuple[int, ...]
    retention: Retention

    def plan(self) -> list[tuple[Dial, float, int]]:
        """Perturbation, level and seed of each point of every crystal; the reference model, level zero, first."""
        return [
            ("asymmetry", 0.0, self.seeds[0]),
            *(
                (perturbation, level, seed)
                for perturbation, levels in self.dials.items()
                for level in levels
                for seed in (self.seeds if perturbation in NOISE else self.seeds[:1])
            ),
        ]


class StoredResiduals(Finite):
    """Of evaluation.physics.phonons.Residuals, in its units."""

    fc_asymmetry: float
    asr_violation: float
    translation_violation: float
    space_group_residual: float
    degeneracy_splitting: float | None


class SpectrumErrors(Finite):
    """Frequencies (THz) with a fault against those without, at the reference model's geometry.

    Names without an ending: the reduced set of displacements, symmetrised, which is what people do. `_full`: the full
    set, nothing symmetrised.
    """

    omega_mae: float
    omega_bias: float
    omega_max: float
    omega_min: float
    stable: bool
    sound_stable: bool
    omega_mae_full: float
    omega_min_full: float
    stable_full: bool
    sound_stable_full: bool
    residuals_full: StoredResiduals
    residuals_reduced: StoredResiduals
    equilibrium_force: float
    """eV/Å"""


class Retained(Finite):
    """What became of the rattled crystal."""

    converged: bool
    steps: int
    smallest_force: float | None
    """eV/Å"""
    space_groups: tuple[int | None, ...]
    """At the protocol's precisions; None where no structure or no symmetry was found."""
    space_group_sound: int | None
    error: str | None


class Point(Finite):
    """What a fault of one size does to one crystal."""

    crystal: str
    dial: Dial
    level: float
    seed: int
    error: str | None
    """Why there is nothing else."""
    spectrum: SpectrumErrors | None
    relaxation: Retained | None
    """None also where the protocol does not relax with this seed."""
    seconds: float
    """Of wall time, all told."""


class Curves(Finite):
    """All points of one reference model."""

    entry: str
    checkpoint_sha256: str
    protocol: ToleranceProtocol
    device: str
    threads: int
    packages: dict[str, str]
    model_packages: dict[str, str]
    commits: tuple[str | None, ...]
    """Of the checkouts that made the points."""
    started: str
    finished: str
    points: tuple[Point, ...]


def read_curves(path: Path) -> Curves:
    """Read curves. Raises pydantic's ValidationError with field and reason."""
    return Curves.model_validate_json(path.read_text(encoding="utf-8"), strict=True)

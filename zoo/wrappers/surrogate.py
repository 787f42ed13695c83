"""Surrogate: a reference potential with violations of constraints of known size, to test what measures them.

Around a conservative, equivariant potential it adds up to four perturbations, each with an amplitude, for any
structure; it needs no reference data. zoo.wrappers.synthetic_errors has their formulas and what they assume.

- `curl`, eV/Å²: forces that are no gradient. Rotated or inverted together with its cell, the crystal has rotated
  forces; another cell of the same lattice has others.
  λ = ‖(J - Jᵀ)/2‖/‖J‖ of the total field at a structure is `asymmetry`.
- `quadrupole`, eV: an energy that depends on orientation, with its own gradient and stress, so that nothing else
  breaks. Its root mean square over all rotations is `rotation_error`, in closed form.
- `smooth`, eV/Å: force noise that varies over `length`, Å; of that standard deviation over seeds.
- `rough`, eV/Å: white force noise of that standard deviation, drawn anew for every structure, and always the same for
  the same one.

Noise breaks everything else at its own size: rotated forces differ by √2 of it, and λ from differences of step h is
3nσ/(2h‖J‖) of rough noise alone, while that is small. `asymmetry` and `rotation_error` are the values without noise.

The energy and the stress are the potential's and the quadrupole's; curl and noise are in the forces alone, and are
exactly what a detector of F ≠ -∇E has to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from zoo.batch import Array, Computes
from zoo.wrappers import synthetic_errors
from zoo.wrappers.base import Answer, Answers, Wrapper
from zoo.wrappers.jacobian import jacobian
from zoo.wrappers.structure_seed import generator

if TYPE_CHECKING:
    from ase import Atoms

DEFAULT_LENGTH = 0.2
"""Å: about a thermal displacement."""


@dataclass(frozen=True)
class RotationError:
    """Root mean square, over all rotations, of an answer rotated back, less its mean."""

    energy_per_atom: float
    """eV/atom."""
    force: float
    """Over rotations, atoms and components, eV/Å."""
    stress: float
    """Over rotations and components, eV/Å³."""


class Surrogate(Wrapper):
    """`model` should be conservative and equivariant: what it breaks itself comes on top."""

    def __init__(
        self,
        model: Computes,
        *,
        curl: float = 0.0,
        quadrupole: float = 0.0,
        smooth: float = 0.0,
        length: float = DEFAULT_LENGTH,
        rough: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(model)
        self.curl = curl
        self.quadrupole = quadrupole
        self.smooth = smooth
        self.length = length
        self.rough = rough
        self.seed = seed

    @classmethod
    def tuned(
        cls,
        model: Computes,
        atoms: Atoms,
        *,
        asymmetry: float = 0.0,
        rotation_error: float = 0.0,
        smooth: float = 0.0,
        length: float = DEFAULT_LENGTH,
        rough: float = 0.0,
        seed: int = 0,
    ) -> Self:
        """The surrogate whose λ and root mean square rotation error of the forces (eV/Å) at `atoms` are these.

        Raises ValueError where no strength of the fields can bring that about.
        """
        made = cls(model, smooth=smooth, length=length, rough=rough, seed=seed)
        if rotation_error:
            size = cls(model, quadrupole=1.0).rotation_error(atoms).force
            if size < 1e-12:
                raise ValueError("the symmetry of this structure forbids any rotation error of its forces; rattle it")
            made.quadrupole = rotation_error / size
        if asymmetry:
            made.curl = _strength(made._gradient_jacobian(atoms), _curl_jacobian(atoms), asymmetry)
        return made

    def variants(self, atoms: Atoms) -> list[Atoms]:
        return [atoms]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        energy, forces = float(answers.energies[0]), answers.forces[0].copy()
        stress = None if answers.stresses is None else answers.stresses[0].copy()
        pairs = synthetic_errors.Pairs.of(atoms)
        if self.quadrupole:
            field = synthetic_errors.Quadrupole.of(atoms, pairs)
            energy += self.quadrupole * float(field.energy(synthetic_errors.AXIS))
            forces += self.quadrupole * field.forces(synthetic_errors.AXIS)
            if stress is not None:
                stress += self.quadrupole * field.stress(synthetic_errors.AXIS)
        if self.curl:
            forces += self.curl * synthetic_errors.curl_forces(atoms, pairs)
        if self.smooth:
            forces += self.smooth * synthetic_errors.smooth_noise(
                atoms.numbers, synthetic_errors.centres(atoms, pairs), length=self.length, seed=self.seed
            )
        if self.rough:
            forces += self.rough * generator(atoms, seed=self.seed).normal(size=forces.shape)
        return Answer(energy, forces, stress)

    def asymmetry(self, atoms: Atoms) -> float:
        """λ of the forces at this structure, without noise: the norms of the parts, J = J_potential + J_curl.

        J_curl is analytic. J_potential comes from central differences of the potential and the quadrupole, and is
        symmetrised: it is a Hessian.
        """
        total = self._gradient_jacobian(atoms) + self.curl * _curl_jacobian(atoms)
        return float(np.linalg.norm(total - total.T) / 2 / np.linalg.norm(total))

    def rotation_error(self, atoms: Atoms) -> RotationError:
        """How far answers lie apart when the crystal is rotated, without noise: closed form."""
        field = synthetic_errors.Quadrupole.of(atoms, synthetic_errors.Pairs.of(atoms))
        return RotationError(
            energy_per_atom=abs(self.quadrupole) * float(field.energy_rms) / len(atoms),
            force=abs(self.quadrupole) * float(np.sqrt((field.forces_rms**2).mean())),
            stress=abs(self.quadrupole) * float(np.sqrt((field.stress_rms**2).mean())),
        )

    def _gradient_jacobian(self, atoms: Atoms) -> Array:
        """∂F/∂x (3n, 3n), eV/Å², of all that is a gradient."""
        gradient = Surrogate(self.model, quadrupole=self.quadrupole)
        numeric = jacobian(gradient, atoms)
        return (numeric + numeric.T) / 2


def _curl_jacobian(atoms: Atoms) -> Array:
    return synthetic_errors.curl_jacobian(atoms, synthetic_errors.Pairs.of(atoms))


def _strength(gradient: Array, curl: Array, asymmetry: float) -> float:
    """k > 0 with ‖k A‖ = λ ‖H + k (S + A)‖: H the gradient's Jacobian, S and A the curl's symmetric and other parts."""
    symmetric, antisymmetric = (curl + curl.T) / 2, (curl - curl.T) / 2
    square = (antisymmetric**2).sum()
    a = square - asymmetry**2 * (square + (symmetric**2).sum())
    b, c = asymmetry**2 * (gradient * symmetric).sum(), asymmetry**2 * (gradient**2).sum()
    if not (a > 0 and c > 0):  # k = (b + √(b² + a c)) / a solves a k² - 2 b k - c = 0
        most = np.sqrt(square / (curl**2).sum()) if square > 0 else 0.0
        raise ValueError(f"λ = {asymmetry:g} is out of reach of this structure: between 0 and {most:.3g} is within it")
    return float((b + np.sqrt(b**2 + a * c)) / a)

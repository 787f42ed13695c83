"""Optimizer: torch-sim's batched steps for crystals that come and go. The one module of the physics that needs torch.

torch-sim 0.6.2's own loop is not used. Its rules of convergence are other than ASE's, it checks none before the first
step, does not say who converged, and one structure that the model cannot do ends it for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

import numpy as np
import torch
import torch_sim as ts
from torch_sim.constraints import FixSymmetry, SystemConstraint
from torch_sim.models.interface import ModelInterface
from torch_sim.optimizers.fire import fire_init, fire_step
from torch_sim.optimizers.lbfgs import lbfgs_init, lbfgs_step

from zoo.batch import Array, Batch, StructureFailure
from zoo.torch_sim import structures

if TYPE_CHECKING:
    from ase import Atoms
    from torch_sim.state import SimState

    from evaluation.physics.relaxation import Relaxation
    from zoo.batch import Computes

CPU = torch.device("cpu")
# ASE's FIRE starts at 0.1 and keeps that in its first step. torch-sim halves it there for whoever joins a running batch
# (velocity zero is power zero, which it takes for uphill): twice as much, and zero velocities for all, come out right.
FIRE_DT_START = 0.2
FIRST_STIFFNESS = 20.0
"""eV/Å², of a crystal's first L-BFGS step, before there is a curvature to go by. torch-sim takes 1, and overshoots:
so CHGNet took 162 steps for 28 small crystals, with this it takes 116, with ASE's 70 129."""


@dataclass(frozen=True)
class Measurement:
    """One crystal's figures after one evaluation; NaN where the model failed."""

    energy: float
    """eV"""
    max_force: float
    """eV/Å: longest row of F times the deformation gradient, as ASE's cell filters have it."""
    max_cell_force: float | None
    """eV/Å: longest row of the generalised cell forces; None for a fixed cell."""
    max_strain: float
    """Largest logarithmic principal strain against the start, without sign."""
    calls: int
    seconds: float
    error: StructureFailure | None
    stress: Array | None = None
    """(3, 3), eV/Å³: the model's own; None where it has none."""


class Optimizer:
    """Crystals in one batch, known by the caller's index."""

    def __init__(self, potential: Computes, settings: Relaxation) -> None:
        self._settings = settings
        self._model = _Model(potential, needs_stress=settings.cell != "fixed")
        self._state: Any = None  # torch-sim's CellFireState, FireState, CellLBFGSState or LBFGSState
        self.members: list[int] = []

    def enter(self, crystals: Mapping[int, Atoms]) -> list[tuple[int, Measurement]]:
        """Evaluate newcomers and put them into the batch."""
        found, indices, states = [], [], []
        for index, atoms in crystals.items():
            try:
                states.append(self._prepared(atoms))
            except ValueError as reason:  # moyopy's, for a structure that it finds no symmetry in
                error = StructureFailure("failed", f"no symmetry at {self._settings.symprec} Å: {reason}")
                found.append((index, Measurement(np.nan, np.nan, None, np.nan, 0, 0.0, error)))
                continue
            indices.append(index)
        if states:
            fresh = self._start(ts.concatenate_states(states))
            found += zip(indices, self._measured(fresh), strict=True)
            self._state = fresh if self._state is None else ts.concatenate_states([self._state, fresh])
            self.members += indices
        return found

    def step(self) -> list[tuple[int, Measurement]]:
        """One step of every member."""
        if not self.members:
            return []
        if self._settings.optimizer == "fire":
            self._state = fire_step(self._state, self._model)
        else:
            self._state.alpha = (
                FIRST_STIFFNESS * (self._state.n_iter == 0).double()
            )  # zero: by the last step's curvature
            self._state = lbfgs_step(self._state, self._model)
        return list(zip(self.members, self._measured(self._state), strict=True))

    def leave(self, indices: Sequence[int]) -> dict[int, tuple[Array, Array]]:
        """Take members out of the batch: positions (n_i, 3) and cell (3, 3; rows), Å, of each."""
        places = [place for place, index in enumerate(self.members) if index in indices]
        if not places:
            return {}
        gone = structures(self._state)
        left = {self.members[place]: (gone[place].positions, gone[place].cell.array) for place in places}
        self.members = [index for index in self.members if index not in indices]
        if self.members:
            self._state.pop(places)
        else:
            self._state = None
        return left

    def _prepared(self, atoms: Atoms) -> SimState:
        state = ts.io.atoms_to_state([_bare(atoms)], CPU, torch.float64)
        constraints: list[Any] = []
        if self._settings.symprec is not None:
            constraints.append(FixSymmetry.from_state(state, symprec=self._settings.symprec))
        if self._settings.cell == "no-tilt":
            constraints.append(_NoTilt([0]))
        state.constraints = constraints
        return state

    def _start(self, state: SimState) -> Any:  # noqa: ANN401  # one of four classes without a common one
        # energies, forces and stress are asked for twice: for the atoms, and by the filter of the cell
        options: dict[str, Any] = {}
        if self._settings.cell != "fixed":
            options = {"cell_filter": ts.CellFilter.frechet, "scalar_pressure": self._settings.pressure}
        if self._settings.optimizer == "lbfgs":
            return lbfgs_init(state, self._model, **options)
        fresh = fire_init(state, self._model, dt_start=FIRE_DT_START, **options)
        fresh.velocities.zero_()
        if self._settings.cell != "fixed":
            fresh.cell_velocities.zero_()
        return fresh

    def _measured(self, state: Any) -> Iterator[Measurement]:  # noqa: ANN401
        free = self._settings.cell != "fixed"
        forces = (state.deform_grad_forces() if free else state.forces).norm(dim=1)
        longest = torch.zeros(state.n_systems, dtype=forces.dtype).scatter_reduce(0, state.system_idx, forces, "amax")
        rows = state.cell_forces.norm(dim=2).amax(dim=1).tolist() if free else [None] * state.n_systems
        strains = _strains(state.deform_grad()) if free else [0.0] * state.n_systems
        batch = self._model.last
        seconds = batch.share_seconds()
        for place in range(state.n_systems):
            yield Measurement(
                energy=float(state.energy[place]),
                max_force=float(longest[place]),
                max_cell_force=rows[place],
                max_strain=strains[place],
                calls=int(batch.calls[place]),
                seconds=float(seconds[place]),
                error=self._model.errors[place],
                stress=None if batch.stresses is None else batch.stresses[place],
            )


class _Model(ModelInterface):
    """torch-sim's interface to a potential that may fail for some structures: their numbers are NaN, with a reason."""

    def __init__(self, potential: Computes, *, needs_stress: bool) -> None:
        super().__init__()
        self._potential = potential
        self._needs_stress = needs_stress
        self._device, self._dtype = CPU, torch.float64
        self._compute_stress = self._compute_forces = True
        self._memory_scales_with = "n_atoms"
        self._asked: tuple[torch.Tensor, torch.Tensor] | None = None
        self.last: Batch
        self.errors: list[StructureFailure | None] = []

    @override
    def forward(self, state: SimState, **_: object) -> dict[str, torch.Tensor]:
        asked = state.positions, state.cell
        if self._asked is None or not all(map(torch.equal, self._asked, asked)):
            self.last = self._potential.compute(structures(state))
            self._asked = asked[0].clone(), asked[1].clone()
            self.errors = list(self.last.errors)
            if self.last.stresses is None and self._needs_stress:
                without = StructureFailure("unsupported", "no stress, and the cell is to relax")
                self.errors = [error or without for error in self.errors]
        stresses = self.last.stresses
        if stresses is None:
            stresses = np.full((len(self.last), 3, 3), np.nan)
        # copies: torch-sim's constraints write into what they are given
        return {
            "energy": torch.tensor(self.last.energies, dtype=self._dtype),
            "forces": torch.tensor(np.concatenate(self.last.forces), dtype=self._dtype),
            "stress": torch.tensor(stresses, dtype=self._dtype),
        }


class _NoTilt(SystemConstraint):
    """No shear: ASE's mask xx yy zz, as a constraint on the stress that drives the cell."""

    @override
    def adjust_stress(self, state: SimState, stress: torch.Tensor) -> None:
        diagonal = torch.eye(3, dtype=stress.dtype)
        stress[self.system_idx] = stress[self.system_idx] * diagonal

    @override
    def adjust_positions(self, state: SimState, new_positions: torch.Tensor) -> None:
        pass

    @override
    def adjust_forces(self, state: SimState, forces: torch.Tensor) -> None:
        pass

    @override
    def get_removed_dof(self, state: SimState) -> torch.Tensor:
        return torch.full((state.n_systems,), 3)


def _strains(deformations: torch.Tensor) -> list[float]:
    """Largest logarithmic principal strain, without sign, of deformation gradients (n, 3, 3)."""
    strains: list[float] = torch.linalg.svdvals(deformations).log().abs().amax(dim=1).tolist()
    return strains


def _bare(atoms: Atoms) -> Atoms:
    """Without what torch-sim might read besides the structure: constraints, charges, spins."""
    from ase import Atoms as AseAtoms

    return AseAtoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)

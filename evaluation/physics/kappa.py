"""Lattice thermal conductivity of crystals: displaced supercells, their forces, force constants, phonon lifetimes.

The model and the solver work at the same time: while one crystal's force constants are solved, the next one's forces
are computed. Everything that was computed is kept, so that an interrupted run goes on where it stood, inside a crystal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.kappa import average, is_imaginary, lowest_frequencies, mode_kappa
from evaluation.outputs.kappa import Modes
from evaluation.solvers.client import SolverError
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from evaluation.solvers.array_cache import Arrays, Kept
    from evaluation.solvers.client import Solver
    from zoo.batch import Computes

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ConductivitySettings:
    """How to compute a conductivity."""

    displacement: float
    """Å."""
    symprec: float
    """Å: precision at which symmetry reduces the displacements and names the space group."""
    temperature: float
    """K."""
    boundary_mfp_um: float
    """Mean free path between boundaries, µm."""
    gamma_acoustic: float
    """THz: an acoustic mode at Γ below this is imaginary; the same for the next two."""
    gamma_optical: float
    elsewhere: float
    supercells_per_batch: int
    """Supercells whose forces are computed, and kept, together."""


@dataclass(frozen=True)
class ConductivityCrystal:
    """A relaxed crystal and what its conductivity is computed on. Matrices are phonopy's."""

    atoms: Atoms
    space_group: int
    """International number that it must still have."""
    fc2_supercell: Integers
    """(3, 3)."""
    fc3_supercell: Integers
    """(3, 3)."""
    primitive_matrix: Array
    """(3, 3)."""
    mesh: Integers
    """(3,) q-points along each reciprocal axis."""


@dataclass
class ConductivityOutcome:
    """What became of one crystal."""

    kind: Literal["kappa", "imaginary", "symmetry", "failed"] = "failed"
    """`symmetry`: the relaxed crystal has another space group, `imaginary`: imaginary modes. Neither goes further."""
    error: StructureFailure | None = None
    """The model's or the solver's reason, when it failed."""
    space_group: int | None = None
    """Of the relaxed crystal."""
    n_displacements: tuple[int, int] | None = None
    """Supercells for second-order and third-order force constants."""
    lowest: dict[str, float] | None = None
    """Lowest frequencies, THz: `gamma_acoustic`, `gamma_optical`, `elsewhere`."""
    max_net_force: float | None = None
    """eV/Å: largest mean force on a supercell; zero for the gradient of an energy."""
    modes: Modes | None = None
    force_calls: int = 0
    atom_calls: int = 0
    seconds: float = 0.0
    """Inside the model."""


def conductivities(
    potential: Computes,
    crystals: Sequence[ConductivityCrystal],
    settings: ConductivitySettings,
    *,
    solver: Solver,
    kept: Kept,
) -> list[ConductivityOutcome]:
    """Conductivities by Wigner transport in the relaxation-time approximation; one outcome for each crystal.

    Second-order forces come first: a crystal with imaginary modes costs no third-order ones. Raises
    zoo.errors.WorkerError and evaluation.errors.SolverFault for what is no crystal's fault.
    """
    works = [_Work(potential, crystal, settings, solver, kept) for crystal in crystals]
    for stage in (_Work.displace, _Work.second_order, _Work.third_order, _Work.finish):
        for work in works:
            if not work.ended:
                work.attempt(stage)
    return [work.outcome for work in works]


class _ModelError(ValueError):
    """The model could not do a supercell."""

    def __init__(self, failure: StructureFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Work:
    """One crystal on its way."""

    def __init__(
        self,
        potential: Computes,
        crystal: ConductivityCrystal,
        settings: ConductivitySettings,
        solver: Solver,
        kept: Kept,
    ) -> None:
        self.potential, self.settings, self.solver, self.kept = potential, settings, solver, kept
        self.crystal = crystal
        self.outcome = ConductivityOutcome()
        self.ended = False
        self.asked: Future[Arrays]
        self.supercells: Arrays = {}
        self.forces: dict[str, Array] = {}

    def attempt(self, stage: Callable[[_Work], None]) -> None:
        """Run one stage; the crystal's failure ends its way."""
        try:
            stage(self)
        except _ModelError as reason:
            self.outcome.error, self.ended = reason.failure, True
        except SolverError as reason:
            self.outcome.error, self.ended = StructureFailure("failed", str(reason)), True

    def displace(self) -> None:
        self.asked = self.solver.ask("supercells", self._question())

    def second_order(self) -> None:
        self.supercells = self.asked.result()
        self.outcome.space_group = int(self.supercells["space_group"])
        self.outcome.n_displacements = (len(self.supercells["fc2_positions"]), len(self.supercells["fc3_positions"]))
        if self.outcome.space_group != self.crystal.space_group:
            self.outcome.kind, self.ended = "symmetry", True
            return
        self.forces["fc2_forces"] = self._forces("fc2")
        self.asked = self.solver.ask("harmonic", {**self._question(), **self.forces, "mesh": self.crystal.mesh})

    def third_order(self) -> None:
        frequencies = self.asked.result()["frequencies"]
        self.outcome.lowest = lowest_frequencies(frequencies)
        limits = self.settings
        if is_imaginary(
            frequencies,
            gamma_acoustic=limits.gamma_acoustic,
            gamma_optical=limits.gamma_optical,
            elsewhere=limits.elsewhere,
        ):
            self.outcome.kind, self.ended = "imaginary", True
            return
        self.forces["fc3_forces"] = self._forces("fc3")
        conditions = {
            "mesh": self.crystal.mesh,
            "temperature": np.array(limits.temperature),
            "boundary_mfp_um": np.array(limits.boundary_mfp_um),
        }
        self.asked = self.solver.ask("conductivity", {**self._question(), **self.forces, **conditions})

    def finish(self) -> None:
        found = self.asked.result()
        modes = mode_kappa(found["mode_kappa_particles"], found["mode_kappa_coherences"], found["heat_capacities"])
        self.outcome.modes = Modes(
            addresses=np.rint(found["qpoints"] * self.crystal.mesh).astype(np.int64),
            weights=found["weights"].astype(np.int64),
            frequencies=found["frequencies"],
            mode_kappa=average(modes),
            kappa_particles=found["kappa_particles"],
            kappa_coherences=found["kappa_coherences"],
        )
        if not np.isfinite(self.outcome.modes.kappa):
            raise SolverError("the conductivity is not a number")
        self.outcome.kind, self.ended = "kappa", True

    def _question(self) -> Arrays:
        crystal, atoms = self.crystal, self.crystal.atoms
        return {
            "cell": atoms.cell.array,
            "positions": atoms.get_scaled_positions(wrap=False),
            "numbers": atoms.numbers,
            "fc2_supercell": crystal.fc2_supercell,
            "fc3_supercell": crystal.fc3_supercell,
            "primitive_matrix": crystal.primitive_matrix,
            "displacement": np.array(self.settings.displacement),
            "symprec": np.array(self.settings.symprec),
        }

    def _forces(self, order: Literal["fc2", "fc3"]) -> Array:
        """Forces (n, N, 3) on all supercells of an order, eV/Å, batch by batch."""
        cell, numbers = self.supercells[f"{order}_cell"], self.supercells[f"{order}_numbers"]
        positions = self.supercells[f"{order}_positions"]
        found = []
        for start in range(0, len(positions), self.settings.supercells_per_batch):
            part = positions[start : start + self.settings.supercells_per_batch]
            given = {"cell": cell, "numbers": numbers, "positions": part}
            batch = self.kept.find("forces", given)
            if batch is None:
                batch = self._compute(cell, numbers, part)
                self.kept.keep("forces", given, batch)
            self.outcome.force_calls += int(batch["calls"])
            self.outcome.atom_calls += int(batch["calls"]) * len(numbers)
            self.outcome.seconds += float(batch["seconds"])
            found.append(batch["forces"])
        forces: Array = np.concatenate(found)
        net = float(np.abs(forces.mean(axis=1)).max())
        self.outcome.max_net_force = max(net, self.outcome.max_net_force or 0.0)
        return forces

    def _compute(self, cell: Array, numbers: Integers, positions: Array) -> Arrays:
        from ase import Atoms

        batch = self.potential.compute([Atoms(numbers, positions=p, cell=cell, pbc=True) for p in positions])
        error = next(filter(None, batch.errors), None)
        if error:
            raise _ModelError(error)
        return {
            "forces": np.array(batch.forces),
            "calls": np.array(batch.calls.sum()),
            "seconds": np.array(batch.seconds),
        }

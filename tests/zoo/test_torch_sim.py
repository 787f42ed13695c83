"""Through torch-sim: the same numbers as ASE's calculator, and a relaxation that ends where ASE's does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms
from ase.build import bulk, fcc111
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from tests import toy
from tests.declared import declared
from zoo.errors import StructureError
from zoo.potential import Potential

FMAX = 0.02


@pytest.fixture
def potential(tmp_path: Path) -> Iterator[Potential]:
    with toy.potential(tmp_path) as made:
        yield made


def crystals() -> list[Atoms]:
    made = [bulk("Cu", a=3.7), bulk("Mg").repeat((2, 1, 1))]
    rng = np.random.default_rng(1)
    for atoms in made:
        atoms.positions += rng.normal(0, 0.03, atoms.positions.shape)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.01 * rng.normal(size=(3, 3))), scale_atoms=True)
    return made


def test_a_state_gives_what_compute_gives(potential: Potential) -> None:
    atoms = crystals()
    batch = potential.compute(atoms)
    state = ts.io.atoms_to_state(atoms, torch.device("cpu"), torch.float64)
    out = potential.as_torch_sim()(state)
    assert batch.stresses is not None
    assert np.allclose(out["energy"].numpy(), batch.energies, rtol=0, atol=1e-12)
    assert np.allclose(out["forces"].numpy(), np.concatenate(batch.forces), rtol=0, atol=1e-12)
    assert np.allclose(out["stress"].numpy(), batch.stresses, rtol=0, atol=1e-13)
    assert out["energy"].dtype == torch.float64


def test_the_dtype_is_the_states(potential: Potential) -> None:
    state = ts.io.atoms_to_state(crystals(), torch.device("cpu"), torch.float32)
    out = potential.as_torch_sim(dtype="float32")(state)
    assert {tensor.dtype for tensor in out.values()} == {torch.float32}


def test_a_system_that_cannot_be_computed_is_named(potential: Potential) -> None:
    state = ts.io.atoms_to_state([bulk("Cu"), bulk("La", "fcc", a=5.3)], torch.device("cpu"), torch.float64)
    with pytest.raises(StructureError, match="system 1: ValueError: lanthanum is refused"):
        potential.as_torch_sim()(state)


def test_a_relaxation_ends_where_ases_does(potential: Potential) -> None:
    def converged(state: Any, last_energy: torch.Tensor | None = None) -> torch.Tensor:
        """ASE's rule for a filtered cell: every row of deformed-frame forces and of cell forces below fmax."""
        atoms = state.deform_grad_forces().norm(dim=1)
        worst = torch.zeros(state.n_systems, dtype=atoms.dtype).scatter_reduce(0, state.system_idx, atoms, "amax")
        return torch.maximum(worst, state.cell_forces.norm(dim=2).amax(1)) < FMAX

    final = ts.optimize(
        system=crystals(),
        model=potential.as_torch_sim(),
        optimizer=ts.Optimizer.fire,
        convergence_fn=converged,
        max_steps=500,
        steps_between_swaps=1,
        init_kwargs={"cell_filter": ts.CellFilter.frechet},
    )
    assert bool(converged(final).all())
    for atoms, energy in zip(crystals(), final.energy.numpy(), strict=True):
        atoms.calc = potential
        assert FIRE(FrechetCellFilter(atoms), logfile=io.StringIO()).run(fmax=FMAX, steps=500)
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-3 * len(atoms))


def test_a_slab_and_a_molecule_keep_their_own_pbc(potential: Potential) -> None:
    slab = fcc111("Cu", (2, 2, 2), vacuum=8.0)
    slab.rattle(0.05, seed=1)
    pair = Atoms("Cu2", [[0, 0, 0], [0.1, 0.2, 2.3]], cell=[4.0, 4.0, 4.0])
    model = potential.as_torch_sim()
    for atoms in (slab, pair):
        batch = potential.compute([atoms])
        assert batch.stresses is not None
        out = model(ts.io.atoms_to_state([atoms], torch.device("cpu"), torch.float64))
        assert out["energy"].numpy() == pytest.approx(batch.energies, abs=1e-12)
        assert np.allclose(out["stress"].numpy(), np.nan_to_num(batch.stresses), rtol=0, atol=1e-13)
    assert potential.compute([pair]).energies != potential.compute([Atoms(pair, pbc=True)]).energies


def test_systems_that_are_periodic_in_different_directions_are_refused(potential: Potential) -> None:
    mixed = [bulk("Cu"), fcc111("Cu", (1, 1, 2), vacuum=8.0)]
    with pytest.raises(ValueError, match="must have the same periodic boundary conditions"):  # by torch-sim itself
        ts.io.atoms_to_state(mixed, torch.device("cpu"), torch.float64)
    state = ts.io.atoms_to_state([bulk("Cu"), bulk("Cu")], torch.device("cpu"), torch.float64)
    state.pbc = torch.tensor([[True, True, True], [True, True, False]])
    with pytest.raises(StructureError, match="one pbc for all systems"):
        potential.as_torch_sim()(state)


def test_charge_and_spin_of_a_state_reach_the_model() -> None:
    pair = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], info={"charge": -2, "spin": 3})
    extras: Any = {"charge": "charge", "spin": "spin"}  # torch-sim's types know no names but its own
    state = ts.io.atoms_to_state([pair, pair], torch.device("cpu"), torch.float64, system_extras_map=extras)
    reads = declared(pbc="any", reads=["charge", "spin"])
    assert reads.as_torch_sim()(state)["energy"].numpy() == pytest.approx(reads.compute([pair, pair]).energies)

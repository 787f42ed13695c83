"""A potential as a torch-sim model: batched relaxation and dynamics over any family, isolated or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

import numpy as np
import torch
from ase import Atoms
from torch_sim.models.interface import ModelInterface

from zoo.errors import StructureError

if TYPE_CHECKING:
    from torch_sim.state import SimState

    from zoo.batch import Computes
    from zoo.cards.mode import Dtype


class TorchSimModel(ModelInterface):
    """A potential behind torch-sim's ModelInterface.

    The state may live on any device; positions and cells cross the pipe as float64, and the answers come back in
    `dtype` on the state's device. Energies eV (n_systems,), forces eV/Å (n_atoms, 3), stress eV/Å³ (n_systems, 3, 3).
    """

    def __init__(
        self,
        potential: Computes,
        *,
        device: str = "cpu",
        dtype: Dtype = "float64",
    ) -> None:
        super().__init__()
        self._potential = potential
        self._device = torch.device(device)
        self._dtype = {"float32": torch.float32, "float64": torch.float64}[dtype]
        self._compute_stress = True
        self._compute_forces = True
        self._memory_scales_with = "n_atoms"

    @override
    def forward(self, state: SimState, **_: object) -> dict[str, torch.Tensor]:
        """Energies, forces and stresses of all systems of a state.

        Raises StructureError when the potential cannot compute one of them, or has no stress.
        """
        batch = self._potential.compute(structures(state))
        failed = {index: error for index, error in enumerate(batch.errors) if error}
        if failed:
            raise StructureError("; ".join(f"system {index}: {error}" for index, error in failed.items()))
        if batch.stresses is None:
            raise StructureError("the potential has no stress, which torch-sim expects")
        return {
            "energy": self._tensor(batch.energies),
            "forces": self._tensor(np.concatenate(batch.forces)),
            # there is none in a direction that is not periodic, and torch-sim has no way to say so
            "stress": self._tensor(batch.stresses if state.pbc.all() else np.zeros_like(batch.stresses)),
        }

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device=self._device, dtype=self._dtype)


def structures(state: SimState) -> list[Atoms]:
    """The systems of a torch-sim state as ASE atoms. torch-sim's cells have their vectors as columns, ours as rows."""
    numbers = state.atomic_numbers.cpu().numpy()
    positions = state.positions.detach().double().cpu().numpy()
    cells = state.row_vector_cell.detach().double().cpu().numpy()
    pbc = state.pbc.cpu().numpy()
    ends = np.cumsum(state.n_atoms_per_system.cpu().numpy())[:-1]
    return [
        Atoms(numbers=n, positions=p, cell=cell, pbc=pbc)
        for n, p, cell in zip(np.split(numbers, ends), np.split(positions, ends), cells, strict=True)
    ]

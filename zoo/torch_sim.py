"""A potential as a torch-sim model: batched relaxation and dynamics over any family, isolated or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

import numpy as np
import torch
from ase import Atoms
from torch_sim.models.interface import ModelInterface

from zoo.errors import StructureError
from zoo.runtime.electrons import READ

if TYPE_CHECKING:
    from torch_sim.state import SimState

    from zoo.batch import Computes
    from zoo.cards.mode import Dtype


class TorchSimModel(ModelInterface):
    """A potential behind torch-sim's ModelInterface.

    Every system of a state has the state's `pbc`: torch-sim keeps one for all, and refuses a list of Atoms that differ
    in it. `charge` and `spin` among the state's system extras reach the models that read them.

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
            # a molecule has none, and torch-sim has no way to say so
            "stress": self._tensor(np.nan_to_num(batch.stresses)),
        }

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device=self._device, dtype=self._dtype)


def structures(state: SimState) -> list[Atoms]:
    """The systems of a torch-sim state as ASE atoms. torch-sim's cells have their vectors as columns, ours as rows.

    Raises StructureError where the state's `pbc` is not one for all systems.
    """
    numbers = state.atomic_numbers.cpu().numpy()
    positions = state.positions.detach().double().cpu().numpy()
    cells = state.row_vector_cell.detach().double().cpu().numpy()
    pbc = state.pbc.cpu().numpy()
    if pbc.ndim > 1:
        raise StructureError(
            f"the state's pbc has shape {pbc.shape}, and torch-sim has one pbc for all systems of a state: give "
            "structures that are periodic in different directions a state each"
        )
    ends = np.cumsum(state.n_atoms_per_system.cpu().numpy())[:-1]
    totals = {key: state.system_extras[key].cpu().numpy() for key in READ if key in state.system_extras}
    return [
        Atoms(
            numbers=n,
            positions=p,
            cell=cell,
            pbc=pbc,
            info={key: each[index].item() for key, each in totals.items()},
        )
        for index, (n, p, cell) in enumerate(
            zip(np.split(numbers, ends), np.split(positions, ends), cells, strict=True)
        )
    ]

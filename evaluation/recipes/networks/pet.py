"""PET as metatrain has it, trained through its tensors alone. Loaded by path in PET's environment, by fit.py."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

# metatrain imports it for training on a cluster; the package has no wheel
if importlib.util.find_spec("hostlist") is None:
    sys.modules["hostlist"] = types.ModuleType("hostlist")

import metatensor.torch as mts
import metatomic.torch  # noqa: F401  # registers the classes that a checkpoint is made of
import numpy as np
import torch
from metatrain.pet import PET
from metatrain.utils.architectures import get_default_hypers
from metatrain.utils.data import DatasetInfo
from metatrain.utils.data.target_info import TargetInfo, get_energy_target_info, get_generic_target_info
from vesin import NeighborList

DIRECT = ("non_conservative_force", "non_conservative_stress")


def edges(positions: np.ndarray, cell: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers (E,), neighbours (E,) and cell shifts (E, 3) of all pairs within the cutoff (Å), in both directions."""
    search = NeighborList(cutoff=cutoff, full_list=True)
    i, j, shifts = search.compute(points=positions, box=cell, periodic=True, quantities="ijS")
    return i, j, shifts


class Network:
    """A fresh PET with an energy, direct forces and a direct stress; no buffer is left to chance."""

    def __init__(self, hypers: dict[str, Any], composition: dict[int, float], neighbours: float) -> None:
        """`composition`: eV per atom by atomic number; the mean number of `neighbours` is of no use to PET."""
        del neighbours
        targets = {
            "energy": get_energy_target_info(
                "energy", {"quantity": "energy", "unit": "eV"}, add_position_gradients=True, add_strain_gradients=True
            ),
            DIRECT[0]: _cartesian(DIRECT[0], 1, "force", "eV/Angstrom", "atom"),
            DIRECT[1]: _cartesian(DIRECT[1], 2, "pressure", "eV/Angstrom^3", "system"),
        }
        types = sorted(composition)
        model = PET({**get_default_hypers("pet")["model"], **hypers}, DatasetInfo("angstrom", types, targets))
        atoms = model.additive_models[0]
        block = atoms.model.weights["energy"].block(0)
        block.values[:] = torch.tensor([[composition[z]] for z in types], dtype=block.values.dtype)
        atoms.energy_composition_buffer = mts.save_buffer(mts.make_contiguous(atoms.model.weights["energy"]))
        for part in (atoms, model.scaler):
            part.dummy_buffer.zero_()
            used = torch.zeros(len(part.model.type_to_index), dtype=torch.bool)
            used[types] = True
            part.model.type_to_index[~used] = 0  # made by torch.empty
        self._model = model
        self.module: Any = model.backend

    def __call__(self, batch: Any, positions: torch.Tensor, cells: torch.Tensor) -> dict[str, torch.Tensor]:
        """Energies (n,) without the composition's part, direct forces (N, 3) and direct stresses (n, 3, 3)."""
        data = self.module.preprocess(
            positions,
            batch.centers,
            batch.neighbours,
            batch.numbers,
            cells,
            batch.shifts,
            batch.owner,
            self._model.cutoff_width_adaptive,
        )
        nodes, pairs = self.module.calculate_features(data)
        answer, *_ = self.module.predict(nodes, pairs, data, cells, batch.owner, ["energy", *DIRECT])
        none = torch.zeros(len(cells), device=cells.device)
        return {
            "energy": none.index_add(0, batch.owner, answer["energy"][0].reshape(-1)),
            "direct_forces": answer[DIRECT[0]][0].reshape(-1, 3),
            "direct_stress": torch.zeros_like(cells).index_add(0, batch.owner, answer[DIRECT[1]][0].reshape(-1, 3, 3)),
        }

    def save(self, path: Path) -> None:
        """A checkpoint in metatrain's own format."""
        torch.save(self._model.get_checkpoint(), path)


def _cartesian(name: str, rank: int, quantity: str, unit: str, kind: str) -> TargetInfo:
    described = {"quantity": quantity, "unit": unit, "type": {"cartesian": {"rank": rank}}, "num_subtargets": 1}
    return get_generic_target_info(name, {**described, "sample_kind": kind})

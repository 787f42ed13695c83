"""SevenNet: equivariant and conservative by construction. Loaded by path in SevenNet's environment, by fit.py."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sevenn
import sevenn._keys as keys
import torch
from matscipy.neighbours import neighbour_list
from sevenn._const import DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG
from sevenn.model_build import build_E3_equivariant_model


def edges(positions: np.ndarray, cell: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers (E,), neighbours (E,) and cell shifts (E, 3) of all pairs within the cutoff (Å), in both directions."""
    i, j, shifts = neighbour_list("ijS", positions=positions, cell=cell, pbc=(True, True, True), cutoff=cutoff)
    return i, j, shifts


class Network:
    """A fresh SevenNet. Its own energies of single atoms are the composition's; its gradients are taken by fit.py."""

    def __init__(self, hypers: dict[str, Any], composition: dict[int, float], neighbours: float) -> None:
        """`composition`: eV per atom by atomic number; messages are divided by the mean number of `neighbours`."""
        types = {z: index for index, z in enumerate(sorted(composition))}
        self._config = {
            **DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG,
            **hypers,
            keys.TYPE_MAP: types,
            keys.NUM_SPECIES: len(types),
            keys.SHIFT: [composition[z] for z in types],
            keys.SCALE: [1.0] * len(types),
            keys.CONV_DENOMINATOR: [neighbours] * int(hypers[keys.NUM_CONVOLUTION]),
            "version": sevenn.__version__,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript, deprecated
            self.module: Any = build_E3_equivariant_model(self._config)
        self.module.set_is_batch_data(True)
        self._shifts = torch.zeros(max(types) + 1)
        self._shifts[list(types)] = torch.tensor([composition[z] for z in types])

    def __call__(self, batch: Any, positions: torch.Tensor, cells: torch.Tensor) -> dict[str, torch.Tensor]:
        """Energies (n,) without the composition's part."""
        shifts = torch.einsum("ei,eij->ej", batch.shifts.to(cells.dtype), cells[batch.owner[batch.centers]])
        data = {
            keys.NODE_FEATURE: batch.numbers,
            keys.ATOMIC_NUMBERS: batch.numbers,
            keys.POS: positions,
            keys.EDGE_IDX: torch.stack([batch.centers, batch.neighbours]),
            keys.EDGE_VEC: positions[batch.neighbours] - positions[batch.centers] + shifts,
            keys.CELL_VOLUME: torch.linalg.det(cells).abs(),
            keys.NUM_ATOMS: batch.sizes,
            keys.BATCH: batch.owner,
        }
        data[keys.NODE_FEATURE] = self.module._atomic_numbers_to_onehot(batch.numbers)  # noqa: SLF001  # no public way
        for name, layer in self.module.named_children():
            if name != "force_output":
                data = layer(data)
        shifts = self._shifts.to(cells.device)[batch.numbers]
        composition = torch.zeros(len(cells), device=cells.device).index_add(0, batch.owner, shifts)
        return {"energy": data[keys.PRED_TOTAL_ENERGY].reshape(-1) - composition}

    def save(self, path: Path) -> None:
        """A checkpoint in SevenNet's own format."""
        torch.save({"config": self._config, "model_state_dict": self.module.state_dict()}, path)

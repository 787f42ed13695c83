# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "eqnorm==0.1.1",
#   "torch==2.13.0",
#   "torch-geometric==2.8.1",
#   "torch-scatter==2.1.2",
#   "e3nn==0.6.0",
#   "matscipy==1.3.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Eqnorm (Chen et al. 2025): equivariant message passing beside an invariant branch, batched natively, in float32.

The environment cannot be installed: torch-scatter 2.1.2 has no wheel for this torch, and building it fails because it
imports torch without saying that it needs it. Cards of this family stay unverified until that changes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.resources
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from safetensors.torch import load_file

ARCHITECTURE = "eqnorm-mptrj"
"""The library has one module and one file of settings per model; this is the one whose weights were published."""
VALUES = {"unique_elements": "elements", "energy_shift": "shift", "energy_scale": "scale"}
"""Tensors that the checkpoint has beside the network's own, and what they are called here."""


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> EqnormModel:
    """An Eqnorm checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"Eqnorm has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if dtype != "float32":
        raise ValueError(f"Eqnorm casts its input to float32; asked for {dtype}")
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return EqnormModel(config, tensors, device=device)


class EqnormModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str) -> None:
        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        values = {name: tensors[name].to(self.device) for name in VALUES.values()}
        network = importlib.import_module(f"eqnorm.{ARCHITECTURE}").HDNNP(
            args=argparse.Namespace(**config),
            unique_elements=values["elements"],
            shift=values["shift"],
            scale=values["scale"],
        )
        own = {name: tensor for name, tensor in tensors.items() if name not in values}
        network.load_state_dict(own, strict=True)
        count = sum(p.numel() for p in network.parameters())
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        self.network = network.to(self.device).eval()
        self.cutoff = float(config["r_cutoff"])
        self.facts = {
            "parameters": [count, count],
            "cutoff": self.cutoff,
            "elements": [chemical_symbols[z] for z in tensors["elements"].tolist()],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        from torch_geometric.data import Batch

        near = [structure.central() for structure in structures]
        batch = Batch.from_data_list([self._graph(structure) for structure in near]).to(self.device)
        energies, forces, stresses, _, _ = self.network(batch.to_dict(), training=False)
        ends = np.cumsum([len(structure.numbers) for structure in structures])
        voigt = _numpy(stresses).reshape(-1, 6)
        return list(
            zip(
                _numpy(energies).reshape(-1),
                np.split(_numpy(forces), ends[:-1]),
                voigt[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(-1, 3, 3),
                strict=True,
            )
        )

    def _graph(self, structure: Any) -> Any:
        from matscipy.neighbours import neighbour_list
        from torch_geometric.data import Data

        i, j, shifts = neighbour_list(
            "ijS", positions=structure.positions, cell=structure.cell, pbc=structure.pbc, cutoff=self.cutoff
        )
        return Data(
            pos=torch.tensor(structure.positions, dtype=torch.float32),
            edge_index=torch.tensor(np.array([i, j]), dtype=torch.int64),
            atomic_numbers=torch.tensor(structure.numbers, dtype=torch.int64),
            shifts=torch.tensor(shifts, dtype=torch.int64),
            cell=torch.tensor(structure.cell, dtype=torch.float32).reshape(1, 3, 3),
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The authors' checkpoint and the settings that come with their library."""
    import yaml

    saved = torch.load(path, map_location="cpu", weights_only=True)
    settings = importlib.resources.files("eqnorm") / "model_settings" / f"{ARCHITECTURE}.yaml"
    config = yaml.safe_load(settings.read_text(encoding="utf-8"))
    tensors = saved["ema_model_state_dict" if config["use_ema"] else "model_state_dict"]
    return config, {**tensors, **{ours: torch.as_tensor(saved[theirs]) for theirs, ours in VALUES.items()}}


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "diep==2.0.0",
#   "torch==2.13.0",
#   "torch-geometric==2.8.1",
#   "pymatgen==2026.10.24",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""DIEP (Tawfik et al., Digital Discovery 2024): integrals over the electron-ion potential of pairs and triplets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.units import GPa
from diep import config as precision
from safetensors.torch import load_file

COMPANION = "model.json"
"""Beside a checkpoint's `state.pt`: what builds the network."""


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> DiepModel:
    """A DIEP checkpoint, ready to compute."""
    if forces != "conservative" or fidelity is not None or runtime != "eager":
        raise ValueError(f"conservative forces, eager; asked for {forces}, {fidelity}, {runtime}")
    precision.set_default_dtype("float", {"float32": 32, "float64": 64}[dtype])
    if "upstream" in files:
        tensors = torch.load(files["upstream"], map_location="cpu", weights_only=True)
        saved = json.loads(files["upstream_config"].read_text())["kwargs"]
        return DiepModel(saved["model"]["init_args"], tensors, device=device, dtype=dtype)
    return DiepModel(json.loads(files["config"].read_text()), load_file(files["weights"]), device=device, dtype=dtype)


class DiepModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from diep.apps.pes import Potential
        from diep.ext.ase import Atoms2Graph
        from diep.models import DIEP

        self.config, self.device, self.dtype = config, torch.device(device), getattr(torch, dtype)
        potential = Potential(DIEP(**config), element_refs=torch.zeros_like(tensors["element_refs.property_offset"]))
        potential.load_state_dict(tensors, strict=True)
        self.potential = potential.to(device=self.device, dtype=self.dtype).eval()
        for parameter in self.potential.parameters():
            parameter.requires_grad_(False)
        self.graph = Atoms2Graph(config["element_types"], config["cutoff"]).get_graph
        count = sum(parameter.numel() for parameter in self.potential.parameters())
        self.facts = {
            "parameters": [count, count],
            "cutoff": float(config["cutoff"]),
            "elements": list(config["element_types"]),
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return [self._one(structure.central()) for structure in structures]

    def _one(self, structure: Any) -> tuple[float, np.ndarray, np.ndarray]:
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        graph, cell, _ = self.graph(atoms)
        energy, forces, stress, _ = self.potential(graph.to(self.device), cell.to(self.device))
        return float(energy), _numpy(forces), _numpy(stress).reshape(3, 3) * GPa

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.potential.state_dict().items()}, self.config


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

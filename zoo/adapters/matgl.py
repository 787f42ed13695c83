# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "matgl==2.0.4",
#   "torch==2.13.0",
#   "torch-geometric==2.8.1",
#   "pymatgen==2026.10.24",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # 2.0.4 asks for torch <= 2.7; it computes the same with the torch that the other families share
# override-dependencies = ["torch==2.13.0"]
# ///
"""MatGL (Ko et al., npj Computational Materials 2025): TensorNet on PyTorch Geometric, batched natively.

The version matters: from 2.2.1 on the edge embedding reads the two atoms in the other order, and the weights published
before load without a word and are wrong for every compound (NaCl by 0.6 eV/atom), while elements come out right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matgl
import numpy as np
import torch
from ase.units import GPa
from safetensors.torch import load_file

ARCHITECTURES = {"TensorNet": "matgl.models._tensornet_pyg"}
PAIRS_TOLERANCE = 1e-8
"""Å; an atom is no neighbour of itself."""

COMPANION = "model.json"
"""Beside a checkpoint's `state.pt`: what builds the network."""


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> MatGLModel:
    """A MatGL checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"MatGL has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    # before any of its modules is imported: they keep constants in this precision
    matgl.set_default_dtype("float", {"float32": 32, "float64": 64}[dtype])
    if "upstream" in files:
        tensors = torch.load(files["upstream"], map_location="cpu", weights_only=True)
        config = _as_config(json.loads(files["upstream_config"].read_text()))
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return MatGLModel(config, tensors, device=device, dtype=dtype)


class MatGLModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from importlib import import_module

        from matgl.apps.pes import Potential

        self.config = config
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        network = getattr(import_module(ARCHITECTURES[config["architecture"]]), config["architecture"])
        potential = Potential(
            network(**config["arguments"], dtype=self.dtype),
            # the values are in the tensors, these say that they are there and in what precision
            element_refs=torch.zeros_like(tensors["element_refs.property_offset"]),
            calc_repuls=config["calc_repuls"],
        )
        # the library's own loader is lenient about names; a tensor that finds no place is a fault
        potential.load_state_dict(tensors, strict=True)
        self.potential = potential.to(self.device).eval()
        if dtype == "float64":
            self.potential.double()
        self.elements = tuple(config["arguments"]["element_types"])
        self.cutoff = float(config["arguments"]["cutoff"])
        for parameter in self.potential.parameters():
            parameter.requires_grad_(False)
        count = sum(p.numel() for p in self.potential.parameters())
        self.facts = {"parameters": [count, count], "cutoff": self.cutoff, "elements": list(self.elements)}

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        from torch_geometric.data import Batch

        near = [structure.central() for structure in structures]
        cells = torch.tensor(np.array([s.cell for s in near]), dtype=self.dtype)
        return Batch.from_data_list([self._graph(structure) for structure in near]), cells

    def answers(self, prepared: Any) -> list[tuple[float, np.ndarray, np.ndarray]]:
        graphs, cells = (part.to(self.device) for part in prepared)
        energies, forces, stresses, _ = self.potential(graphs, cells)
        ends = graphs.ptr[1:].cpu().numpy()
        return list(
            zip(
                _numpy(energies).reshape(-1),
                np.split(_numpy(forces), ends[:-1]),
                _numpy(stresses).reshape(-1, 3, 3) * GPa,
                strict=True,
            )
        )

    def _graph(self, structure: Any) -> Any:
        from ase.data import chemical_symbols
        from pymatgen.optimization.neighbors import find_points_in_spheres
        from torch_geometric.data import Data

        fractional = np.linalg.solve(structure.cell.T, structure.positions.T).T
        positions = np.ascontiguousarray(structure.positions)
        centres, neighbours, images, distances = find_points_in_spheres(
            positions,
            positions,
            r=self.cutoff,
            pbc=np.ones(3, dtype=np.int64),
            lattice=np.ascontiguousarray(structure.cell),
            tol=PAIRS_TOLERANCE,
        )
        pairs = (centres != neighbours) | (distances > PAIRS_TOLERANCE)
        types = [self.elements.index(chemical_symbols[z]) for z in structure.numbers]
        return Data(
            num_nodes=len(types),
            edge_index=torch.tensor(np.array([centres[pairs], neighbours[pairs]])),
            pbc_offset=torch.tensor(images[pairs], dtype=self.dtype),
            frac_coords=torch.tensor(fractional, dtype=self.dtype),
            node_type=torch.tensor(types),
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.potential.state_dict().items()}, self.config


def _as_config(saved: dict[str, Any]) -> dict[str, Any]:
    """What builds the model, out of the `model.json` that MatGL writes beside its tensors."""
    wanted = saved["kwargs"]
    if wanted["calc_magmom"] or wanted["model"]["@class"] not in ARCHITECTURES:
        raise ValueError(f"this adapter builds {', '.join(ARCHITECTURES)}; it is a {wanted['model']['@class']}")
    arguments = {key: value for key, value in wanted["model"]["init_args"].items() if key != "dtype"}
    return {
        "architecture": wanted["model"]["@class"],
        "arguments": arguments,
        "calc_repuls": wanted["calc_repuls"],
    }


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

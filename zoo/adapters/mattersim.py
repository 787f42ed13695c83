# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "mattersim==1.2.5",
#   "torch==2.13.0",
#   "e3nn==0.6.0",
#   "torch-geometric==2.8.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""MatterSim (Yang et al. 2024): M3GNet with three-body messages, batched natively."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from ase.units import GPa
from safetensors.torch import load_file


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> MatterSimModel:
    """A MatterSim checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"MatterSim has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if "upstream" in files:
        # beside the tensors lie the state of an optimiser and of averages, which the restricted unpickler also reads
        saved = torch.load(files["upstream"], map_location="cpu", weights_only=True)
        if saved["model_name"] != "m3gnet":
            raise ValueError(f"this adapter builds M3GNet; the checkpoint is a {saved['model_name']}")
        config = json.loads(json.dumps({k: v for k, v in saved["model_args"].items() if k != "device"}))
        tensors = saved["model"]
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return MatterSimModel(config, tensors, device=device, dtype=dtype)


class MatterSimModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from mattersim.forcefield.m3gnet.m3gnet import M3Gnet
        from mattersim.forcefield.potential import Potential

        self.config = config
        self.tensors = tensors
        self.dtype = getattr(torch, dtype)
        torch.set_default_dtype(self.dtype)
        model = M3Gnet(device=device, **config)
        # the library's own loader is lenient about names; a tensor that finds no place is a fault
        model.load_state_dict(tensors, strict=True)
        model = model.to(device=device, dtype=self.dtype).eval()
        self.device = torch.device(device)
        self.potential = Potential(model, device=device, model_name="m3gnet")
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self.cutoff, self.threebody_cutoff = float(config["cutoff"]), float(config["threebody_cutoff"])
        count = sum(p.numel() for p in model.parameters())
        self.facts = {
            "parameters": [count, count],
            "cutoff": self.cutoff,
            "elements": [chemical_symbols[z] for z in range(1, config["max_z"] + 1)],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        from mattersim.datasets.utils.converter import GraphConverter, M3GNetData
        from torch_geometric.data import Batch

        converter = GraphConverter("m3gnet", self.cutoff, True, self.threebody_cutoff)
        near = [structure.central() for structure in structures]
        # the converter's own Data does not tell PyG how to shift bond indices: in a batch all triples would be those of
        # its first structure (mattersim 1.2.5, whose own calculator computes one structure at a time)
        graphs = [M3GNetData.from_dict(converter.convert(_atoms(structure)).to_dict()) for structure in near]
        # the converter rounds to float32
        positions = torch.tensor(np.concatenate([s.positions for s in near]))
        return Batch.from_data_list(graphs), positions, torch.tensor(np.array([s.cell for s in near]))

    def answers(self, prepared: Any) -> list[tuple[float, np.ndarray, np.ndarray]]:
        from mattersim.forcefield.potential import batch_to_dict

        graphs, positions, cells = prepared
        ends = graphs.ptr[1:].numpy()
        batch = batch_to_dict(graphs, device=self.device)
        batch |= {"atom_pos": positions.to(self.device), "cell": cells.to(self.device)}
        batch = {k: v.to(self.dtype) if torch.is_floating_point(v) else v for k, v in batch.items()}
        output = self.potential.forward(batch, include_forces=True, include_stresses=True)
        # the library divides by the determinant of the cell, which is negative where its vectors are left-handed
        handed = np.where(np.linalg.det(cells) < 0, -1.0, 1.0)[:, None, None]
        return list(
            zip(
                _numpy(output["total_energy"]).reshape(-1),
                np.split(_numpy(output["forces"]), ends[:-1]),
                _numpy(output["stresses"]).reshape(-1, 3, 3) * GPa * handed,
                strict=True,
            )
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _atoms(structure: Any) -> Atoms:
    return Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "chgnet==0.4.2",
#   "torch==2.13.0",
#   "pymatgen==2026.10.24",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""CHGNet (Deng et al., Nature Machine Intelligence 2023): charge-informed graph network, batched natively."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from ase.units import GPa
from safetensors.torch import load_file

OUTPUT_BIAS = "atom_conv_layers.0.mlp_out.layers.1.bias"

# MPtrj has no Po, At, Rn, Fr, Ra; CHGNet's tables go to Pu regardless
UNTRAINED = {84, 85, 86, 87, 88}


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> CHGNetModel:
    """A CHGNet checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"CHGNet has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if "upstream" in files:
        # a plain dictionary of tensors: torch's restricted unpickler is enough
        saved = torch.load(files["upstream"], map_location="cpu", weights_only=True)["model"]
        tensors = saved["state_dict"]
        # 0.2.0 was trained with output biases that later versions dropped; CHGNet.load tells them apart by name
        config = {**saved["model_args"], "mlp_out_bias": OUTPUT_BIAS in tensors}
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return CHGNetModel(config, tensors, device=device, dtype=dtype)


class CHGNetModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from chgnet.model import CHGNet

        self.config = config
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        _set_dtype(self.dtype)
        model = CHGNet(**config)
        model.load_state_dict(tensors, strict=True)
        # isolated atoms are legitimate (a stretched dimer); the converter's default is to complain on each of them
        model.graph_converter.set_isolated_atom_response("ignore")
        # element counts are made as float32; the layer over them wants the model's dtype
        model.composition_model.fc.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(self.dtype),))
        self.model = model.to(device=self.device, dtype=self.dtype).eval()
        self.facts = {
            "parameters": [
                sum(p.numel() for p in model.parameters() if p.requires_grad),
                sum(p.numel() for p in model.parameters()),
            ],
            "cutoff": float(model.graph_converter.atom_graph_cutoff),
            "elements": [chemical_symbols[z] for z in range(1, 95) if z not in UNTRAINED],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        from pymatgen.core import Lattice, Structure

        graphs = []
        for structure in structures:
            if not structure.pbc.all():
                raise ValueError("CHGNet treats every structure as periodic: give it a cell and pbc=True")
            # wrapped into the cell: the graph keeps fractional coordinates as float32, which far out lose their digits
            crystal = Structure(
                Lattice(structure.cell),
                structure.numbers,
                structure.positions,
                coords_are_cartesian=True,
                to_unit_cell=True,
            )
            graphs.append(self.model.graph_converter(crystal))
        answers = self.model.predict_graph(graphs, task="efs", batch_size=len(graphs))
        if len(graphs) == 1:  # predict_graph gives a single answer bare
            answers = [answers]
        return [
            (
                float(answer["e"]) * (len(structure.numbers) if self.model.is_intensive else 1),
                answer["f"].astype(np.float64),
                answer["s"].astype(np.float64) * GPa,
            )
            for answer, structure in zip(answers, structures, strict=True)
        ]

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.model.state_dict().items()}, self.config


def _set_dtype(dtype: torch.dtype) -> None:
    """CHGNet keeps its precision in a module constant that three modules have copied."""
    import chgnet.graph.converter
    import chgnet.graph.crystalgraph
    import chgnet.model.model

    torch.set_default_dtype(dtype)
    for module in (chgnet.graph.converter, chgnet.graph.crystalgraph, chgnet.model.model):
        module.TORCH_DTYPE = dtype

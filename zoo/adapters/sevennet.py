# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "sevenn==0.13.0",
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
"""SevenNet (Park et al., JCTC 2024): NequIP-type equivariant message passing, batched natively."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from safetensors.torch import load_file

# fidelity as a card writes it → SevenNet's own word
MODALS = {"pbe": "PBE", "r2scan": "R2SCAN"}

# Configuration that building the model reads; the rest of a checkpoint's config is its training history.
BUILD_KEYS = (
    *("shift", "scale", "conv_denominator", "version", "_type_map", "_number_of_species"),
    *("use_modality", "_modal_map", "_number_of_modalities"),
    *(f"use_modal_{part}" for part in ("node_embedding", "self_inter_intro", "self_inter_outro", "output_block")),
    *("use_modal_wise_shift", "use_modal_wise_scale"),
)


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> SevenNet:
    """A SevenNet checkpoint, ready to compute."""
    if forces != "conservative" or runtime != "eager":
        raise ValueError(f"SevenNet has conservative forces, run eagerly; asked for {forces}, {runtime}")
    # Constants such as Wigner 3j symbols are made while building: they must be made in the precision that is asked for
    torch.set_default_dtype(getattr(torch, dtype))
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return SevenNet(config, tensors, device=device, dtype=dtype, fidelity=fidelity)


class SevenNet:
    """A checkpoint in memory."""

    def __init__(
        self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str, fidelity: str | None
    ) -> None:
        from sevenn.model_build import build_E3_equivariant_model

        self.config = config
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        self.modal = MODALS[fidelity] if fidelity else None
        model = build_E3_equivariant_model(_as_sevenn(config))
        model.load_state_dict(tensors, strict=True)
        if model.modal_map and self.modal not in model.modal_map:
            raise ValueError(f"this checkpoint needs a fidelity among {sorted(model.modal_map)}")
        self.facts = {
            "parameters": [
                sum(p.numel() for p in model.parameters() if p.requires_grad),
                sum(p.numel() for p in model.parameters()),
            ],
            "cutoff": float(model.cutoff),
            "elements": [chemical_symbols[z] for z in sorted(model.type_map)],
            "pbc": "any",
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
        for key in (module.key_output, module.key_additional_output):
            if key is not None:
                data[key] = data[key].to(self.dtype)
        return data

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        from torch_geometric.loader.dataloader import Collater

        return Collater([], None, None)([self._graph(structure) for structure in structures])

    def answers(self, prepared: Any) -> list[tuple[float, np.ndarray, np.ndarray]]:
        import sevenn._keys as keys

        ends = np.cumsum(prepared[keys.NUM_ATOMS].numpy())
        output = self.model(prepared.to(self.device))
        energies = output[keys.PRED_TOTAL_ENERGY].detach().double().cpu().numpy().reshape(-1)
        forces = output[keys.PRED_FORCE].detach().double().cpu().numpy()
        # the model's order is xx yy zz xy yz zx, its sign is a pressure's
        voigt = -output[keys.PRED_STRESS].detach().double().cpu().numpy().reshape(-1, 6)
        stresses = voigt[:, [0, 3, 5, 3, 1, 4, 5, 4, 2]].reshape(-1, 3, 3)
        return list(zip(energies, np.split(forces, ends[:-1]), stresses, strict=True))

    def _graph(self, structure: Any) -> Any:
        import sevenn._keys as keys
        from sevenn.atom_graph_data import AtomGraphData
        from sevenn.train.dataload import unlabeled_atoms_to_graph
        from sevenn.util import dtype_correct

        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        arrays = unlabeled_atoms_to_graph(atoms, self.facts["cutoff"])
        graph = AtomGraphData(**{key: dtype_correct(value, self.dtype) for key, value in arrays.items()})
        if self.modal:
            graph[keys.DATA_MODALITY] = self.modal
        return graph

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.model.state_dict().items()}, self.config


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Unpickle the authors' checkpoint; this is why it happens here and nowhere else."""
    from sevenn import _const
    from sevenn.checkpoint import SevenNetCheckpoint

    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)  # sevenn's loader needs the dtype it was written with
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checkpoint = SevenNetCheckpoint(path)
        tensors = checkpoint.build_model().state_dict()
    torch.set_default_dtype(default)
    keep = {*_const.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG, *BUILD_KEYS}
    config = {key: value for key, value in checkpoint.config.items() if key in keep}
    return json.loads(json.dumps(config, default=_plain)), tensors


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} in the configuration has no JSON form")


def _as_sevenn(config: dict[str, Any]) -> dict[str, Any]:
    """JSON keys are text; sevenn's type map is keyed by atomic number."""
    return {**config, "_type_map": {int(z): index for z, index in config["_type_map"].items()}}

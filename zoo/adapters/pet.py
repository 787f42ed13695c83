# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "metatrain==2026.4.1",
#   "metatomic-torch==0.1.19",
#   "metatensor-torch==0.10.8",
#   "metatensor-learn==0.5.0",
#   "torch==2.13.0",
#   "vesin==0.6.2",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # it has no wheel; only training on a cluster uses it, and the adapter stands in for the import
# override-dependencies = ["python-hostlist ; sys_platform == 'never'"]
# ///
"""PET (Pozdnyakov & Ceriotti, NeurIPS 2023), the network of the UPET models: an unconstrained transformer over edges.

Direct forces are what the head says. The authors' calculator takes their mean off before anybody sees it; here the net
force is part of the answer.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import metatomic.torch  # noqa: F401  # registers the classes that a checkpoint is made of
import numpy as np
import torch
from ase.data import chemical_symbols
from safetensors.torch import load_file

# metatrain imports it for training on a cluster; the package has no wheel
if importlib.util.find_spec("hostlist") is None:
    sys.modules["hostlist"] = types.ModuleType("hostlist")

FORCES = ("non_conservative_force", "non_conservative_forces")
STRESS = "non_conservative_stress"
ENERGY_UNITS, LENGTH_UNITS = ("ev",), ("angstrom", "å")


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> PETModel:
    """A PET checkpoint, ready to compute."""
    if fidelity or runtime != "eager":
        raise ValueError(f"PET has one level of theory, run eagerly; asked for {fidelity}, {runtime}")
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return PETModel(config, tensors, device=device, dtype=dtype, forces=forces)


class PETModel:
    """A checkpoint in memory."""

    def __init__(
        self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str, forces: str
    ) -> None:
        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        self.energy = next(name for name, target in config["targets"].items() if target["quantity"] == "energy")
        self.direct = next((name for name in FORCES if name in config["targets"]), None)
        if forces == "direct" and self.direct is None:
            raise ValueError("this checkpoint has no direct forces")
        self.conservative = forces == "conservative"
        self.model = _built(config, tensors).to(device=self.device, dtype=self.dtype).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        count = sum(p.numel() for p in self.model.parameters())
        self.facts = {
            "parameters": [count, count],
            "cutoff": float(config["hypers"]["cutoff"]),
            "elements": [chemical_symbols[z] for z in config["atomic_types"]],
            "pbc": "any",
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        near = [structure.central() for structure in structures]
        ends = np.cumsum([len(structure.numbers) for structure in structures])
        positions = self._tensor(np.concatenate([s.positions for s in near])).requires_grad_(self.conservative)
        cells = self._tensor(np.array([np.where(s.pbc[:, None], s.cell, 0.0) for s in near]))
        strains = torch.zeros_like(cells, requires_grad=self.conservative)
        energies, forces, stresses = self._evaluated(near, ends, positions, cells, strains)
        if self.conservative:
            gradient, virials = torch.autograd.grad(energies.sum(), [positions, strains])
            volumes = torch.linalg.det(cells).abs().reshape(-1, 1, 1)
            forces, stresses = -gradient, virials / torch.where(volumes == 0, torch.nan, volumes)
        assert forces is not None  # from the head or from the gradient
        parts = _numpy(stresses).reshape(-1, 3, 3) if stresses is not None else [None] * len(structures)
        return list(zip(_numpy(energies), np.split(_numpy(forces), ends[:-1]), parts, strict=True))

    def _evaluated(
        self,
        structures: list[Any],
        ends: np.ndarray,
        positions: torch.Tensor,
        cells: torch.Tensor,
        strains: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Energies (n,), and the direct forces (N, 3) and stresses (n, 3, 3) where they are asked for."""
        from metatomic.torch import ModelOutput, System
        from metatrain.utils.neighbor_lists import get_system_with_neighbor_lists

        systems = []
        wanted = self.model.requested_neighbor_lists()
        for k, (structure, end) in enumerate(zip(structures, ends, strict=True)):
            change = torch.eye(3, dtype=self.dtype, device=self.device) + (strains[k] + strains[k].T) / 2
            system = System(
                types=torch.tensor(structure.numbers, dtype=torch.int32, device=self.device),
                positions=positions[end - len(structure.numbers) : end] @ change,
                cell=cells[k] @ change,
                pbc=torch.tensor(structure.pbc, device=self.device),
            )
            systems.append(get_system_with_neighbor_lists(system, wanted))
        outputs = {self.energy: ModelOutput(quantity="energy", unit="eV", sample_kind="system")}
        if not self.conservative:
            outputs[self.direct] = ModelOutput(quantity="force", unit="eV/Angstrom", sample_kind="atom")
            if STRESS in self.config["targets"]:
                outputs[STRESS] = ModelOutput(quantity="pressure", unit="eV/Angstrom^3", sample_kind="system")
        answer = self.model(systems, outputs)
        forces = answer[self.direct].block().values.reshape(-1, 3) if self.direct in answer else None
        stresses = answer[STRESS].block().values.reshape(-1, 3, 3) if STRESS in answer else None
        return answer[self.energy].block().values.reshape(-1), forces, stresses

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=self.dtype, device=self.device)

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _built(config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    """The model around its tensors, without unpickling anything."""
    from metatrain.pet import PET
    from metatrain.utils.data import DatasetInfo
    from metatrain.utils.data.target_info import get_energy_target_info, get_generic_target_info

    if config["version"] != PET.__checkpoint_version__:
        raise ValueError(f"the checkpoint is of version {config['version']}, this PET of {PET.__checkpoint_version__}")
    targets = {}
    for name, target in config["targets"].items():
        if target["quantity"] == "energy":
            targets[name] = get_energy_target_info(
                name,
                {"unit": target["unit"], "quantity": "energy"},
                add_position_gradients="positions" in target["gradients"],
                add_strain_gradients="strain" in target["gradients"],
            )
        else:
            kept = ("quantity", "unit", "type", "num_subtargets", "sample_kind")
            targets[name] = get_generic_target_info(name, {key: target[key] for key in kept})
    model = PET(config["hypers"], DatasetInfo(config["length_unit"], config["atomic_types"], targets))
    saved = next(t.dtype for name, t in tensors.items() if name.startswith("backend") and t.is_floating_point())
    model.to(saved).load_state_dict(tensors, strict=True)
    # energies of single atoms and scales are kept twice, as buffers and as the maps that are computed with
    model.additive_models[0].sync_tensor_maps()
    model.scaler.sync_tensor_maps()
    return model


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Unpickle the authors' checkpoint; this is why it happens here and nowhere else."""
    from metatrain.utils.io import model_from_checkpoint

    checkpoint = torch.load(path, weights_only=False, map_location="cpu")
    if checkpoint["architecture_name"] != "pet":
        raise ValueError(f"this adapter knows PET; the checkpoint is a {checkpoint['architecture_name']}")
    model = model_from_checkpoint(checkpoint, context="export")  # brings an older one up to this version
    if model.finetune_config:
        raise ValueError("a checkpoint with low-rank adapters must be merged first; this one was fine-tuned in place")
    info = model.dataset_info
    targets = {name: _described(target) for name, target in info.targets.items()}
    units = {target["unit"].lower() for target in targets.values() if target["quantity"] == "energy"}
    if info.length_unit.lower() not in LENGTH_UNITS or not units <= set(ENERGY_UNITS):
        raise ValueError(f"expected eV and Å; the checkpoint has {', '.join(units)} and {info.length_unit}")
    config = {
        "version": model.__checkpoint_version__,
        "hypers": dict(model.hypers),
        "length_unit": info.length_unit,
        "atomic_types": [int(z) for z in info.atomic_types],
        "targets": targets,
    }
    return json.loads(json.dumps(config)), model.state_dict()


def _described(target: Any) -> dict[str, Any]:
    block = target.layout.block(0)
    rank = len(block.components)
    return {
        "quantity": target.quantity,
        "unit": target.unit,
        "type": {"cartesian": {"rank": rank}} if rank else "scalar",
        "num_subtargets": len(block.properties),
        "sample_kind": target.sample_kind,
        "gradients": sorted(block.gradients_list()),
    }


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "deepmd-kit[torch]==3.2.0",
#   "torch==2.11.0",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""DeePMD-kit (Zeng et al. 2023, 2025): DPA and the descriptors before it on PyTorch, batched natively.

Structures of one batch are frames of one size, filled up with atoms of type −1, which have no energy and no neighbours.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from safetensors.torch import load_file

PARAMETERS = "_extra_state"
MULTITASK = "model_dict"


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> DeepmdModel:
    """A DeePMD checkpoint (`.pt`) or frozen model (`.pth`, TorchScript), ready to compute."""
    if forces != "conservative" or runtime != "eager":
        raise ValueError(f"DeePMD has conservative forces, run eagerly; asked for {forces}, {runtime}")
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return DeepmdModel(config, tensors, device=device, dtype=dtype, branch=fidelity)


def _read_upstream(path: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    if _is_frozen(path):
        # what is frozen carries its configuration; its code is of an older library, which this one cannot call
        frozen = torch.jit.load(str(path), map_location="cpu")
        tensors = {f"model.Default.{name}": tensor.detach() for name, tensor in frozen.state_dict().items()}
        return json.loads(frozen.get_model_def_script()), tensors
    saved = torch.load(path, map_location="cpu", weights_only=True)
    saved = saved.get("model", saved)
    tensors = {name: value for name, value in saved.items() if isinstance(value, torch.Tensor)}
    return json.loads(json.dumps(saved[PARAMETERS]["model_params"])), tensors


def _is_frozen(path: Path) -> bool:
    """Whether the archive holds TorchScript: code, and not pickled tensors alone."""
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


class DeepmdModel:
    """A checkpoint in memory."""

    def __init__(
        self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str, branch: str | None
    ) -> None:
        if device != "cpu":
            raise ValueError(f"this adapter was tried on the CPU alone; asked for {device!r}")
        from deepmd.infer import DeepPot

        # the library scripts its models; profiled, the first calls of every shape take up to a minute each
        torch._C._jit_set_profiling_mode(False)  # noqa: SLF001  # there is no public way
        branches = sorted(config.get(MULTITASK, ()))
        by_fidelity = {name.lower().replace("_", "-"): name for name in branches}
        if (branch is None) != (not branches) or (branch is not None and branch not in by_fidelity):
            raise ValueError(f"this checkpoint needs a fidelity among {', '.join(by_fidelity) or 'none'}; got {branch}")
        self.config = config
        self.tensors = tensors
        # the library reads files alone, so it gets one that was made here, from numbers and JSON
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pt"
            wanted = _in_precision(config, dtype)
            torch.save({"model": {**tensors, PARAMETERS: {"model_params": wanted, "train_infos": {}}}}, path)
            self.potential = DeepPot(str(path), head=by_fidelity[branch] if branch else None)
        self.types = {symbol: index for index, symbol in enumerate(self.potential.get_type_map())}
        learned = sum(parameter.numel() for parameter in self.potential.deep_eval.dp.parameters())
        self.facts = {
            "parameters": [learned, sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())],
            "cutoff": float(self.potential.get_rcut()),
            "elements": list(self.types),
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        sizes = [len(structure.numbers) for structure in structures]
        near = [structure.central() for structure in structures]
        positions = np.zeros((len(near), max(sizes), 3))
        types = np.full((len(near), max(sizes)), -1)
        for k, (structure, n) in enumerate(zip(near, sizes, strict=True)):
            positions[k, :n] = structure.positions
            types[k, :n] = [self.types[chemical_symbols[z]] for z in structure.numbers]
        cells = np.array([structure.cell for structure in near])
        energies, forces, virials = self.potential.eval(
            positions.reshape(len(near), -1), cells.reshape(len(near), 9), types, mixed_type=True
        )[:3]
        volumes = abs(np.linalg.det(cells))[:, None, None]
        stresses = -virials.reshape(-1, 3, 3) / volumes
        stresses = (stresses + stresses.transpose(0, 2, 1)) / 2
        return [
            (float(energy), force[:n].astype(np.float64), stress.astype(np.float64))
            for energy, force, stress, n in zip(energies.reshape(-1), forces, stresses, sizes, strict=True)
        ]

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _in_precision(config: Any, dtype: str) -> Any:
    """The configuration with every network in `dtype`; the library reads it out of the configuration."""
    if isinstance(config, dict):
        return {key: dtype if key == "precision" else _in_precision(value, dtype) for key, value in config.items()}
    return [_in_precision(value, dtype) for value in config] if isinstance(config, list) else config

# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "fairchem-core==2.24.0",
#   "torch==2.13.0",
#   "e3nn==0.6.0",
#   "ase==3.29.0",
#   "numpy==2.4.6",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""FAIR Chemistry: eSEN (Fu et al., ICML 2025) and UMA (Wood et al. 2025), direct or conservative, batched natively.

A checkpoint has one force head. A fidelity of a card is what fairchem calls a task: `omat`, `oc20`, `omol`, …
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from safetensors.torch import load_file

# What a configuration may call when it is instantiated: the library's own classes, and tensors of numbers.
CALLABLE = ("fairchem.core.models.", "fairchem.core.modules.", "fairchem.core.units.mlip_unit.")
MOLECULES = "omol"
"""The task that was trained on charged molecules and on spins."""
TENSORS = ("torch.DoubleTensor", "torch.FloatTensor", "torch.tensor")


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> FairchemModel:
    """A fairchem checkpoint, ready to compute."""
    # the direct stress is put together in the default precision, whatever that of the model is (2.24.0)
    torch.set_default_dtype(getattr(torch, dtype))
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return FairchemModel(
        config, tensors, device=device, dtype=dtype, forces=forces, task=fidelity, compiled=runtime == "compiled"
    )


class FairchemModel:
    """A checkpoint in memory."""

    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, torch.Tensor],
        *,
        device: str,
        dtype: str,
        forces: str,
        task: str | None,
        compiled: bool,
    ) -> None:
        from fairchem.core.units.mlip_unit.api.inference import InferenceSettings

        self.config = config
        self.tensors = tensors
        self.dtype = getattr(torch, dtype)
        settings = InferenceSettings(
            tf32=False, activation_checkpointing=False, compile=compiled, base_precision_dtype=self.dtype
        )
        self.unit = _unit(config, tensors, device=device.partition(":")[0], settings=settings)
        tasks = sorted(self.unit.dataset_to_tasks)
        if (task is None and len(tasks) > 1) or (task is not None and task not in tasks):
            raise ValueError(f"this checkpoint needs a fidelity among {', '.join(tasks)}; asked for {task}")
        self.task = task or tasks[0]
        backbone = self.unit.model.module.backbone
        has = "direct" if backbone.regress_config.direct_forces else "conservative"
        if forces != has:
            raise ValueError(f"this checkpoint has {has} forces; asked for {forces}")
        self.cutoff = float(backbone.cutoff)
        count = sum(p.numel() for p in self.unit.model.parameters())
        self.facts = {
            "parameters": [count, count],
            "cutoff": self.cutoff,
            "elements": [chemical_symbols[z] for z in range(1, backbone.max_num_elements)],
            "reads": ["charge", "spin"] if self.task == MOLECULES else [],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        from fairchem.core.datasets.atomic_data import atomicdata_list_to_batch

        batch = atomicdata_list_to_batch([self._data(structure) for structure in structures])
        output = self.unit.predict(batch)
        ends = np.cumsum([len(structure.numbers) for structure in structures])
        stresses: Any = [None] * len(structures)
        if "stress" in output:
            stresses = _numpy(output["stress"]).reshape(-1, 3, 3)
            stresses = (stresses + stresses.transpose(0, 2, 1)) / 2
        return list(
            zip(
                _numpy(output["energy"]).reshape(-1),
                np.split(_numpy(output["forces"]), ends[:-1]),
                stresses,
                strict=True,
            )
        )

    def _data(self, structure: Any) -> Any:
        from fairchem.core.datasets.atomic_data import AtomicData

        near = structure.central()
        atoms = Atoms(near.numbers, near.positions, cell=near.cell, pbc=True)
        # the library's own values where none are given; to the other tasks they have no meaning
        molecules = self.task == MOLECULES
        atoms.info = {
            "charge": int(structure.charge or 0) if molecules else 0,
            "spin": (1 if structure.spin is None else int(structure.spin)) if molecules else 0,
        }
        return AtomicData.from_ase(
            atoms, task_name=self.task, r_edges=False, r_data_keys=["spin", "charge"], target_dtype=self.dtype
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _unit(config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, settings: Any) -> Any:
    """fairchem's predictor. It reads a pickle alone, so it gets one that was made here, from numbers and JSON."""
    from fairchem.core.units.mlip_unit.api.inference import MLIPInferenceCheckpoint
    from fairchem.core.units.mlip_unit.predict import MLIPPredictUnit

    for target in _targets(config):
        if target not in TENSORS and not target.startswith(CALLABLE):
            raise ValueError(f"the configuration would call {target!r}, which is none of fairchem's models")
    checkpoint = MLIPInferenceCheckpoint(
        model_config=config["model"],
        model_state_dict={},
        ema_state_dict={name: tensor.clone() for name, tensor in tensors.items()},
        tasks_config=config["tasks"],
    )
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        torch.save(checkpoint, file.name)
        return MLIPPredictUnit(file.name, device=device, inference_settings=settings)


def _targets(value: Any) -> list[str]:
    """Everything in a configuration that names code."""
    if isinstance(value, dict):
        named = [str(value[key]) for key in ("_target_", "module", "model") if isinstance(value.get(key), str)]
        return named + [target for item in value.values() for target in _targets(item)]
    return [target for item in value for target in _targets(item)] if isinstance(value, list) else []


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Unpickle the authors' checkpoint; this is why it happens here and nowhere else."""
    from omegaconf import OmegaConf

    saved = torch.load(path, map_location="cpu", weights_only=False)
    parts = {"model": saved.model_config, "tasks": saved.tasks_config}
    config = {key: OmegaConf.to_container(OmegaConf.create(part), resolve=True) for key, part in parts.items()}
    # the averaged weights are those that inference uses
    return json.loads(json.dumps(config)), dict(saved.ema_state_dict)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

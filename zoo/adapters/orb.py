# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "orb-models==0.7.0",
#   "torch==2.13.0",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Orb (Neumann et al. 2024; Rhodes et al. 2025): unconstrained graph network, batched natively.

A checkpoint has one force head: direct or conservative. Its file holds tensors alone; what builds the network stands
in the authors' code, so a card spells it out: `architecture` (a function of `orb_models.forcefield.pretrained`),
`max_num_neighbors`, `zbl_aggregation`, and arguments of that function where they are not its defaults.
"""

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

CUTOFF = 6.0
EMBEDDED = range(1, 119)
"""Atomic numbers that have a row in the embedding; the card says which of them were trained."""
CONDITIONER = "ChargeSpinConditioner"
"""The module that makes a model one of charges and spins (OrbMol)."""
OURS = ("architecture", "max_num_neighbors", "zbl_aggregation")


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> OrbModel:
    """An Orb checkpoint, ready to compute."""
    if fidelity or runtime not in ("eager", "compiled"):
        raise ValueError(f"Orb has one level of theory, eager or compiled; asked for {fidelity}, {runtime}")
    # "high" would allow TensorFloat-32 on an accelerator: 10 bits of mantissa are no float32
    torch.set_float32_matmul_precision("highest")
    torch.set_default_dtype(getattr(torch, dtype))
    if "upstream" in files:
        config = json.loads(files["upstream_config"].read_text())
        tensors = torch.load(files["upstream"], map_location="cpu", weights_only=True)
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return OrbModel(config, tensors, device=device, dtype=dtype, forces=forces, compiled=runtime == "compiled")


class OrbModel:
    """A checkpoint in memory."""

    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, torch.Tensor],
        *,
        device: str,
        dtype: str,
        forces: str,
        compiled: bool,
    ) -> None:
        from orb_models.forcefield import pretrained
        from orb_models.forcefield.forcefield_adapter import ForcefieldAtomsAdapter
        from orb_models.forcefield.models.conservative_regressor import ConservativeForcefieldRegressor

        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        build = getattr(pretrained, config["architecture"])
        model = build(device="cpu", **{key: value for key, value in config.items() if key not in OURS})
        model = model.to(self.dtype)
        model.load_state_dict(tensors, strict=True)
        has = "conservative" if isinstance(model, ConservativeForcefieldRegressor) else "direct"
        if forces != has:
            raise ValueError(f"this checkpoint has {has} forces; asked for {forces}")
        if has == "conservative" and getattr(model, "pair_repulsion", False):
            # the conservative v3 models were trained with the mean of the pair repulsion, later ones with its sum
            model.pair_repulsion_fn.node_aggregation = config["zbl_aggregation"]
        model.prepare_for_inference()
        self.model = model.to(self.device).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        if compiled:
            self.model.compile(mode="default", dynamic=True)
        self.prefix = "grad_" if has == "conservative" else ""
        self.adapter = ForcefieldAtomsAdapter(radius=CUTOFF, max_num_neighbors=config["max_num_neighbors"])
        count = sum(p.numel() for p in self.model.parameters())
        self.facts = {
            "parameters": [count, count],
            "cutoff": CUTOFF,
            "elements": [chemical_symbols[z] for z in EMBEDDED],
            "pbc": "uniform",
            "reads": ["charge", "spin"] if any(type(m).__name__ == CONDITIONER for m in model.modules()) else [],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        from orb_models.common.atoms.batch.graph_batch import AtomGraphs

        batch = AtomGraphs.batch([self._graph(structure) for structure in structures]).to(self.device)
        output = self.model.predict(batch)
        ends = np.cumsum([len(structure.numbers) for structure in structures])
        stresses: Any = [None] * len(structures)
        if (name := f"{self.prefix}stress") in output:  # OrbMol has none
            voigt = _numpy(output[name]).reshape(-1, 6)
            stresses = voigt[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(-1, 3, 3)
        return list(
            zip(
                _numpy(output["energy"]).reshape(-1),
                np.split(_numpy(output[f"{self.prefix}forces"]), ends[:-1]),
                stresses,
                strict=True,
            )
        )

    def _graph(self, structure: Any) -> Any:
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        if self.facts["reads"]:  # neutral and a singlet where nothing is said: the library refuses to guess
            atoms.info = {"charge": structure.charge or 0.0, "spin": 1.0 if structure.spin is None else structure.spin}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.adapter.from_ase_atoms(
                atoms, device=self.device, output_dtype=self.dtype, graph_construction_dtype=torch.float64
            )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "mace-torch==0.3.16",
#   "torch==2.13.0",
#   "e3nn==0.4.4",
#   "matscipy==1.3.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # it has no wheel; only training on a cluster uses it
# override-dependencies = ["python-hostlist ; sys_platform == 'never'"]
# ///
"""MACE (Batatia et al., NeurIPS 2022): higher-order equivariant message passing, batched natively."""

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

IRREPS = ("hidden_irreps", "MLP_irreps", "edge_irreps")
INTERACTIONS = ("interaction_cls", "interaction_cls_first")
TOTALS = {"charge": "total_charge", "spin": "total_spin"}
"""A structure's totals, by the names of their embeddings (MACE-OMOL); neutral and a singlet where nothing is said."""
ARRAYS = ("atomic_energies", "atomic_inter_scale", "atomic_inter_shift")

# Buffers that hold Clebsch-Gordan coefficients: mathematics, not weights.
CONSTANTS = ("U_matrix_", "_w3j_")
SAME_CONSTANT = 1e-5

# e3nn 0.4.4 reads a file of its own constants with torch.load, from before that refused slices
torch.serialization.add_safe_globals([slice])


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> MaceModel:
    """A MACE checkpoint, ready to compute."""
    if forces != "conservative" or runtime != "eager":
        raise ValueError(f"MACE has conservative forces, run eagerly; asked for {forces}, {runtime}")
    if "upstream" in files:
        config, tensors = _read_upstream(files["upstream"])
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return MaceModel(config, tensors, device=device, dtype=dtype, fidelity=fidelity)


class MaceModel:
    """A checkpoint in memory."""

    def __init__(
        self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str, fidelity: str | None
    ) -> None:
        from mace.tools.utils import AtomicNumberTable

        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        torch.set_default_dtype(self.dtype)  # graphs and constants are made in it
        self.heads = config["heads"]
        self.head = _head(self.heads, fidelity)
        self.model = _built(config, tensors).to(self.device).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.table = AtomicNumberTable(config["atomic_numbers"])
        self.cutoff = float(config["r_max"])
        count = sum(p.numel() for p in self.model.parameters())
        self.facts: dict[str, Any] = {
            "parameters": [count, count],
            "cutoff": self.cutoff,
            "elements": [chemical_symbols[z] for z in config["atomic_numbers"]],
            "pbc": "any",
            "reads": [key for key, name in TOTALS.items() if name in (config.get("embedding_specs") or {})],
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        from mace.tools.torch_geometric import Batch

        return Batch.from_data_list([self._graph(structure) for structure in structures])

    def answers(self, prepared: Any) -> list[tuple[float, np.ndarray, np.ndarray]]:
        ends = prepared.ptr[1:].numpy()
        output = self.model(prepared.to(self.device).to_dict(), compute_stress=True)
        return list(
            zip(
                _numpy(output["energy"]).reshape(-1),
                np.split(_numpy(output["forces"]), ends[:-1]),
                _numpy(output["stress"]).reshape(-1, 3, 3),
                strict=True,
            )
        )

    def _graph(self, structure: Any) -> Any:
        from mace.data import AtomicData, KeySpecification, config_from_atoms

        near = structure.central()
        atoms = Atoms(near.numbers, near.positions, cell=near.cell, pbc=near.pbc)
        atoms.info = {key: given for key in self.facts["reads"] if (given := getattr(structure, key)) is not None}
        config = config_from_atoms(
            atoms,
            key_specification=KeySpecification(info_keys={name: key for key, name in TOTALS.items()}),
            head_name=self.head,
        )
        return AtomicData.from_config(config, z_table=self.table, cutoff=self.cutoff, heads=self.heads)

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _built(config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    """The model in the default dtype."""
    from e3nn.o3 import Irreps
    from mace import modules

    arguments = {key: value for key, value in config.items() if key != "architecture"}
    for key in IRREPS:
        arguments[key] = None if arguments[key] is None else Irreps(arguments[key])
    for key in INTERACTIONS:
        arguments[key] = modules.interaction_classes[arguments[key]]
    for key in ARRAYS:
        arguments[key] = np.array(arguments[key])
    arguments["readout_cls"] = getattr(modules.blocks, arguments["readout_cls"])
    arguments["gate"] = modules.gate_dict[arguments["gate"]]
    model = getattr(modules, config["architecture"])(**arguments)
    made = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(tensors, strict=True)
    if torch.get_default_dtype() == torch.float64:
        # what was saved in float32 would make the model equivariant to float32 only
        sharpened = {
            name: tensor
            for name, tensor in made.items()
            if any(constant in name for constant in CONSTANTS)
            and tensors[name].dtype == torch.float32
            and torch.allclose(tensor, tensors[name].to(tensor.dtype), rtol=0.0, atol=SAME_CONSTANT)
        }
        model.load_state_dict(sharpened, strict=False)
    return model


def _head(heads: list[str], fidelity: str | None) -> str:
    """The readout that a card's fidelity names: `omat-pbe` is upstream's `omat_pbe`."""
    if fidelity is None and len(heads) == 1:
        return heads[0]
    by_fidelity = {head.lower().replace("_", "-"): head for head in heads}
    if fidelity not in by_fidelity:
        raise ValueError(f"this checkpoint needs a fidelity among {', '.join(by_fidelity)}; asked for {fidelity}")
    return by_fidelity[fidelity]


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Unpickle the authors' checkpoint, a whole module; this is why it happens here and nowhere else."""
    from mace import modules
    from mace.tools.scripts_utils import extract_config_mace_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.load(path, map_location="cpu", weights_only=False)
        extracted = extract_config_mace_model(model)
    if "error" in extracted:
        raise ValueError(f"this adapter does not know a {type(model).__name__}: {extracted['error']}")
    config = {
        **extracted,
        "architecture": type(model).__name__,
        "gate": _named(modules.gate_dict, extracted["gate"]),
        "readout_cls": extracted["readout_cls"].__name__,
        **{key: extracted[key].__name__ for key in INTERACTIONS},
        **{key: extracted[key] and str(extracted[key]) for key in IRREPS},
    }
    return json.loads(json.dumps(config, default=_plain)), model.state_dict()


def _named(functions: dict[str, Any], wanted: Any) -> str:
    name = getattr(wanted, "__name__", "none")
    return next(key for key in functions if str(key).lower() == name.lower())


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | torch.Tensor | np.generic):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} in the configuration has no JSON form")


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

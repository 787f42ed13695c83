"""A small PET with random weights and both heads, in the authors' own format: metatrain's checkpoint."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import metatomic.torch  # noqa: F401  # before anything of metatrain
import torch

# metatrain imports it for training on a cluster; the package has no wheel
if importlib.util.find_spec("hostlist") is None:
    sys.modules["hostlist"] = types.ModuleType("hostlist")

from metatrain.pet import PET
from metatrain.utils.architectures import get_default_hypers
from metatrain.utils.data import DatasetInfo
from metatrain.utils.data.target_info import get_energy_target_info, get_generic_target_info

torch.manual_seed(0)
hypers = {
    **get_default_hypers("pet")["model"],
    "d_pet": 16,
    "d_head": 16,
    "d_node": 16,
    "d_feedforward": 16,
    "num_heads": 2,
    "num_attention_layers": 1,
}


def cartesian(name: str, rank: int, quantity: str, unit: str, kind: str) -> object:
    described = {"quantity": quantity, "unit": unit, "type": {"cartesian": {"rank": rank}}, "num_subtargets": 1}
    return get_generic_target_info(name, {**described, "sample_kind": kind})


targets = {
    "energy": get_energy_target_info(
        "energy", {"quantity": "energy", "unit": "eV"}, add_position_gradients=True, add_strain_gradients=True
    ),
    "non_conservative_force": cartesian("non_conservative_force", 1, "force", "eV/Angstrom", "atom"),
    "non_conservative_stress": cartesian("non_conservative_stress", 2, "pressure", "eV/Angstrom^3", "system"),
}
model = PET(hypers, DatasetInfo("angstrom", [8, 11, 12, 17], targets))
torch.save(model.get_checkpoint(), Path(sys.argv[1]) / "upstream")

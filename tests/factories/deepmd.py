"""A small DeePMD model with random weights, in the authors' own format: tensors and the parameters of the model."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from deepmd.pt.model.model import get_model
from deepmd.pt.train.wrapper import ModelWrapper

torch.manual_seed(0)
parameters = {
    "type_map": ["O", "Na", "Mg", "Cl"],
    "descriptor": {
        "type": "se_e2_a",
        "sel": [60, 60, 60, 60],
        "rcut_smth": 0.5,
        "rcut": 5.0,
        "neuron": [8, 16],
        "axis_neuron": 4,
        "type_one_side": True,
        "precision": "float32",
        "seed": 1,
    },
    "fitting_net": {"neuron": [16, 16], "precision": "float32", "seed": 1},
}
wrapper = ModelWrapper(get_model(parameters), model_params=parameters)
for name, tensor in wrapper.state_dict().items():
    if name.endswith("stddev"):  # without statistics of any data its answer would hardly depend on the structure
        tensor.mul_(0.02)
torch.save({"model": wrapper.state_dict()}, Path(sys.argv[1]) / "upstream")

"""A small MatterSim with random weights, in the authors' own format: a dictionary with arguments and tensors."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

torch.manual_seed(0)
arguments = {
    "num_blocks": 2,
    "units": 16,
    "max_l": 4,
    "max_n": 4,
    "cutoff": 5.0,
    "max_z": 94,
    "threebody_cutoff": 4.0,
}
model = M3Gnet(device="cpu", **arguments)
saved = {"model_name": "m3gnet", "model": model.state_dict(), "model_args": {**arguments, "device": "cpu"}}
torch.save(saved, Path(sys.argv[1]) / "upstream")

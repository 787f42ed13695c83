"""A small Orb v3 with random weights, in the authors' own format: tensors, and a builder in their code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from orb_models.forcefield import pretrained

FOLDER, VARIANT = Path(sys.argv[1]), sys.argv[2]
SIZES = {
    "latent_dim": 32,
    "base_mlp_hidden_dim": 64,
    "base_mlp_depth": 1,
    "head_mlp_hidden_dim": 32,
    "head_mlp_depth": 1,
    "num_message_passing_steps": 2,
}

torch.manual_seed(0)
architecture = f"orb_v3_{VARIANT}_architecture"
model = getattr(pretrained, architecture)(**SIZES, device="cpu")
torch.save(model.state_dict(), FOLDER / "upstream")
config = {"architecture": architecture, "max_num_neighbors": 120, "zbl_aggregation": "mean", **SIZES}
(FOLDER / "upstream_config").write_text(json.dumps(config))

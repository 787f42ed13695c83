"""A small MACE with random weights, in the authors' own format: a pickled module."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

torch.serialization.add_safe_globals([slice])  # e3nn 0.4.4's constants

from e3nn.o3 import Irreps  # noqa: E402
from mace import modules  # noqa: E402

TOTALS = {"total_charge": {"num_classes": 200, "offset": 100}, "total_spin": {"num_classes": 100, "offset": 0}}
EMBEDDED = {name: {"type": "categorical", "emb_dim": 16, "per": "graph", **spec} for name, spec in TOTALS.items()}

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
BLOCK = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = modules.ScaleShiftMACE(
    r_max=5.0,
    num_bessel=8,
    num_polynomial_cutoff=5,
    max_ell=3,
    interaction_cls=BLOCK,
    interaction_cls_first=BLOCK,
    num_interactions=2,
    num_elements=4,
    hidden_irreps=Irreps("16x0e + 16x1o"),
    MLP_irreps=Irreps("16x0e"),
    gate=torch.nn.functional.silu,
    atomic_energies=np.array([-1.0, -3.0, -1.5, -2.0]),
    avg_num_neighbors=8.0,
    atomic_numbers=[8, 11, 12, 17],
    correlation=3,
    radial_type="bessel",
    atomic_inter_scale=1.0,
    atomic_inter_shift=0.0,
    embedding_specs=EMBEDDED if sys.argv[2] == "omol" else None,
)
# the dtype that the published ones have
torch.save(model.float(), Path(sys.argv[1]) / "upstream")

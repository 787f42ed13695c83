"""A small eSEN with random weights, in the authors' own format: fairchem's inference checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
import torch
from fairchem.core.units.mlip_unit.api.inference import MLIPInferenceCheckpoint

FOLDER, DIRECT = Path(sys.argv[1]), sys.argv[2] == "direct"
ESEN = "fairchem.core.models.uma.escn_md"
DIRECT_HEADS = {"energy": "MLP_Energy_Head", "forces": "Linear_Force_Head", "stress": "MLP_Stress_Head"}
HEADS = {name: {"module": f"{ESEN}.{head}"} for name, head in DIRECT_HEADS.items()}

torch.manual_seed(0)
model = {
    "_target_": "fairchem.core.models.base.HydraModel",
    "backbone": {
        "model": f"{ESEN}.eSCNMDBackbone",
        "max_num_elements": 100,
        "sphere_channels": 16,
        "lmax": 2,
        "mmax": 2,
        "otf_graph": True,
        "max_neighbors": 300,
        "cutoff": 5.0,
        "edge_channels": 16,
        "num_distance_basis": 16,
        "hidden_channels": 16,
        "num_layers": 2,
        "direct_forces": DIRECT,
        "regress_forces": True,
        "direct_stress": DIRECT,
        "regress_stress": True,
        "use_dataset_embedding": False,
    },
    "heads": HEADS if DIRECT else {"efs": {"module": f"{ESEN}.MLP_EFS_Head"}},
    "pass_through_head_outputs": not DIRECT,
}
tasks = [
    {
        "_target_": "fairchem.core.units.mlip_unit.mlip_unit.Task",
        "name": name,
        "level": level,
        "property": name,
        "out_spec": {"dim": dim, "dtype": "float32"},
        "normalizer": {
            "_target_": "fairchem.core.modules.normalization.normalizer.Normalizer",
            "mean": 0.0,
            "rmsd": 1.0,
        },
        "datasets": ["omat"],
    }
    for name, level, dim in (("energy", "system", [1]), ("forces", "atom", [3]), ("stress", "system", [1, 9]))
]
averaged = torch.optim.swa_utils.AveragedModel(hydra.utils.instantiate(model))
torch.save(
    MLIPInferenceCheckpoint(
        model_config=model,
        model_state_dict=averaged.module.state_dict(),
        ema_state_dict=averaged.state_dict(),
        tasks_config=tasks,
    ),
    FOLDER / "upstream",
)

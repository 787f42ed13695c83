"""A small GRACE with random weights, in the authors' own formats: an archive of a checkpoint or of a saved model."""

from __future__ import annotations

import os
import sys
import tarfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow as tf
from tensorpotential.instructions.base import save_instructions_dict
from tensorpotential.potentials.presets import GRACE_1LAYER_v2_25
from tensorpotential.tensorpot import TensorPotential

FOLDER, VARIANT = Path(sys.argv[1]), sys.argv[2]

tf.keras.utils.set_random_seed(1)
SETTINGS = {
    "element_map": {"O": 0, "Na": 1, "Mg": 2, "Cl": 3},
    "rcut": 5.0,
    "avg_n_neigh": 20.0,
    "atomic_shift_map": {0: -3.0, 1: -1.0, 2: -1.5, 3: -2.0},
    "lmax": 2,
    "n_rad_max": 4,
    "prod_func_n_max": 4,
    "embedding_size": 4,
    "max_order": 3,
    "n_mlp_dens": 4,
}
instructions = GRACE_1LAYER_v2_25(**SETTINGS).get_instructions()
potential = TensorPotential(potential=instructions, param_dtype=tf.float32)

made = FOLDER / "GRACE-small"
if VARIANT == "graph":
    potential.save_model(exact_path=str(made))
else:
    made.mkdir()
    save_instructions_dict(str(made / "model.yaml"), instructions, param_dtype=tf.float32)
    potential.save_checkpoint(checkpoint_name=str(made / "checkpoint"))
with tarfile.open(FOLDER / "upstream", "w:gz") as archive:
    archive.add(made, arcname=made.name)

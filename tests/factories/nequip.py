"""A small NequIP or Allegro with random weights, in the authors' own format: a package with its code inside."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
import yaml
from hydra.utils import get_method
from nequip.scripts import _package_utils as lists
from nequip.utils.global_state import set_global_state
from torch.package.package_exporter import PackageExporter

FOLDER, VARIANT = Path(sys.argv[1]), sys.argv[2]
TYPES = ["O", "Na", "Mg", "Cl"]

set_global_state()
common = {
    "seed": 1,
    "model_dtype": "float32",
    "type_names": TYPES,
    "r_max": 5.0,
    "l_max": 2,
    "avg_num_neighbors": 30.0,
    "per_type_energy_scales": 1.0,
    "per_type_energy_shifts": dict(zip(TYPES, [-3.0, -1.0, -1.5, -2.0], strict=True)),
}
models = {
    "nequip": {
        "_target_": "nequip.model.NequIPGNNModel",
        **common,
        "num_layers": 2,
        "num_features": 8,
        "parity": True,
        "radial_mlp_width": 16,
    },
    "allegro": {
        "_target_": "allegro.model.AllegroModel",
        **common,
        "parity": True,
        "num_layers": 2,
        "num_scalar_features": 16,
        "num_tensor_features": 4,
        "allegro_mlp_hidden_layers_width": 16,
        "scalar_embed_mlp_hidden_layers_width": 16,
        "radial_chemical_embed": {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8},
    },
}
config = models["allegro" if VARIANT == "allegro" else "nequip"]
network = get_method(config["_target_"])(**{key: value for key, value in config.items() if key != "_target_"})
if VARIANT == "tuned":  # a package does not tell the architecture that another one had
    config = {"_target_": "nequip.model.ModelFromPackage", "package_path": "elsewhere.nequip.zip"}

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    with PackageExporter(FOLDER / "upstream.nequip.zip") as package:
        package.mock([f"{name}.**" for name in lists._MOCK_MODULES])
        package.extern([f"{name}.**" for name in lists._EXTERNAL_MODULES])
        package.intern([f"{name}.**" for name in lists._INTERNAL_MODULES])
        package.save_text("model", "config.yaml", yaml.dump({"training_module": {"model": config}}))
        package.save_text("model", "package_metadata.txt", yaml.dump({"package_version_id": 2}))
        packed = torch.nn.ModuleDict({"sole_model": network})
        package.save_pickle("model", "eager_model.pkl", packed, dependencies=True)
(FOLDER / "upstream.nequip.zip").rename(FOLDER / "upstream")

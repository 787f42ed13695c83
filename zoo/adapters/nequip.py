# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "nequip==0.19.1",
#   "nequip-allegro==0.8.3",
#   "hydra-core==1.4.0.dev1",
#   "omegaconf==2.4.1rc1",
#   "torch==2.13.0",
#   "e3nn==0.6.0",
#   "matscipy==1.3.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # NequIP leaves hydra open. Its releases since 2020 need a package without a wheel, and Allegro cannot be built with
# # the later candidates of the next one, which take the length of what has none.
# ///
"""NequIP (Batzner et al., Nature Communications 2022) and Allegro (Musaelian et al. 2023), batched natively.

The authors publish packages (`.nequip.zip`): a pickle, the code that it needs, and the configuration of the training
run. Where that configuration has the arguments of the architecture, the model is built from the installed library and
its tensors, in either precision. A fine-tuned model's names another package instead: then the packaged code itself
runs, in the precision it was packaged with, and cannot be written as tensors and JSON.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from safetensors.torch import load_file

LIBRARIES = ("nequip.", "allegro.")
"""What a configuration may build things from."""
BUILDERS = ("nequip.model.", "allegro.model.")
ELSEWHERE = ("ModelFromPackage", "ModelFromCheckpoint")
"""Builders that read another file, which only its authors have."""


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> NequIPModel:
    """A NequIP or Allegro package, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"NequIP has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    from nequip.utils.global_state import set_global_state

    set_global_state()
    if "upstream" in files:
        config, packaged = _read_upstream(files["upstream"])
        if config is None:
            return NequIPModel(packaged, None, {}, device=device, dtype=dtype)
        tensors = packaged.state_dict()
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return NequIPModel(_built(config, tensors, dtype), config, tensors, device=device, dtype=dtype)


class NequIPModel:
    """A checkpoint in memory."""

    def __init__(
        self,
        network: Any,
        config: dict[str, Any] | None,
        tensors: dict[str, torch.Tensor],
        *,
        device: str,
        dtype: str,
    ) -> None:
        from nequip.integrations.utils import basic_transforms

        self.config = config
        self.tensors = tensors
        self.device = torch.device(device)
        known = network.metadata
        if known["model_dtype"] != dtype:
            raise ValueError(f"this package computes in {known['model_dtype']}, as it was packaged; asked for {dtype}")
        self.network = network.to(self.device).eval()
        count = sum(p.numel() for p in network.parameters())
        trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        types = known["type_names"].split(" ")
        if strange := [name for name in types if name not in atomic_numbers]:
            raise ValueError(f"this adapter knows atom types that are elements; the model has {', '.join(strange)}")
        self.cutoff = float(known["r_max"])
        self.transforms = [
            transform.to(self.device)
            for transform in basic_transforms(known, self.cutoff, types, {t: t for t in types})
        ]
        self.facts = {
            "parameters": [trained, count],
            "cutoff": self.cutoff,
            "elements": sorted(types, key=chemical_symbols.index),
            "pbc": "any",
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        from ase.geometry import complete_cell

        sizes = [len(structure.numbers) for structure in structures]
        data = {
            "pos": torch.tensor(np.concatenate([s.positions for s in structures])),
            "cell": torch.tensor(np.array([complete_cell(s.cell) for s in structures])),
            "pbc": torch.tensor(np.array([s.pbc for s in structures])),
            "atomic_numbers": torch.tensor(np.concatenate([s.numbers for s in structures]), dtype=torch.int64),
            "batch": torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
            "num_atoms": torch.tensor(sizes),
        }
        data = {key: value.to(self.device) for key, value in data.items()}
        for transform in self.transforms:
            data = transform(data)
        output = self.network(data)
        stresses = _numpy(output["stress"]).reshape(-1, 3, 3)
        return list(
            zip(
                _numpy(output["total_energy"]).reshape(-1),
                np.split(_numpy(output["forces"]), np.cumsum(sizes)[:-1]),
                (stresses + stresses.transpose(0, 2, 1)) / 2,
                strict=True,
            )
        )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        if self.config is None:
            raise ValueError(
                "this package was fine-tuned from another one and does not tell its architecture: there is no "
                "safetensors form, it runs from its own code"
            )
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}, self.config


def _built(config: dict[str, Any], tensors: dict[str, torch.Tensor], dtype: str) -> Any:
    """The model from the installed library, around its tensors."""
    from hydra.utils import get_method

    arguments = {**config, "model_dtype": dtype, "compile_mode": "eager"}
    network = get_method(arguments.pop("_target_"))(**arguments)
    network.load_state_dict(tensors, strict=True)
    return network


def _read_upstream(path: Path) -> tuple[dict[str, Any] | None, Any]:
    """Unpickle the authors' package, code and all; this is why it happens here and nowhere else.

    Its configuration is None where it does not tell the architecture.
    """
    import yaml
    from nequip.model.saved_models.package import _cpu_deserialize_always
    from torch.package.package_importer import PackageImporter

    with warnings.catch_warnings(), _named_zip(path) as package:
        warnings.simplefilter("ignore")
        importer = PackageImporter(package)
        settings = yaml.safe_load(importer.load_text("model", "config.yaml"))
        with _cpu_deserialize_always():
            models = importer.load_pickle("model", "eager_model.pkl", map_location="cpu")
    if len(models) != 1:
        raise ValueError(f"this adapter knows packages of one model; this one has {', '.join(models)}")
    return _architecture(settings["training_module"]["model"]), next(iter(models.values()))


def _architecture(config: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments that build the network; None where they are another package's."""
    while config["_target_"].endswith(".modify"):  # what is changed in training, or makes it faster, has no tensors
        config = config["model"]
    if config["_target_"].endswith(ELSEWHERE):
        return None
    targets = list(_targets(config))
    if not config["_target_"].startswith(BUILDERS) or not all(t.startswith(LIBRARIES) for t in targets):
        raise ValueError(f"this adapter builds what {', '.join(LIBRARIES)}* has; the package names {targets}")
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain


def _targets(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _targets(item)


@contextlib.contextmanager
def _named_zip(path: Path) -> Iterator[str]:
    """The package under a name that ends as the importer wants it: the cache names files by their hash."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "model.nequip.zip"
        link.symlink_to(path.resolve())
        yield str(link)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

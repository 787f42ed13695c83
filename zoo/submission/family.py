"""Family: the beginning of an adapter, with its contract in the docstrings; it type-checks and computes nothing yet."""

from __future__ import annotations

import re
from pathlib import Path

from zoo import adapters
from zoo.errors import CardError
from zoo.files import write_text

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

SKELETON = '''# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "safetensors==0.8.0"]  # add the authors' package, with '=='
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""{family}: what it is, and who wrote it.

It runs in a worker, in an environment of these packages (wheels alone), and imports nothing of mlip-zoo. Units are eV
and Å; stress is eV/Å³, tensile positive.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> {model}:
    """A checkpoint on its device, in its dtype: 'float32' or 'float64' of every operation.

    `files`: 'upstream' (and 'upstream_config' where the card has one), the authors' file, which is opened here and
    nowhere else; or 'weights' and 'config' as `export` gave them. `forces`: 'conservative' or 'direct'. `fidelity`: a
    level of theory in the card's words, or None. Raises ValueError for what the family does not have.
    """
    if forces != "conservative" or fidelity is not None or runtime != "eager":
        raise ValueError(f"conservative forces, eager; asked for {{forces}}, {{fidelity}}, {{runtime}}")
    if "upstream" in files:
        raise NotImplementedError("open the authors' file here: tensors by name, and a configuration of JSON data")
    return {model}(load_file(files["weights"]), json.loads(files["config"].read_text()), device=device, dtype=dtype)


class {model}:
    """What `load` returns."""

    def __init__(
        self, tensors: dict[str, np.ndarray], config: dict[str, Any], *, device: str, dtype: str
    ) -> None:
        self.tensors, self.config, self.device, self.dtype = tensors, config, device, dtype
        total = sum(tensor.size for tensor in tensors.values())
        # compared with the card by 'mlip-zoo check': [trainable, all], Å, and the symbols that the model has rows for.
        # "pbc": "any" where it takes molecules and slabs as they are, else it is asked for crystals only.
        self.facts = {{"parameters": [total, total], "cutoff": float(config["cutoff"]), "elements": config["elements"]}}

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        """Energy (eV), forces (n, 3) in eV/Å and stress (3, 3) in eV/Å³ (None where there is none), in order.

        A structure has numbers (n,), positions (n, 3), cell (3, 3) with vectors as rows, pbc (3,), charge and spin; it
        may lie thousands of Å from the origin (`structure.central()` brings it back). The energy is the one that the
        forces are the gradient of. An answer depends on its structure alone. Raise, with a sentence for a person, where
        one cannot be done. Batch where the framework can.
        """
        raise NotImplementedError("compute here")

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The tensors by name and the configuration: `load` makes the same model of them, bit by bit.

        Raises ValueError where the checkpoint has no such form, as compiled code.
        """
        return self.tensors, self.config
'''


def write(name: str, *, folder: Path | None = None) -> Path:
    """Write the skeleton of a family's adapter; returns it. Raises CardError for no name, or one that is taken."""
    if not _NAME.fullmatch(name):
        raise CardError(f"{name!r} cannot be a family's name: lower-case letters, digits and '_', from a letter on")
    target = (folder or adapters.FOLDER) / f"{name}.py"
    if target.exists():
        raise CardError(f"{target} is there already")
    model = "".join(part.capitalize() for part in name.split("_")) + "Model"
    write_text(target, SKELETON.format(family=name, model=model))
    return target

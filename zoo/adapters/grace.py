# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "tensorpotential==0.6.2.1",
#   "tensorflow==2.20.0",
#   "tf-keras==2.20.1",
#   "matscipy==1.3.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # TensorFlow without its CUDA packages: this adapter computes on the CPU
# override-dependencies = ["tensorflow==2.20.0"]
# ///
"""GRACE (Bochkarev, Lysogorskiy and Drautz, Physical Review X 2024): graph atomic cluster expansion on TensorFlow.

The authors publish two archives of each model. Of a *checkpoint* (`model.yaml` and variables) the network is built
anew, in either precision, and converts to safetensors. A *saved model* is a compiled graph: it computes in the
precision of its variables and has no form without code.

XLA compiles once per shape, so batches are padded: the number of atoms to a power of two, the number of pairs to the
next of 1, 1.5, 2, 3, 4, 6, 8, …
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# before TensorFlow is imported: it speaks of every processor feature, takes every core, and has two kinds of Keras
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_USE_LEGACY_KERAS"] = "1"
if threads := os.environ.get("OMP_NUM_THREADS"):
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", threads)

import numpy as np
import tensorflow as tf
import yaml
from ase import Atoms
from ase.data import chemical_symbols

SMALLEST = 16
"""Atoms; below it, padding costs less than compiling."""
LIBRARY = "tensorpotential."
"""What a description may build."""
DESCRIPTION, SAVED_MODEL, INDEX = "model.yaml", "saved_model.pb", "*.index"
PAIR_FORCES = "z_pair_f"


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> GraceModel:
    """A GRACE archive, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"GRACE has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if device != "cpu":
        raise ValueError(f"this adapter was tried on the CPU alone; asked for {device!r}")
    tf.config.set_visible_devices([], "GPU")
    if "upstream" not in files:
        from safetensors.numpy import load_file

        config = json.loads(files["config"].read_text())
        return _from_tensors(config, load_file(files["weights"]), dtype)
    with _unpacked(files["upstream"]) as folder:
        if (folder / SAVED_MODEL).is_file():
            return _from_graph(folder, dtype)
        return _from_tensors(*_read_checkpoint(folder), dtype)


class GraceModel:
    """A checkpoint in memory."""

    def __init__(
        self,
        network: Any,
        inputs: list[str],
        described: dict[str, Any],
        tensors: dict[str, np.ndarray],
        config: dict[str, Any] | None,
    ) -> None:
        """`described`: cutoff, elements in the order of their index, and the cutoff of each pair of them or None."""
        from tensorpotential.data.databuilder import GeometricalDataBuilder

        self.network = network
        self.inputs = inputs
        self.tensors = tensors
        self.config = config
        elements = described["elements"]
        self.builder = GeometricalDataBuilder(
            elements_map={symbol: index for index, symbol in enumerate(elements)},
            cutoff=described["cutoff"],
            cutoff_dict=described["cutoffs"],
        )
        count = sum(tensor.size for tensor in tensors.values())
        trained = sum(variable.shape.num_elements() for variable in getattr(network, "trainable_variables", ()))
        self.facts = {
            "parameters": [trained or count, count],
            "cutoff": float(self.builder.max_cutoff),
            "elements": sorted(elements, key=chemical_symbols.index),
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        batch = self._batch(structures)
        output = self.network.compute({key: tf.constant(batch[key]) for key in self.inputs})
        sizes = [len(structure.numbers) for structure in structures]
        ends = np.cumsum(sizes)
        energies = _numpy(output["atomic_energy"]).reshape(-1)[: ends[-1]]
        forces = _numpy(output["total_f"])[: ends[-1]]
        # the network sums its virial over all of the batch, so that the stresses are put together from pairs
        owner = np.repeat(np.arange(len(structures)), sizes)[batch["ind_i"][: batch["n_neigh_real"]]]
        pairs = slice(0, int(batch["n_neigh_real"]))
        virials = np.zeros((len(structures), 3, 3))
        np.add.at(virials, owner, -_numpy(output[PAIR_FORCES])[pairs, :, None] * batch["bond_vector"][pairs, None, :])
        volumes = abs(np.linalg.det([structure.cell for structure in structures]))[:, None, None]
        stresses = (virials + virials.transpose(0, 2, 1)) / 2 / volumes
        return list(
            zip(
                [float(part.sum()) for part in np.split(energies, ends[:-1])],
                np.split(forces, ends[:-1]),
                stresses,
                strict=True,
            )
        )

    def _batch(self, structures: list[Any]) -> dict[str, Any]:
        """All structures as one padded graph; atoms and pairs that fill it up come last and know only each other."""
        parts = [
            self.builder.extract_from_ase_atoms(Atoms(s.numbers, s.positions, cell=s.cell, pbc=True))
            for s in structures
        ]
        batch: dict[str, Any] = self.builder.join_to_batch(parts)
        atoms, pairs = int(batch["batch_tot_nat_real"]), int(batch["n_neigh_real"])
        # one atom at least, for the pairs that are padding
        limits = {
            "max_nat": _bucket(atoms + 1, smallest=SMALLEST, steps=(2,)),
            "max_nneigh": _bucket(pairs, smallest=32 * SMALLEST, steps=(2, 3)),
            "max_nstruct": len(structures) + 1,
        }
        self.builder.pad_batch(batch, limits)
        return batch

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        if self.config is None:
            raise ValueError(
                "a saved model is a compiled TensorFlow graph: there is no safetensors form. The authors' checkpoint "
                "archive of the same model has one"
            )
        return self.tensors, self.config


def _from_graph(folder: Path, dtype: str) -> GraceModel:
    """A compiled graph, as it is."""
    network = tf.saved_model.load(str(folder))
    tensors = _stored(folder / "variables" / "variables")
    has = _precision(tensors)
    if has != dtype:
        raise ValueError(f"this saved model computes in {has}; asked for {dtype}")
    signature = network.signatures["compute" if "compute" in network.signatures else "serving_default"]
    if PAIR_FORCES not in signature.structured_outputs:
        raise ValueError(f"this saved model does not give {PAIR_FORCES}, from which the stresses of a batch are made")
    described = _described(network.instructions)
    return GraceModel(network, list(signature.structured_input_signature[1]), described, tensors, None)


def _from_tensors(config: dict[str, Any], tensors: dict[str, np.ndarray], dtype: str) -> GraceModel:
    """The network that a description builds, around tensors under the names that `_named` gives."""
    network = _built(config, dtype)
    variables = _named(network)
    if variables.keys() != tensors.keys():
        raise ValueError(f"tensors that do not fit the model: {sorted(variables.keys() ^ tensors.keys())}")
    # a single number comes back from safetensors as an array of one
    tensors = {name: tensors[name].reshape(variable.shape) for name, variable in variables.items()}
    for name, variable in variables.items():
        variable.assign(tf.cast(tf.constant(tensors[name]), variable.dtype))
    network.decorate_compute_function(tf.float64, jit_compile=True)
    return GraceModel(network, list(network.compute_specs), _described(network.instructions), tensors, config)


def _built(config: dict[str, Any], dtype: str) -> Any:
    """The network, its variables as they are before training."""
    from tensorpotential.instructions.base import load_instructions
    from tensorpotential.tpmodel import TPModel

    # only the library's own: the name of a class here is what gets imported
    classes = re.findall(r"__cls__:\s*['\"]?([\w.]+)", config["instructions"])
    if strange := [name for name in classes if not name.startswith(LIBRARY)]:
        raise ValueError(f"this adapter builds what {LIBRARY}* has; the description names {', '.join(strange)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DESCRIPTION
        path.write_text(config["instructions"], encoding="utf-8")
        network = TPModel(load_instructions(str(path)))
    network.build(getattr(tf, dtype), jit_compile=True)
    return network


def _read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the variables of a checkpoint archive."""
    saved = yaml.safe_load((folder / DESCRIPTION).read_text(encoding="utf-8"))
    for history in ("metadata", "__metadata__") if isinstance(saved, dict) else ():
        saved.pop(history, None)
    # keys may be numbers, which JSON has not: it stays the library's own YAML
    config = {"instructions": yaml.safe_dump(saved, sort_keys=False)}
    indices = list(folder.glob(INDEX))
    if len(indices) != 1:
        raise ValueError(
            f"expected one checkpoint in the archive; it has {', '.join(p.name for p in indices) or 'none'}"
        )
    prefix = indices[0].with_suffix("")
    network = _built(config, _precision(_stored(prefix)))
    tf.train.Checkpoint(model=network).read(str(prefix)).assert_existing_objects_matched().expect_partial()
    return config, {name: variable.numpy() for name, variable in _named(network).items()}


def _described(instructions: Any) -> dict[str, Any]:
    """Cutoff and elements, out of the instructions themselves."""
    from tensorpotential.tpmodel import extract_cutoff_and_elements, extract_cutoff_dict

    cutoff, symbols, indices = extract_cutoff_and_elements(instructions)
    names = [symbol.decode() if isinstance(symbol, bytes) else str(symbol) for symbol in np.asarray(symbols)]
    elements = [name for _, name in sorted(zip(np.asarray(indices).tolist(), names, strict=True))]
    return {"cutoff": float(cutoff), "elements": elements, "cutoffs": extract_cutoff_dict(instructions)}


def _named(network: Any) -> dict[str, Any]:
    """The variables of a network; their own names repeat, their order does not change."""
    floating = [variable for variable in network.variables if variable.dtype.is_floating]
    return {f"{index:04d}/{variable.name}": variable for index, variable in enumerate(floating)}


def _stored(prefix: Path) -> dict[str, np.ndarray]:
    """The numbers in a file of variables, without what training kept beside them."""
    reader = tf.train.load_checkpoint(str(prefix))
    kinds = reader.get_variable_to_dtype_map()
    names = [name for name, kind in kinds.items() if kind.is_floating and "optimizer" not in name.lower()]
    return {name: reader.get_tensor(name) for name in sorted(names)}


def _precision(tensors: dict[str, np.ndarray]) -> str:
    """The coarser one where both occur."""
    return "float32" if any(tensor.dtype == np.float32 for tensor in tensors.values()) else "float64"


@contextlib.contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    """The folder in an archive that holds the model; gone afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        found = [path.parent for name in (SAVED_MODEL, DESCRIPTION) for path in sorted(Path(scratch).rglob(name))]
        if not found:
            raise ValueError(f"the archive has neither {SAVED_MODEL} nor {DESCRIPTION}")
        yield found[0]


def _bucket(n: int, *, smallest: int, steps: tuple[int, ...]) -> int:
    """The smallest of `step` × a power of two, halved, that holds n and is at least `smallest`."""
    sizes = [(step << power) // 2 for power in range(40) for step in steps]
    return min(size for size in sizes if size >= max(n, smallest))


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(tensor, dtype=np.float64)

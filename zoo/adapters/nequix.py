# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "nequix==0.4.5",
#   "jax==0.12.0.1",
#   "jaxlib==0.12.0.1",
#   "e3nn-jax==0.21.0",
#   "equinox==0.13.8",
#   "jraph==0.0.6.dev0",
#   "matscipy==1.3.1",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # jax without its CUDA packages (6.6 GB), and without what only training needs
# override-dependencies = [
#   "jax==0.12.0.1",
#   "ase-db-backends ; sys_platform == 'never'",
#   "cloudpickle ; sys_platform == 'never'",
#   "h5py ; sys_platform == 'never'",
#   "optax ; sys_platform == 'never'",
#   "wandb ; sys_platform == 'never'",
#   "wandb-osh ; sys_platform == 'never'",
# ]
# ///
"""Nequix (Koker et al. 2025): a small NequIP on JAX, batched natively, on the CPU.

XLA compiles once per shape, so batches are padded: the number of atoms to a power of two, the number of pairs to the
next of 1, 1.5, 2, 3, 4, 6, 8, … The graphs are padded to as many as there are atoms, which costs next to nothing and
leaves two sizes that can vary instead of three.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# One thread when that is what was asked for (sums in a fixed order): XLA does not read this variable, and it must be
# told before it starts.
if os.environ.get("OMP_NUM_THREADS") == "1":
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import equinox
import jax
import numpy as np
from ase.data import chemical_symbols

SMALLEST = 16
"""Atoms; below it, padding costs less than compiling."""

# Arguments of the network, by the names under which the checkpoint's header has them; the rest is training history.
BUILD_KEYS = (
    *("hidden_irreps", "lmax", "cutoff", "n_layers", "radial_basis_size", "radial_mlp_size", "radial_mlp_layers"),
    *("radial_polynomial_p", "mlp_init_scale", "index_weights", "layer_norm", "shift", "scale", "avg_n_neighbors"),
)


def load(files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> Nequix:
    """A Nequix checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"Nequix has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if device != "cpu":
        raise ValueError(f"this environment's JAX computes on the CPU; asked for {device!r}")
    # e3nn's constants are made in this precision while the model is traced
    jax.config.update("jax_enable_x64", dtype == "float64")
    if "upstream" in files:
        header, tensors = _read_upstream(files["upstream"])
        config = {key: header[key] for key in ("atomic_numbers", *BUILD_KEYS)}
    else:
        from safetensors.numpy import load_file

        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return Nequix(config, tensors, dtype=dtype)


class Nequix:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, np.ndarray], *, dtype: str) -> None:
        self.config = config
        self.tensors = tensors
        self.dtype = np.dtype(dtype)
        empty = _built(config)
        names = _names(empty)
        if names.keys() != tensors.keys():
            raise ValueError(f"tensors that do not fit the model: {sorted(names.keys() ^ tensors.keys())}")
        leaves, structure = jax.tree_util.tree_flatten(empty)
        arrays = [tensors[name].astype(self.dtype) for name in names]
        shapes = {name: (leaf.shape, tensors[name].shape) for name, leaf in zip(names, leaves, strict=True)}
        if wrong := {name: both for name, both in shapes.items() if both[0] != both[1]}:
            raise ValueError(f"tensors of other shapes than the model's: {wrong}")
        self.model = equinox.filter_jit(jax.tree_util.tree_unflatten(structure, [jax.numpy.asarray(a) for a in arrays]))
        numbers = sorted(config["atomic_numbers"])
        self.index = {z: i for i, z in enumerate(numbers)}
        self.cutoff = float(config["cutoff"])
        count = sum(tensor.size for tensor in tensors.values())
        self.facts = {
            # the energies of single atoms are fitted beforehand
            "parameters": [count - tensors[".atom_energies"].size, count],
            "cutoff": self.cutoff,
            "elements": [chemical_symbols[z] for z in numbers],
            "pbc": "any",
        }

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        energies, forces, stresses = (np.asarray(part, np.float64) for part in self.model(self._batch(structures)))
        ends = np.cumsum([len(structure.numbers) for structure in structures])
        n = len(structures)
        return list(zip(energies[:n], np.split(forces[: ends[-1]], ends[:-1]), stresses[:n], strict=True))

    def _batch(self, structures: list[Any]) -> Any:
        """All structures as one padded jraph.GraphsTuple. Its edges point from j to i, shifted by whole cells."""
        import jraph
        from ase.geometry import complete_cell
        from matscipy.neighbours import neighbour_list

        structures = [structure.central() for structure in structures]
        cells = [complete_cell(structure.cell) for structure in structures]
        n_node = np.array([len(structure.numbers) for structure in structures])
        receivers, senders, shifts, n_edge = [], [], [], []
        for structure, cell, start in zip(structures, cells, np.cumsum(n_node) - n_node, strict=True):
            i, j, shift = neighbour_list(
                "ijS", positions=structure.positions, cell=cell, pbc=structure.pbc, cutoff=self.cutoff
            )
            receivers.append(i + start)
            senders.append(j + start)
            shifts.append(shift)
            n_edge.append(len(i))
        batch = jraph.GraphsTuple(
            n_node=n_node.astype(np.int32),
            n_edge=np.array(n_edge, dtype=np.int32),
            nodes={
                "species": np.array([self.index[z] for s in structures for z in s.numbers], dtype=np.int32),
                "positions": np.concatenate([s.positions for s in structures]).astype(self.dtype),
            },
            edges={"shifts": np.concatenate(shifts).astype(self.dtype)},
            senders=np.concatenate(senders).astype(np.int32),
            receivers=np.concatenate(receivers).astype(np.int32),
            globals={"cell": np.array(cells, dtype=self.dtype)},
        )
        atoms = _bucket(int(n_node.sum()) + 1, smallest=SMALLEST, steps=(2,))  # jraph's padding has an atom of its own
        edges = _bucket(sum(n_edge), smallest=32 * SMALLEST, steps=(2, 3))
        return jraph.pad_with_graphs(batch, n_node=atoms, n_edge=edges, n_graph=atoms)

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return self.tensors, self.config


def _bucket(n: int, *, smallest: int, steps: tuple[int, ...]) -> int:
    """The smallest of `step` × a power of two, halved, that holds n and is at least `smallest`."""
    sizes = [(step << power) // 2 for power in range(40) for step in steps]
    return min(size for size in sizes if size >= max(n, smallest))


def _built(config: dict[str, Any]) -> Any:
    from nequix.model import Nequix as Network

    arguments = {key: config[key] for key in BUILD_KEYS}
    return Network(key=jax.random.key(0), n_species=len(config["atomic_numbers"]), kernel=False, **arguments)


def _names(network: Any) -> dict[str, Any]:
    """Every array of the network under its path, in the order in which JAX flattens it."""
    paths, _ = jax.tree_util.tree_flatten_with_path(network)
    return {jax.tree_util.keystr(path): leaf for path, leaf in paths}


def _read_upstream(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a `.nqx`: a line of JSON, then one `.npy` after another (nothing in it is pickled)."""
    with path.open("rb") as file:
        header = json.loads(file.readline())
        network = equinox.tree_deserialise_leaves(file, _built(header))
    return header, {name: np.asarray(leaf) for name, leaf in _names(network).items()}

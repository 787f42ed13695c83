# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "chgnet==0.4.2",
#   "torch==2.13.0",
#   "pymatgen==2026.10.24",
#   "ase==3.29.0",
#   "numpy==2.5.4",
#   "safetensors==0.8.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# # it has no wheel; the adapter stands in for the one module that is imported and not used
# override-dependencies = ["nvidia-ml-py3 ; sys_platform == 'never'"]
# ///
"""CHGNet (Deng et al., Nature Machine Intelligence 2023): charge-informed graph network, batched natively."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from safetensors.torch import load_file

# chgnet imports it to look for the emptiest of several GPUs, which nothing here asks for; the package has no wheel
if importlib.util.find_spec("nvidia_smi") is None:
    sys.modules["nvidia_smi"] = types.ModuleType("nvidia_smi")

OUTPUT_BIAS = "atom_conv_layers.0.mlp_out.layers.1.bias"

# MPtrj has no Po, At, Rn, Fr, Ra; CHGNet's tables go to Pu regardless
UNTRAINED = {84, 85, 86, 87, 88}

SAME_PLACE = 1e-8
"""Å: the package's own tolerance for distances."""


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> CHGNetModel:
    """A CHGNet checkpoint, ready to compute."""
    if forces != "conservative" or fidelity or runtime != "eager":
        raise ValueError(f"CHGNet has conservative forces, run eagerly; asked for {forces}, {fidelity}, {runtime}")
    if "upstream" in files:
        # a plain dictionary of tensors: torch's restricted unpickler is enough
        saved = torch.load(files["upstream"], map_location="cpu", weights_only=True)["model"]
        tensors = saved["state_dict"]
        # 0.2.0 was trained with output biases that later versions dropped; CHGNet.load tells them apart by name
        config = {**saved["model_args"], "mlp_out_bias": OUTPUT_BIAS in tensors}
    else:
        config = json.loads(files["config"].read_text())
        tensors = load_file(files["weights"])
    return CHGNetModel(config, tensors, device=device, dtype=dtype)


class CHGNetModel:
    """A checkpoint in memory."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, torch.Tensor], *, device: str, dtype: str) -> None:
        from chgnet.model import CHGNet

        self.config = config
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        _set_dtype(self.dtype)
        model = CHGNet(**config)
        model.load_state_dict(tensors, strict=True)
        self.model = model.to(device=self.device, dtype=self.dtype).eval()
        self.facts = {
            "parameters": [
                sum(p.numel() for p in model.parameters() if p.requires_grad),
                sum(p.numel() for p in model.parameters()),
            ],
            "cutoff": float(model.graph_converter.atom_graph_cutoff),
            "elements": [chemical_symbols[z] for z in range(1, 95) if z not in UNTRAINED],
            "magmoms": True,
        }
        model.requires_grad_(requires_grad=False)  # of positions and strains alone

    def compute(self, structures: list[Any], *, magmoms: bool = False) -> list[tuple[Any, ...]]:
        return self.answers(self.prepare(structures), magmoms=magmoms)

    def prepare(self, structures: list[Any]) -> Graph:
        converter = self.model.graph_converter
        return Graph.of(structures, converter.atom_graph_cutoff, converter.bond_graph_cutoff)

    def answers(self, prepared: Graph, *, magmoms: bool = False) -> list[tuple[Any, ...]]:
        owners = self._tensor(prepared.owners)
        atoms = self._tensor(prepared.atoms_per_structure)
        strains = torch.zeros(len(prepared.lattices), 3, 3, dtype=self.dtype, device=self.device, requires_grad=True)
        lattices = self._tensor(prepared.lattices) @ (torch.eye(3, dtype=self.dtype, device=self.device) + strains)
        positions = _rows_times(self._tensor(prepared.fractional), lattices[owners])
        numbers = self._tensor(prepared.numbers)
        batched = self._featurised(prepared, numbers, owners, positions, lattices)
        # forward() would featurise graph by graph
        predicted = self.model._compute(batched, compute_magmom=magmoms)  # noqa: SLF001
        energies = predicted["e"] * atoms if self.model.is_intensive else predicted["e"]
        # one pass for both, and not itself differentiable: the model's own way takes two, and four times the memory
        slopes, virials = torch.autograd.grad(energies.sum(), (positions, strains))
        energies = energies.detach()
        if self.model.composition_model is not None:
            energies = energies + self._of_composition(numbers, owners, atoms)
        volumes = np.abs(np.linalg.det(prepared.lattices))
        ends = np.cumsum(prepared.atoms_per_structure)[:-1]
        parts: list[Any] = [
            energies.double().cpu().numpy(),
            np.split(-slopes.double().cpu().numpy(), ends),
            virials.double().cpu().numpy() / volumes[:, None, None],
        ]
        if magmoms:
            parts.append(np.split(torch.cat(predicted["m"]).detach().double().cpu().numpy(), ends))
        return list(zip(*parts, strict=True))

    def _featurised(
        self, graph: Graph, numbers: torch.Tensor, owners: torch.Tensor, positions: torch.Tensor, lattices: torch.Tensor
    ) -> Any:
        """What the model's own BatchedGraph.from_graphs makes, for all structures at once."""
        from chgnet.model.model import BatchedGraph

        edges, angles = self._tensor(graph.edges), self._tensor(graph.angles)
        shifts = _rows_times(self._tensor(graph.images), lattices[owners[edges[:, 0]]])
        lengths, short_lengths, directions = self.model.bond_basis_expansion(
            center=positions[edges[:, 0]],
            neighbor=positions[edges[:, 1]] + shifts,
            undirected2directed=self._tensor(graph.first_of_bond),
            image=torch.zeros_like(shifts),  # they are in the neighbours already
            lattice=lattices[0],
        )
        bonds = self._tensor(graph.bond_of_edge)
        left, right = angles[:, 1], angles[:, 2]
        return BatchedGraph(
            atomic_numbers=numbers,
            bond_bases_ag=lengths,
            bond_bases_bg=short_lengths,
            angle_bases=self.model.angle_basis_expansion(directions[left], directions[right]),
            batched_atom_graph=edges,
            batched_bond_graph=torch.stack((angles[:, 0], bonds[left], bonds[right]), dim=1),
            atom_owners=owners,
            directed2undirected=bonds,
            atom_positions=[positions],
            strains=[],
            volumes=[],
        )

    def _of_composition(self, numbers: torch.Tensor, owners: torch.Tensor, atoms: torch.Tensor) -> torch.Tensor:
        """eV: the linear part of the energy."""
        layer = self.model.composition_model.fc
        counts = torch.zeros(len(atoms), layer.in_features, dtype=self.dtype, device=self.device)
        counts.index_put_((owners, numbers - 1), counts.new_ones(()), accumulate=True)
        if not self.model.composition_model.is_intensive:
            return torch.mv(counts, layer.weight[0])
        return torch.mv(counts / atoms[:, None], layer.weight[0]) * atoms

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {name: tensor.cpu().numpy() for name, tensor in self.model.state_dict().items()}, self.config


@dataclass(frozen=True)
class Graph:
    """Neighbours of a batch of structures; atoms, edges and bonds are counted through the whole batch.

    The converter of the package makes the same lists out of Python objects, one structure at a time, which takes
    longer than the model does on a GPU.
    """

    atoms_per_structure: np.ndarray
    lattices: np.ndarray
    """(structures, 3, 3), Å: a vector in each row."""
    numbers: np.ndarray
    fractional: np.ndarray
    """(atoms, 3): positions within their cells, in lattice vectors."""
    owners: np.ndarray
    """(atoms,): each atom's structure."""
    edges: np.ndarray
    """(edges, 2): an atom and its neighbour; each pair is there in both directions."""
    images: np.ndarray
    """(edges, 3): the cell in which the neighbour is, in lattice vectors."""
    bond_of_edge: np.ndarray
    """(edges,): an edge and its reverse are one bond."""
    first_of_bond: np.ndarray
    """(bonds,): one of its two edges."""
    angles: np.ndarray
    """(angles, 3): an atom, and two different edges from it that are shorter than the cutoff of bonds."""

    @classmethod
    def of(cls, structures: list[Any], atom_cutoff: float, bond_cutoff: float) -> Graph:
        """Cutoffs in Å: of edges, and of those edges that form angles."""
        from pymatgen.optimization.neighbors import find_points_in_spheres

        periodic = np.ones(3, dtype=np.int64)
        counts = np.array([len(structure.numbers) for structure in structures])
        lattices = np.array([structure.cell for structure in structures], dtype=float)
        # wrapped into the cell: as float32, coordinates far out lose their digits
        fractional = [
            np.linalg.solve(lattice.T, structure.positions.T).T % 1.0
            for structure, lattice in zip(structures, lattices, strict=True)
        ]
        found = []
        for start, inside, lattice in zip(np.cumsum(counts) - counts, fractional, lattices, strict=True):
            points = np.ascontiguousarray(inside @ lattice)
            centers, neighbors, images, distances = find_points_in_spheres(
                points, points, r=float(atom_cutoff), pbc=periodic, lattice=lattice, tol=SAME_PLACE
            )
            other = (centers != neighbors) | (distances > SAME_PLACE)
            found.append((centers[other] + start, neighbors[other] + start, images[other], distances[other]))
        centers, neighbors, images, distances = (np.concatenate(each) for each in zip(*found, strict=True))
        bond_of_edge, first_of_bond = _bonds(centers, neighbors, images.astype(np.int64))
        return cls(
            atoms_per_structure=counts,
            lattices=lattices,
            numbers=np.concatenate([structure.numbers for structure in structures]).astype(np.int64),
            fractional=np.concatenate(fractional),
            owners=np.repeat(np.arange(len(counts)), counts),
            edges=np.stack((centers, neighbors), axis=1),
            images=images.astype(float),
            bond_of_edge=bond_of_edge,
            first_of_bond=first_of_bond,
            angles=_angles(centers, np.flatnonzero(distances < bond_cutoff)),
        )


def _bonds(centers: np.ndarray, neighbors: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(each edge's bond, each bond's first edge)."""
    # a way is where an edge leads, as a number; the same way back from the neighbour is minus that number
    reach = 2 * np.abs(images).max(initial=0) + 1
    way = (((neighbors - centers) * reach + images[:, 0]) * reach + images[:, 1]) * reach + images[:, 2]
    names = np.where(way > 0, centers, neighbors) * (np.abs(way).max(initial=0) + 1) + np.abs(way)
    _, first, bond, members = np.unique(names, return_index=True, return_inverse=True, return_counts=True)
    if (members != 2).any():
        raise ValueError("an atom is another's neighbour but not the other way round: is the cell degenerate?")
    return bond, first


def _angles(centers: np.ndarray, short: np.ndarray) -> np.ndarray:
    """All ordered pairs of different short edges from one atom, with that atom: (angles, 3)."""
    short = short[np.argsort(centers[short], kind="stable")]
    _, starts, sizes = np.unique(centers[short], return_index=True, return_counts=True)
    partners = np.repeat(sizes, sizes)
    left = np.repeat(np.arange(len(short)), partners)
    # the partners of an edge are its atom's short edges, which lie together
    right = np.arange(partners.sum()) - np.repeat(np.cumsum(partners) - partners, partners)
    right += np.repeat(np.repeat(starts, sizes), partners)
    left, right = short[left[left != right]], short[right[left != right]]
    return np.stack((centers[left], left, right), axis=1)


def _rows_times(rows: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Each row times its matrix."""
    return torch.bmm(rows[:, None], matrices)[:, 0]


def _set_dtype(dtype: torch.dtype) -> None:
    """CHGNet keeps its precision in a module constant that three modules have copied."""
    import chgnet.graph.converter
    import chgnet.graph.crystalgraph
    import chgnet.model.model

    torch.set_default_dtype(dtype)
    for module in (chgnet.graph.converter, chgnet.graph.crystalgraph, chgnet.model.model):
        module.TORCH_DTYPE = dtype

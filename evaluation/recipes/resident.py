"""Frames on a GPU: joined there, so that a step moves indices and rotations. Loaded by path, by fit.py.

Joining hundreds of frames one by one takes longer than a GPU takes for the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Resident:
    """All frames in flat arrays on a device; called, it makes a batch of some."""

    def __init__(self, frames: Sequence[Any], batch: Any, *, device: str) -> None:
        """`frames` and `batch`: the Frames and the class Batch of fit.py."""
        self._device = device
        self._batch = batch
        self._row = {id(frame): row for row, frame in enumerate(frames)}
        self._keep = frames  # an id is a frame's as long as the frame is there
        self._atoms = _Parts([len(frame) for frame in frames], device)
        self._edges = _Parts([len(frame.centers) for frame in frames], device)
        self._flat = {
            name: torch.cat([getattr(frame, name) for frame in frames]).to(device)
            for name in ("positions", "numbers", "forces", "centers", "neighbours", "shifts")
        }
        self._cells = torch.stack([frame.cell for frame in frames]).to(device)
        self._stresses = torch.stack([frame.stress for frame in frames]).to(device)
        self._energies = torch.tensor([frame.energy for frame in frames]).to(device)
        self._volumes = torch.tensor([frame.volume for frame in frames]).to(device)

    def __call__(self, frames: Sequence[Any], turns: Sequence[torch.Tensor]) -> Any:
        """The same batch that `Batch.of` makes, up to rounding."""
        chosen = np.array([self._row[id(frame)] for frame in frames])
        turn = torch.stack(list(turns)).to(self._device, non_blocking=True)
        rows = torch.from_numpy(chosen).to(self._device, non_blocking=True)
        atoms, owner, first_atoms = self._atoms.of(chosen, rows)
        edges, frame_of_edge, _ = self._edges.of(chosen, rows)
        sizes = self._atoms.sizes[rows]
        per_atom = (self._volumes[rows] / sizes)[:, None, None]
        offset = first_atoms[frame_of_edge]
        turned = turn[owner].transpose(1, 2)
        return self._batch(
            positions=(self._flat["positions"][atoms][:, None] @ turned)[:, 0],
            cells=self._cells[rows] @ turn.transpose(1, 2),
            numbers=self._flat["numbers"][atoms],
            centers=self._flat["centers"][edges] + offset,
            neighbours=self._flat["neighbours"][edges] + offset,
            shifts=self._flat["shifts"][edges],
            owner=owner,
            sizes=sizes,
            labels={
                "energy": self._energies[rows],
                "forces": (self._flat["forces"][atoms][:, None] @ turned)[:, 0],
                "stress": turn @ self._stresses[rows] @ turn.transpose(1, 2) * per_atom,
            },
            per_atom=per_atom,
        )


class _Parts:
    """Where each frame's rows of a flat array begin, and how many they are."""

    def __init__(self, sizes: Sequence[int], device: str) -> None:
        self._host = np.array(sizes)
        self.sizes = torch.tensor(sizes).to(device)
        self._starts = torch.tensor(np.cumsum(self._host) - self._host).to(device)

    def of(self, chosen: np.ndarray, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the chosen frames: their rows in the flat array, each row's place among the frames, each one's first row.

        How many they are is counted on the host, so that nothing waits for the GPU.
        """
        total = int(self._host[chosen].sum())
        sizes = self.sizes[rows]
        first = torch.cumsum(sizes, 0) - sizes
        places = torch.arange(len(rows), device=rows.device)
        owner = torch.repeat_interleave(places, sizes, output_size=total)
        inside = torch.arange(total, device=rows.device) - first[owner]
        return self._starts[rows][owner] + inside, owner, first

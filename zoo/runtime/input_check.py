"""Structures that no model is asked about: what makes one impossible is found here, for a whole batch at once.

A model answers nonsense with a number: two atoms 0.05 Å apart have got +0.44 eV from one and −2·10⁸ eV from another.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from zoo.runtime.request import Request
from zoo.runtime.serving import completed

CLOSEST = 0.1
"""Å. Two bare protons repel each other there with 144 eV, all heavier nuclei with more; no pseudopotential describes
it and no training set has it. The shortest distance that a task asks for is 0.28 Å (0.9 covalent radii of H)."""
FARTHEST = 1e6
"""Å, of a coordinate or a cell vector: a tenth of a millimetre, where float64 still resolves 1e-10 Å."""
MOST_NEIGHBOURS = 5000
"""Per atom, on average. Diamond at a third of its volume has 3800 within 12 Å; rock salt scaled by 0.2 exhausted 15 GB
with its 12 000 within 6 Å."""
DENSEST = 1.5
"""Atoms per Å³, averaged over the sphere of the cutoff: 2.5 g/cm³ of hydrogen, which takes more than 1 TPa; diamond has
0.18. A slab of copper scaled by 0.2 has 1.7, and its 1500 neighbours exhausted memory with their angles."""
_FLAT = 1e-6
"""Volume over the product of the cell vectors' lengths (area, length), below which they do not span a cell."""
HEAVIEST = 118


def problems(request: Request, *, cutoff: float) -> list[str | None]:
    """Why a structure cannot be computed, one text or None for each; every structure has atoms.

    `cutoff` is the model's, Å: it bounds the number of neighbours that a structure may have.
    """
    found = _out_of_range(request)
    left = [index for index, reason in enumerate(found) if reason is None]
    if left:
        for index, reason in zip(left, _impossible(request.take(left), cutoff), strict=True):
            found[index] = reason
    return found


def _out_of_range(request: Request) -> list[str | None]:
    starts = np.cumsum(request.n_atoms) - request.n_atoms
    pbc = request.pbc.astype(bool)
    far = np.maximum.reduceat(np.abs(request.positions).max(axis=1), starts)  # NaN stays NaN
    long = np.abs(request.cells).max(axis=(1, 2))
    least, most = np.minimum.reduceat(request.numbers, starts), np.maximum.reduceat(request.numbers, starts)
    return _first(
        len(request),
        (~(np.isfinite(far) & np.isfinite(long)), "positions or cell are not finite"),
        (~(np.maximum(far, long) <= FARTHEST), f"positions or cell vectors are longer than {FARTHEST:g} Å"),
        ((least < 1) | (most > HEAVIEST), f"atomic numbers must be 1 to {HEAVIEST}"),
        ((pbc & ~request.cells.any(axis=2)).any(axis=1), "periodic along a cell vector of length zero"),
    )


def _impossible(request: Request, cutoff: float) -> list[str | None]:
    pbc = request.pbc.astype(bool)
    cells = request.cells.copy()
    for index in np.flatnonzero(~pbc.all(axis=1)):
        cells[index] = completed(cells[index], pbc[index])
    volumes = np.abs(np.linalg.det(cells))
    flat = volumes < _FLAT * np.linalg.norm(cells, axis=2).prod(axis=1)
    cells[flat] = np.eye(3)  # so that what follows can be computed
    volumes[flat] = 1.0
    thin = _heights(cells, pbc).min(axis=1) <= 2 * CLOSEST
    for index in np.flatnonzero(thin):  # or only oblique
        cells[index] = _reduced(cells[index], pbc[index])
    thin[thin] = _heights(cells[thin], pbc[thin]).min(axis=1) <= 2 * CLOSEST
    cells[thin] = np.eye(3)
    neighbours = _neighbours(request, volumes, pbc, cutoff)
    found = _first(
        len(request),
        (flat, "the periodic cell vectors lie in one plane or on one line: the cell has no volume"),
        (thin, f"the cell is thinner than {2 * CLOSEST:g} Å along a periodic direction"),
        (~thin & _crowded(request, cells, pbc), f"two atoms are closer than {CLOSEST:g} Å"),
    )
    most = min(MOST_NEIGHBOURS, int(DENSEST * 4 / 3 * np.pi * cutoff**3))
    for index in np.flatnonzero(neighbours > most):
        found[index] = found[index] or (
            f"too dense: about {neighbours[index]:.0f} neighbours per atom within the model's cutoff of {cutoff:g} Å, "
            f"where at most {most} are computed"
        )
    return found


def _first(n: int, *tests: tuple[np.ndarray, str]) -> list[str | None]:
    """For each of n structures the text of the first test that is true; None where none is."""
    found: list[str | None] = [None] * n
    for bad, reason in reversed(tests):
        for index in np.flatnonzero(bad):
            found[index] = reason
    return found


def _reduced(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    from ase.geometry import minkowski_reduce

    reduced, _ = minkowski_reduce(cell, pbc)
    return completed(np.asarray(reduced), pbc)


def _heights(cells: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """(n, 3): distances between opposite lattice planes of each cell, Å; infinite along open directions."""
    return np.where(pbc, 1 / np.linalg.norm(np.linalg.inv(cells), axis=1), np.inf)


def _crowded(request: Request, cells: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """(n,) bool: whether two atoms, images included, are closer than CLOSEST."""
    owner = np.repeat(np.arange(len(request)), request.n_atoms)
    fractions = np.einsum("ij,ijk->ik", request.positions, np.linalg.inv(cells)[owner])
    fractions -= np.floor(fractions) * pbc[owner]
    margins = (CLOSEST / _heights(cells, pbc))[owner]
    for axis in range(3):  # what lies near a lower boundary has an image near the upper one
        near = np.flatnonzero(fractions[:, axis] < margins[:, axis])  # along open directions the margin is zero
        near = near[pbc[owner[near], axis]]
        if len(near):
            images = fractions[near]
            images[:, axis] += 1.0
            fractions, owner = np.concatenate([fractions, images]), np.concatenate([owner, owner[near]])
            margins = np.concatenate([margins, margins[near]])
    points = np.einsum("ij,ijk->ik", fractions, cells[owner])
    suspects = _near_another(points, owner)
    crowded = np.zeros(len(request), dtype=bool)
    if len(suspects):
        from scipy.spatial import cKDTree

        # structures are told apart by a fourth coordinate
        apart = np.column_stack([points, owner * (2 * CLOSEST)])[suspects]
        nearest, _ = cKDTree(apart).query(apart, k=2, distance_upper_bound=CLOSEST)
        crowded[owner[suspects[np.isfinite(nearest[:, 1])]]] = True
    return crowded


_SHIFTS = np.array(list(product((0.0, 0.5), repeat=3)))
"""Of eight grids of boxes. Two points closer than half a box lie in one box of one of the grids at least."""
_HASH = np.array([73856093, 19349663 << 20, 83492791 << 7, 2654435761 << 11], dtype=np.int64)


def _near_another(points: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Indices of the points that may have another of the same owner within CLOSEST; few others among them."""
    boxes = np.floor(points / (2 * CLOSEST) + _SHIFTS[:, None, :]).astype(np.int64)
    keys = boxes @ _HASH[:3] + owner * _HASH[3]
    order = np.argsort(keys, axis=1)
    ranked = np.take_along_axis(keys, order, axis=1)
    same = ranked[:, 1:] == ranked[:, :-1]
    return np.unique(np.concatenate([order[:, 1:][same], order[:, :-1][same]]))


def _neighbours(request: Request, volumes: np.ndarray, pbc: np.ndarray, cutoff: float) -> np.ndarray:
    """(n,): estimated neighbours per atom, from the density and the sphere of the cutoff.

    Along open directions the atoms' own extent stands for the cell. It counts as so long at least that the estimate is
    right where the atoms of the periodic cell lie in a plane, on a line, or at one point.
    """
    starts = np.cumsum(request.n_atoms) - request.n_atoms
    extents = np.maximum.reduceat(request.positions, starts) - np.minimum.reduceat(request.positions, starts)
    sphere = 4 / 3 * np.pi * cutoff**3
    # of a sphere, its largest cross section and its diameter: what is left to share among the open directions
    left = np.array([sphere, np.pi * cutoff**2, 2 * cutoff, 1.0])
    n_open = (~pbc).sum(axis=1)
    least = (sphere / left[n_open]) ** (1 / np.maximum(n_open, 1))
    opened = np.where(pbc, 1.0, np.maximum(extents, least[:, None])).prod(axis=1)
    estimate: np.ndarray = request.n_atoms / (volumes * opened) * sphere
    return estimate

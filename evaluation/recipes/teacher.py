"""Teacher: labels of structures by a potential of the zoo, in shards, so that a killed labelling goes on.

In two rounds: each compound at three volumes, then, around the volume where its pressure vanishes, strained and rattled
cells and supercells with one displaced atom. Alexandria's crystals and the elements come with the first round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from evaluation.recipes import structures
from evaluation.recipes.reserved import Reserved
from zoo.files import whole

if TYPE_CHECKING:
    from evaluation.recipes.recipe import Teacher
    from zoo.batch import Computes

Show = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and of how much."""

SHARD = 128
"""Structures."""
TOO_FAR = 40.0
"""eV/Å: a teacher's force beyond it is an extrapolation, and the structure is dropped."""


def labelled(
    settings: Teacher,
    *,
    elements: Sequence[str],
    crystals: Sequence[Atoms],
    reserved: Reserved,
    potential: Computes,
    folder: Path,
    show: Show,
) -> list[tuple[str, Atoms]]:
    """Structures with the teacher's energy (eV), forces (eV/Å) and stress (eV/Å³), each with its kind.

    `crystals` are relaxed crystals that are not reserved: they give the elements' volumes, and some of them are
    strained and rattled. The shards in `folder` are of these very settings; the caller sees to that.
    """
    volumes = structures.atomic_volumes(crystals)
    compounds = structures.compounds(
        settings.compounds, elements=elements, volumes=volumes, reserved=reserved, rng=_rng(settings, 0)
    )
    rng = _rng(settings, 1)
    chosen = [crystals[k] for k in rng.permutation(len(crystals))[: settings.alexandria]]
    first = [copy for compound in compounds for copy in structures.at_volumes(compound)]
    others = [("element", atoms) for atoms in structures.unaries(elements, volumes, reserved)]
    others += [("alexandria", structures.strained(atoms, rng)) for atoms in chosen]
    ask = _Asked(potential, folder, show)
    at_volumes = ask.labels("volumes", first)
    found = [("compound", atoms) for atoms in at_volumes]
    found += zip((kind for kind, _ in others), ask.labels("others", [atoms for _, atoms in others]), strict=True)
    second = []
    rng = _rng(settings, 2)
    step = len(structures.VOLUMES)
    for k in range(0, len(at_volumes), step):
        copies = at_volumes[k : k + step]
        pressures = [-float(np.trace(atoms.get_stress(voigt=False))) / 3 for atoms in copies]
        relaxed = structures.equilibrium(copies, pressures)
        second += [structures.strained(relaxed, rng) for _ in range(settings.strained)]
        second += [structures.displaced(relaxed, rng) for _ in range(settings.displaced)]
    found += [("distorted compound", atoms) for atoms in ask.labels("distorted", second)]
    return [(kind, atoms) for kind, atoms in found if _believable(atoms)]


def _rng(settings: Teacher, stream: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream])


def _believable(atoms: Atoms) -> bool:
    return bool(np.isfinite(atoms.get_potential_energy())) and float(np.abs(atoms.get_forces()).max()) < TOO_FAR


class _Asked:
    """A teacher whose answers are kept."""

    def __init__(self, potential: Computes, folder: Path, show: Show) -> None:
        self._potential = potential
        self._folder = folder
        self._show = show

    def labels(self, title: str, wanted: Sequence[Atoms]) -> list[Atoms]:
        """The structures with their labels, in their order; sorted by size on the way, so that batches are alike."""
        order = sorted(range(len(wanted)), key=lambda k: (len(wanted[k]), k))
        answers: list[Atoms | None] = [None] * len(wanted)
        for start in range(0, len(order), SHARD):
            self._show(f"labels: {title}", start, len(order))
            rows = order[start : start + SHARD]
            for k, atoms in zip(rows, self._shard(title, start // SHARD, [wanted[k] for k in rows]), strict=True):
                answers[k] = atoms
        return [atoms for atoms in answers if atoms is not None]

    def _shard(self, title: str, number: int, wanted: Sequence[Atoms]) -> list[Atoms]:
        asked = hashlib.sha256(
            b"".join(a.numbers.tobytes() + a.positions.tobytes() + a.cell.array.tobytes() for a in wanted)
        )
        path = self._folder / f"{title}-{number:03}-{asked.hexdigest()[:8]}.npz"
        if not path.exists():
            batch = self._potential.compute(wanted)
            assert batch.stresses is not None  # every teacher has a stress
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as temporary, temporary.open("wb") as file:
                np.savez(file, energies=batch.energies, forces=np.concatenate(batch.forces), stresses=batch.stresses)
        with np.load(path) as stored:
            ends = np.cumsum([len(atoms) for atoms in wanted])
            parts = zip(stored["energies"], np.split(stored["forces"], ends[:-1]), stored["stresses"], strict=True)
            return [_with(atoms, *labels) for atoms, labels in zip(wanted, parts, strict=True)]


def _with(atoms: Atoms, energy: float, forces: np.ndarray, stress: np.ndarray) -> Atoms:
    copied: Atoms = atoms.copy()
    copied.calc = SinglePointCalculator(copied, energy=float(energy), forces=forces, stress=stress)
    return copied

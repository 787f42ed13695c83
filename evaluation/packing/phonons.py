"""Phonons: forces of displaced supercells as their differences from symmetric images of others; no frequencies.

In a crystal that the model sees as symmetric, the forces on one of eight atoms, for one displacement of six, say all
others to within the model's rounding. A model that breaks the symmetry still has most of them near. Frequencies follow
from the forces of the reduced sets, which are kept to the last digit, as are those of the undisplaced supercell. What
the full set has beyond the reduced one enters no score (its residuals stand in the record): where a file is too large
otherwise, these forces are kept in multiples of a coarser resolution, and the record says so as
`full_set_resolution`, eV/Å.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from evaluation.definitions.phonons import protocol
from evaluation.outputs.quantized_array import pack, unpack, whole
from evaluation.packing import Integers, Outputs, Packed

if TYPE_CHECKING:
    from evaluation.physics.displaced_images import Images
    from evaluation.physics.phonons import Displacements, PhononCrystal

Array = NDArray[np.float64]

_RESOLUTION = "full_set_resolution"
_HOW = ((True, False), (True, True), (False, False), (False, True))
"""Ways to predict: whether symmetry is used, and whether what is turned is the change from the undisplaced forces."""


class PhononsPacking:
    version = 1
    columns = {  # noqa: RUF012
        "forces": "1e-6 eV/Å: undisplaced supercell, then the reduced set minus its prediction",
        "full_set_forces": "full_set_resolution: the other displacements minus their prediction",
        "second_forces": "1e-6 eV/Å: second displacements minus their prediction",
    }
    steps = (1, 2, 4, 8, 16)

    def pack(self, outputs: Outputs) -> Packed:
        crystal = _Crystal(outputs)
        forces = whole(outputs["forces"])
        first = crystal.first(outputs)
        tried = ((how, first.differences(forces, *how)) for how in _HOW)
        how, (own, others) = min(tried, key=lambda each: _bits(*each[1]))
        told_of_forces = _told(outputs["forces"], "symmetric", "from_equilibrium", told=how)
        rest = {**outputs, "forces": {**told_of_forces, "symprec": crystal.symprec}}
        arrays = {"forces": np.concatenate([forces[0].ravel(), own]), "full_set_forces": others}
        frequencies = {"frequencies": crystal.frequencies(first.moved, forces[1:], outputs)}
        if "second_forces" in outputs:
            second, answers = crystal.second(outputs), whole(outputs["second_forces"])
            found = [
                ((symmetric,), second.second_differences(answers, forces, first.moved, symmetric=symmetric))
                for symmetric in (True, False)
            ]
            told, arrays["second_forces"] = min(found, key=lambda each: _bits(each[1]))
            rest["second_forces"] = _told(outputs["second_forces"], "symmetric", told=told)
            frequencies["second_frequencies"] = crystal.frequencies(second.moved, answers, outputs)
        for name, derived in frequencies.items():
            quantum = _quantum(outputs[name])
            differs = whole(outputs[name]) - np.rint(derived / quantum)
            if (np.abs(differs) <= 1).all():  # a number on the edge of two multiples; else it is stored as it is
                up, down = (cast("list[JsonValue]", np.flatnonzero(differs == sign).tolist()) for sign in (1, -1))
                rest[name] = {"quantum": quantum, "up": up, "down": down}
        return Packed(rest, arrays)

    def coarsened(self, packed: Packed, step: int) -> Packed:
        told = cast("dict[str, float]", packed.rest["forces"])
        stated = round(told.get(_RESOLUTION, told["quantum"]) / told["quantum"])
        step = max(step, stated)
        if step == 1:
            return packed
        arrays = packed.arrays | {"full_set_forces": _rounded(packed.arrays["full_set_forces"], step)}
        return Packed({**packed.rest, "forces": {**told, _RESOLUTION: step * told["quantum"]}}, arrays)

    def unpack(self, packed: Packed) -> Outputs:
        rest, arrays = packed.rest, packed.arrays
        outputs = dict(rest)
        crystal = _Crystal(rest)
        told = cast("dict[str, float]", rest["forces"])
        first = crystal.first(rest)
        step = round(told.get(_RESOLUTION, told["quantum"]) / told["quantum"])
        forces = first.forces(
            arrays["forces"],
            arrays["full_set_forces"] * step,
            symmetric=bool(told["symmetric"]),
            from_equilibrium=bool(told["from_equilibrium"]),
        )
        outputs["forces"] = _repacked(forces, told)
        found = {"frequencies": (first.moved, forces[1:])}
        if "second_forces" in rest:
            second, told = crystal.second(rest), cast("dict[str, float]", rest["second_forces"])
            answers = second.second_forces(
                arrays["second_forces"], forces, first.moved, symmetric=bool(told["symmetric"])
            )
            outputs["second_forces"] = _repacked(answers, told)
            found["second_frequencies"] = (second.moved, answers)
        for name, (moved, answers) in found.items():
            stored = cast("dict[str, list[int]]", rest[name])
            if "data" in stored:
                continue
            quantum = _quantum(rest[name])
            derived = np.rint(crystal.frequencies(moved, answers, rest) / quantum)
            derived.flat[stored["up"]] += 1
            derived.flat[stored["down"]] -= 1
            outputs[name] = pack(derived * quantum, quantum=quantum)
        return outputs


class _Crystal:
    """The crystal of a record, and what of its outputs is not forces."""

    def __init__(self, outputs: Outputs) -> None:
        from evaluation.outputs.phonons import structure_of
        from evaluation.physics.displaced_images import Images
        from evaluation.physics.phonons import PhononCrystal

        supercell, primitive = (np.array(outputs[f"{name}_matrix"]) for name in ("supercell", "primitive"))
        stored = cast("dict[str, float]", outputs["forces"])
        self.symprec = stored.get("symprec", protocol().symprec)
        self._crystal: PhononCrystal = PhononCrystal(structure_of(outputs), supercell, primitive, self.symprec)
        self._images: Images = Images(self._crystal)

    def first(self, outputs: Outputs) -> _Displaced:
        from evaluation.physics.phonons import Displacements

        moved = Displacements(
            atoms=tuple(cast("list[int]", outputs["displaced_atoms"])),
            vectors=np.array(outputs["displacements"]),
            full=(),
            reduced=tuple(cast("list[int]", outputs["reduced_set"])),
        )
        return _Displaced(self._images, moved)

    def second(self, outputs: Outputs) -> _Displaced:
        from evaluation.physics.phonons import Displacements

        atoms = tuple(cast("list[int]", outputs["second_displaced_atoms"]))
        vectors = np.array(outputs["second_displacements"])
        return _Displaced(self._images, Displacements(atoms, vectors, full=(), reduced=tuple(range(len(atoms)))))

    def frequencies(self, moved: Displacements, forces: Integers, outputs: Outputs) -> Array:
        """THz, from whole forces of the displaced supercells."""
        from evaluation.physics.displaced_images import frequencies_from_images

        quantum = _quantum(outputs["forces"])
        return frequencies_from_images(
            self._crystal, self._images, moved, np.asarray(forces * quantum), qpoints=unpack(outputs["qpoints"])
        )


@dataclass(frozen=True)
class _Displaced:
    """One set of displacements. Whole forces below are (1 + n, n_atoms, 3), the undisplaced supercell first."""

    images: Images
    moved: Displacements

    @property
    def _others(self) -> list[int]:
        return [k for k in range(len(self.moved.atoms)) if k not in self.moved.reduced]

    def differences(self, forces: Integers, symmetric: bool, from_equilibrium: bool) -> tuple[Integers, Integers]:  # noqa: FBT001
        """Of the reduced set, and of the others, flat."""
        base = forces[0] if from_equilibrium else np.zeros_like(forces[0])
        change = forces[1:] - base
        own = [change[k] - self._within(change[k], k, symmetric=symmetric) for k in self.moved.reduced]
        others = [change[k] - self._from_reduced(change, k, symmetric=symmetric) for k in self._others]
        return _flat(own), _flat(others)

    def forces(self, own: Integers, others: Integers, *, symmetric: bool, from_equilibrium: bool) -> Integers:
        """`differences` back; `own` begins with the undisplaced supercell."""
        shape = (-1, self.images.n_atoms, 3)
        first, *differences = own.reshape(shape)
        base = first if from_equilibrium else np.zeros_like(first)
        change = np.zeros((len(self.moved.atoms), *first.shape), dtype=np.int64)
        for k, difference in zip(self.moved.reduced, differences, strict=True):
            change[k] = self._completed(difference, k, symmetric=symmetric)
        for k, difference in zip(self._others, others.reshape(shape), strict=True):
            change[k] = difference + self._from_reduced(change, k, symmetric=symmetric)
        return np.concatenate([first[None], change + base])

    def second_differences(
        self, forces: Integers, first: Integers, of_first: Displacements, *, symmetric: bool
    ) -> Integers:
        """Of forces (n, n_atoms, 3) without an undisplaced supercell; `first` as `forces` gives it."""
        change = forces - self._scaled(first, of_first)
        if symmetric:  # only an orbit's first atom is better known from the longer displacement
            turned = [self._within(forces[k], k, symmetric=True) for k in self.moved.reduced]
            for k in self.moved.reduced:
                later = self._orbits(k)[0] != np.arange(self.images.n_atoms)
                change[k][later] = (forces[k] - turned[k])[later]
        return change.ravel()

    def second_forces(
        self, differences: Integers, first: Integers, of_first: Displacements, *, symmetric: bool
    ) -> Integers:
        """`second_differences` back."""
        found = differences.reshape(-1, self.images.n_atoms, 3).copy()
        scaled = self._scaled(first, of_first)
        for k in self.moved.reduced:
            if symmetric:
                alone = self._orbits(k)[0] == np.arange(self.images.n_atoms)
                found[k][alone] += scaled[k][alone]
                found[k] = self._completed(found[k], k, symmetric=True)
            else:
                found[k] += scaled[k]
        return found

    def _scaled(self, first: Integers, of_first: Displacements) -> Integers:
        """What longer displacements of the same atoms say of these: odd parts in proportion, even ones squared."""
        found = np.zeros((len(self.moved.atoms), *first.shape[1:]), dtype=np.int64)
        for row, (atom, vector) in enumerate(zip(self.moved.atoms, self.moved.vectors, strict=True)):
            length = np.linalg.norm(vector)
            along = {
                sign: k + 1
                for sign in (1, -1)
                for k in of_first.reduced
                if of_first.atoms[k] == atom
                and np.abs(of_first.vectors[k] / np.linalg.norm(of_first.vectors[k]) - sign * vector / length).max()
                < 1e-4
            }
            if 1 not in along:
                continue
            ratio = round(float(length / np.linalg.norm(of_first.vectors[along[1] - 1])), 6)
            forward = (first[along[1]] - first[0]).astype(float)
            backward = (first[along[-1]] - first[0]).astype(float) if -1 in along else -forward
            odd, even = (forward - backward) / 2, (forward + backward) / 2
            found[row] = np.rint(first[0] + ratio * odd + ratio * ratio * even).astype(np.int64)
        return found

    def _orbits(self, row: int) -> tuple[Integers, Integers]:
        """For each atom the first one of those that the displacement's own symmetry takes into each other, and how."""
        n = self.images.n_atoms
        first, by = np.arange(n), np.full(n, -1)
        vector, atom = self.moved.vectors[row], self.moved.atoms[row]
        for rotation in self.images.turns(vector, vector):
            landed = self.images.landing(rotation, atom, atom)
            if landed is not None:
                better = np.flatnonzero(np.arange(n) < first[landed])
                first[landed[better]], by[landed[better]] = better, rotation
        return first, by

    def _within(self, change: Integers, row: int, *, symmetric: bool) -> Integers:
        """What the forces on the first atom of each orbit say of the others; zero for the first."""
        found = np.zeros_like(change)
        if symmetric:
            first, by = self._orbits(row)
            for rotation in np.unique(by[by >= 0]).tolist():
                of = by == rotation
                found[of] = self.images.turned(change[first[of]], rotation)
        return found

    def _completed(self, difference: Integers, row: int, *, symmetric: bool) -> Integers:
        """The forces that `_within` was taken from: those on first atoms stand in the differences."""
        return difference + self._within(difference, row, symmetric=symmetric)

    def _from_reduced(self, change: Integers, row: int, *, symmetric: bool) -> Integers:
        """What the reduced set says of another displacement; zero where no symmetry takes one to it."""
        for source, rotation, landed in self._sources(row) if symmetric else ():
            found = np.empty_like(change[row])
            found[landed] = self.images.turned(change[source], rotation)
            return np.asarray(found)
        return np.zeros_like(change[row])

    def _sources(self, row: int) -> Iterator[tuple[int, int, Integers]]:
        for source in self.moved.reduced:
            for rotation in self.images.turns(self.moved.vectors[source], self.moved.vectors[row]):
                landed = self.images.landing(rotation, self.moved.atoms[source], self.moved.atoms[row])
                if landed is not None:
                    yield source, rotation, landed


def _flat(rows: Sequence[Integers]) -> Integers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *(row.ravel() for row in rows)])


def _bits(*numbers: Integers) -> float:
    """About what they take."""
    return float(sum(np.log2(1 + np.abs(each)).sum() for each in numbers))


def _rounded(numbers: Integers, step: int) -> Integers:
    return np.asarray(np.rint(numbers / step), dtype=np.int64)


def _quantum(stored: JsonValue) -> float:
    return cast("dict[str, float]", stored)["quantum"]


def _told(stored: JsonValue, *names: str, told: Sequence[bool]) -> Outputs:
    """What stays of a packed array: its quantum and what else is said of it, and how it was predicted."""
    kept = {name: value for name, value in cast("Outputs", stored).items() if name not in ("shape", "data")}
    return kept | dict(zip(names, told, strict=True))


def _repacked(numbers: Integers, told: dict[str, float]) -> Outputs:
    found = pack(np.asarray(numbers * told["quantum"]), quantum=told["quantum"])
    return found | ({_RESOLUTION: told[_RESOLUTION]} if _RESOLUTION in told else {})


PACKING = PhononsPacking()

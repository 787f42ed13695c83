"""Mitigation: lattice dynamics with one step after another against broken symmetry of forces.

A step is a geometry, whose forces in which displaced supercells, and what is done to them. Many steps share forces:
each supercell is computed once, by each source that a step asks, and every step knows what it would have cost alone.

Crystals are primitive cells here, so that no relaxation can lose the lattice translations that phonons are labelled by.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evaluation.physics import phonons
from evaluation.physics.force_constants import Projector, Residuals, residuals
from evaluation.physics.phonons import Array, Displacements, NoPrimitiveCell, PhononCrystal
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from zoo.batch import StructureFailure
from zoo.cards.mode import Averaging, Mode
from zoo.wrappers import averaged

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes

OWN, OTHER = "own", "other"
AVERAGINGS: tuple[Averaging, ...] = ("o3-3", "o3-3-inversion", "o3-5", "o3-7")
SOURCES = (OWN, *AVERAGINGS, OTHER)
"""Whose forces: the potential's, its averages over orientations, and those of the checkpoint's other head."""


class Place(NamedTuple):
    """A geometry: how it was relaxed."""

    symmetric: bool
    """Whether the space group was kept."""
    source: str
    """By whose forces."""

    @property
    def name(self) -> str:
        """`free`, `symmetric`, `symmetric/o3-3`."""
        kind = "symmetric" if self.symmetric else "free"
        return kind if self.source == OWN else f"{kind}/{self.source}"


FREE, SYMMETRIC = Place(symmetric=False, source=OWN), Place(symmetric=True, source=OWN)


@dataclass(frozen=True)
class MitigationStep:
    """A way from a potential to a spectrum."""

    name: str
    place: Place
    source: str
    """Whose forces in the displaced supercells."""
    displaced: Literal["one_sided", "plus_minus", "full", "reduced"]
    """Which of `Moves`."""
    net_force: bool = False
    """Whether every supercell's mean force is taken out."""
    treatment: Literal["none", "index", "projector"] = "none"
    """Of the force constants: as they are, (Φ + Φᵀ)/2, or projected onto what the geometry's own group, permutation
    and the sum rules allow."""


def _cumulative(place: Place, prefix: str) -> tuple[MitigationStep, ...]:
    """Each has all that those before it have."""
    return (
        MitigationStep(f"{prefix}raw", place, OWN, "one_sided"),
        MitigationStep(f"{prefix}plus_minus", place, OWN, "plus_minus"),
        MitigationStep(f"{prefix}net_force", place, OWN, "plus_minus", net_force=True),
        MitigationStep(f"{prefix}index", place, OWN, "plus_minus", net_force=True, treatment="index"),
        MitigationStep(f"{prefix}projector", place, OWN, "plus_minus", net_force=True, treatment="projector"),
        MitigationStep(f"{prefix}all_displaced", place, OWN, "full", net_force=True, treatment="projector"),
    )


def _usual(name: str, source: str, *, relaxed_by: str) -> MitigationStep:
    return MitigationStep(
        name, Place(symmetric=True, source=relaxed_by), source, "reduced", net_force=True, treatment="projector"
    )


STEPS = (
    *_cumulative(FREE, ""),
    *_cumulative(SYMMETRIC, "symmetric_"),
    _usual("usual", OWN, relaxed_by=OWN),
    *(_usual(name.replace("-", "_"), name, relaxed_by=name) for name in AVERAGINGS),
    _usual("head_constants", OTHER, relaxed_by=OWN),
    _usual("head", OTHER, relaxed_by=OTHER),
)
"""Six that cumulate at the freely relaxed crystal, the same six where its space group was kept while it relaxed, the
usual workflow, and the usual workflow with other forces in it. `symmetric_all_displaced` has
all steps that need no other forces."""


@runtime_checkable
class SwitchableEntry(Protocol):
    """A potential that knows its mode and may be had with its other force head; `zoo.potential.Potential` is one."""

    mode: Mode

    def in_other_head(self) -> AbstractContextManager[Computes] | None:
        """It with the other head; None where it has only one."""


@dataclass(frozen=True)
class MitigationSettings:
    """How to relax, and how far to displace."""

    free: Relaxation
    symmetric: Relaxation
    displacement: float
    """Å."""


@dataclass(frozen=True)
class Moves(Displacements):
    """`reduced` leaves out a sign that symmetry gives; these two do not go by that."""

    one_sided: tuple[int, ...] = ()
    """What symmetry cannot supply, by plus alone."""
    plus_minus: tuple[int, ...] = ()
    """The same, always by plus and minus."""

    def rows(self, displaced: str) -> tuple[int, ...]:
        """Rows of the set of that name."""
        found: tuple[int, ...] = getattr(self, displaced)
        return found


@dataclass
class SupercellForces:
    """One source's answers to the displaced supercells of one geometry."""

    rows: tuple[int, ...]
    """Of the geometry's `Moves`: which were computed."""
    forces: Array | None = None
    """(n_rows, n_atoms, 3), eV/Å; None where there is an error."""
    error: StructureFailure | None = None
    calls: int = 0
    """Evaluations of the model, of one supercell."""
    seconds: float = 0.0
    """Of the model, for one supercell."""


@dataclass
class Geometry:
    """A crystal as one source relaxed it, and what was computed there."""

    relaxed: Relaxed
    crystal: PhononCrystal | None = None
    moves: Moves | None = None
    error: StructureFailure | None = None
    """Why there is no crystal or no displacements."""
    forces: dict[str, SupercellForces] = field(default_factory=dict)
    """By source."""


@dataclass
class Computed:
    """All that was computed of one crystal."""

    ideal: PhononCrystal
    geometries: dict[str, Geometry] = field(default_factory=dict)
    """By Place.name."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Source → why it was not asked."""


def primitive(crystal: PhononCrystal) -> PhononCrystal:
    """The primitive cell of a crystal, in the same supercell."""
    from phonopy.structure.cells import get_primitive

    cell = get_primitive(phonons.phonopy_atoms(crystal.atoms), crystal.primitive_matrix)
    matrix = np.linalg.inv(crystal.primitive_matrix) @ crystal.supercell_matrix
    return PhononCrystal(phonons.ase_atoms(cell), np.rint(matrix).astype(np.int64), np.eye(3), crystal.symprec)


def compute_all(
    potential: Computes,
    crystals: Sequence[PhononCrystal],
    averagings: Sequence[Collection[str]],
    settings: MitigationSettings,
) -> list[Computed]:
    """Everything that the steps need of each crystal (a primitive cell), by all sources that can be had.

    `averagings`: those of AVERAGINGS that each crystal is computed with. Raises zoo.errors.WorkerError for what is no
    structure's fault.
    """
    found = [Computed(crystal) for crystal in crystals]
    everywhere = range(len(found))
    _relax_by(OWN, potential, found, everywhere, settings)
    _displace(OWN, potential, found, everywhere)
    already = potential.mode.averaging if isinstance(potential, SwitchableEntry) else "none"
    for source in AVERAGINGS:
        chosen = [i for i in everywhere if source in averagings[i] and already == "none"]
        for i in set(everywhere) - set(chosen):
            found[i].unavailable[source] = (
                "the protocol keeps it for other crystals" if already == "none" else f"averaged already, by {already}"
            )
        if chosen:
            computes = averaged(potential, source)
            _relax_by(source, computes, found, chosen, settings)
            _displace(source, computes, found, chosen)
    _other_head(potential, found, settings)
    return found


def _other_head(potential: Computes, found: Sequence[Computed], settings: MitigationSettings) -> None:
    """SupercellForces that are a gradient, of an entry whose own are not."""
    reason, other = "a potential that was not loaded by name has no other head", None
    if isinstance(potential, SwitchableEntry):
        if potential.mode.forces == "conservative":
            reason = "the entry's own forces are the gradient"
        else:
            other, reason = potential.in_other_head(), "the checkpoint has no conservative head"
    if other is None:
        for each in found:
            each.unavailable[OTHER] = reason
        return
    with other as computes:
        _relax_by(OTHER, computes, found, range(len(found)), settings)
        _displace(OTHER, computes, found, range(len(found)))


def _relax_by(
    source: str, computes: Computes, found: Sequence[Computed], chosen: Sequence[int], settings: MitigationSettings
) -> None:
    """Relax the chosen crystals at every place that a step wants of this source."""
    for place in dict.fromkeys(step.place for step in STEPS if step.place.source == source):
        how = settings.symmetric if place.symmetric else settings.free
        ended = relax(computes, [found[i].ideal.atoms for i in chosen], how)
        for i, relaxed in zip(chosen, ended, strict=True):
            found[i].geometries[place.name] = _geometry(found[i].ideal, relaxed, settings.displacement)


def _geometry(ideal: PhononCrystal, relaxed: Relaxed, distance: float) -> Geometry:
    if relaxed.error or relaxed.atoms is None:
        return Geometry(relaxed, error=relaxed.error or StructureFailure("failed", "the relaxation gave no structure"))
    crystal = PhononCrystal(relaxed.atoms, ideal.supercell_matrix, ideal.primitive_matrix, ideal.symprec)
    try:
        return Geometry(relaxed, crystal, moves(crystal, distance=distance))
    except NoPrimitiveCell as reason:
        return Geometry(relaxed, error=StructureFailure("failed", str(reason)))


def moves(crystal: PhononCrystal, *, distance: float) -> Moves:
    """All sets for displacements of length `distance`, Å. Raises NoPrimitiveCell."""
    rows: list[tuple[int, Array]] = []
    full = phonons.rows_of(crystal.without_symmetry, distance, rows, plus_minus=True)
    reduced, one_sided, plus_minus = (
        phonons.rows_of(crystal.with_symmetry, distance, rows, plus_minus=signs) for signs in ("auto", False, True)
    )
    return Moves(tuple(atom for atom, _ in rows), np.array([v for _, v in rows]), full, reduced, one_sided, plus_minus)


def _displace(source: str, computes: Computes, found: Sequence[Computed], chosen: Sequence[int]) -> None:
    """Compute what the steps ask of this source, as one stream."""
    stream: list[Atoms] = []
    asked: list[tuple[SupercellForces, slice]] = []
    for i in chosen:
        for name, displaced in _sets(source).items():
            place = found[i].geometries[name]
            if place.crystal is None or place.moves is None:
                continue
            rows = tuple(sorted({row for each in displaced for row in place.moves.rows(each)}))
            cells = phonons.supercells(place.crystal, place.moves)[1:]
            first = len(stream)
            stream += [cells[row] for row in rows]
            place.forces[source] = SupercellForces(rows)
            asked.append((place.forces[source], slice(first, len(stream))))
    if stream:
        answers = computes.compute(stream)
        for forces, part in asked:
            _take(forces, answers, part)


def _sets(source: str) -> dict[str, list[str]]:
    """Place → sets of displacements that this source's forces are wanted for."""
    wanted: dict[str, list[str]] = {}
    for step in STEPS:
        if step.source == source:
            wanted.setdefault(step.place.name, []).append(step.displaced)
    return wanted


def _take(forces: SupercellForces, answers: Batch, part: slice) -> None:
    """A geometry's part of a stream; seconds are shared by atoms."""
    forces.calls = int(answers.calls[part.start])
    forces.seconds = float(answers.share_seconds()[part.start])
    forces.error = next(filter(None, answers.errors[part]), None)
    if forces.error is None:
        forces.forces = np.array(answers.forces[part])
        if not np.isfinite(forces.forces).all():
            forces.forces = None
            forces.error = StructureFailure("failed", "a force in a displaced supercell is not a number")


@dataclass(frozen=True)
class Reached:
    """What a step gives."""

    frequencies: Array
    """(n_q, n_modes), THz, imaginary ones negative."""
    before: Residuals
    """Of the force constants of the very forces, nothing done to them. A set that symmetry has reduced hides much."""
    after: Residuals
    """Of those that the spectrum comes from. Both against the symmetry of the ideal crystal, not the relaxed one's."""


class Analysis:
    """The spectra of one computed's steps, from forces alone; what is expensive is kept between steps."""

    def __init__(self, ideal: PhononCrystal, *, qpoints: Array) -> None:
        self._ideal = ideal
        self._qpoints = qpoints
        self._projector = Projector(ideal.with_symmetry)
        self._own: dict[str, Projector] = {}
        self._known: dict[tuple[str, str, str, bool], Array] = {}

    def reach(self, step: MitigationStep, crystal: PhononCrystal, moved: Moves, forces: SupercellForces) -> Reached:
        """The step's spectrum at the geometry `crystal`.

        Raises ValueError where the step's forces are not there, NoPrimitiveCell where atoms have left their places.
        """
        if forces.forces is None:
            raise ValueError(f"{step.name}: there are no forces: {forces.error}")
        taken = np.full((len(moved.atoms), *forces.forces.shape[1:]), np.nan)
        taken[list(forces.rows)] = forces.forces
        raw, kept = (self._constants(step, crystal, moved, taken, net_force=each) for each in (False, step.net_force))
        treated = self._treated(kept, step, crystal)
        plain = crystal.without_symmetry
        plain.force_constants = treated
        frequencies = np.array(plain.run_qpoints(self._qpoints).frequencies)
        order = places(self._ideal, crystal)
        return Reached(frequencies, *(self._residuals(each[np.ix_(order, order)]) for each in (raw, treated)))

    def _constants(
        self, step: MitigationStep, crystal: PhononCrystal, moved: Moves, taken: Array, *, net_force: bool
    ) -> Array:
        """Of the step's set, once, from forces by row of `moved`; `net_force`: whether their mean is taken out."""
        key = (step.place.name, step.source, step.displaced, net_force)
        if key not in self._known:
            rows = moved.rows(step.displaced)
            phonon = crystal.without_symmetry if step.displaced == "full" else crystal.with_symmetry
            given = without_net_force(taken) if net_force else taken
            self._known[key] = phonons.force_constants(phonon, moved, rows, given)
        return self._known[key]

    def _treated(self, constants: Array, step: MitigationStep, crystal: PhononCrystal) -> Array:
        match step.treatment:
            case "none":
                return constants
            case "index":
                return symmetric_indices(constants)
            case "projector":
                name = step.place.name
                if name not in self._own:
                    self._own[name] = Projector(crystal.with_symmetry)
                return self._own[name](constants)

    def _residuals(self, constants: Array) -> Residuals:
        return residuals(self._ideal.without_symmetry, constants, self._projector(constants))


def places(ideal: PhononCrystal, crystal: PhononCrystal) -> NDArray[np.int64]:
    """Which atom of the crystal's supercell stands where each of the ideal one's does: (n,).

    phonopy lists a supercell's atoms in an order that depends on whether a coordinate is 0 or 0.9999999. Raises
    NoPrimitiveCell where they are no longer one to one.
    """
    wanted, given = ideal.without_symmetry.supercell, crystal.without_symmetry.supercell
    cell = wanted.cell
    # the crystal as a whole may have moved: the atoms of the primitive cell have kept their order
    drift = (crystal.atoms.get_scaled_positions() - ideal.atoms.get_scaled_positions())[0]
    shift = drift @ np.linalg.inv(ideal.supercell_matrix).T
    apart = given.scaled_positions[None, :, :] - shift - wanted.scaled_positions[:, None, :]
    distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=2)
    distances[wanted.numbers[:, None] != given.numbers[None, :]] = np.inf
    found = distances.argmin(axis=1)
    if np.unique(found).size != found.size:
        raise NoPrimitiveCell("the atoms have left their places: nothing tells which is which")
    return np.asarray(found, dtype=np.int64)


def without_net_force(forces: Array) -> Array:
    """SupercellForces (n, n_atoms, 3) less each structure's mean: a crystal does not push itself."""
    return np.asarray(forces - forces.mean(axis=1, keepdims=True))


def symmetric_indices(constants: Array) -> Array:
    """(Φ + Φᵀ)/2 of force constants (n, n, 3, 3): what an energy's second derivatives would be."""
    return np.asarray((constants + constants.transpose(1, 0, 3, 2)) / 2)


def space_group(crystal: PhononCrystal) -> int:
    """International number at the crystal's own precision. Raises NoPrimitiveCell."""
    dataset = crystal.with_symmetry.symmetry.dataset
    return int(dataset.number)  # type: ignore[union-attr]  # spglib's: neither magnetic nor without symmetry

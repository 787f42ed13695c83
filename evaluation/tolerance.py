"""Tolerance: how much violation of a constraint can a phonon stand?

    python -m evaluation.tolerance leaderboard/results/tolerance

A sound model is given faults of known size (`zoo.wrappers.surrogate`), one dial at a time, and put through what people
do with it: frequencies at the geometry of the sound model, and a relaxation from a rattled start. The frequencies are
those of the symmetry-reduced set of displacements, symmetrised, which is the usual workflow and imposes what the model
lacks, and of the full set without that (`_full`). Of a curl the first leave nothing and the second little, because
phonopy takes the Hermitian part of the dynamical matrix: the residuals of the force constants are where it shows.
Every point says what the fault did: the error of the frequencies against the sound model's, whether a mode became
imaginary, what the force constants lack, whether the relaxation converged and brought the space group back. The
numbers are those of `evaluation/protocols/tolerance-v1.yaml`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue

from evaluation import provenance
from evaluation.metrics import phonon
from evaluation.physics import phonons
from evaluation.physics.relax import Relaxation, relax
from zoo import crystals
from zoo.batch import Batch, Computes
from zoo.convert import loaded_sha256
from zoo.errors import StructureError
from zoo.files import write_json
from zoo.front_matter import read_yaml
from zoo.wrappers.surrogate import Surrogate

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger(__name__)

Dial = Literal["asymmetry", "rotation_error", "smooth", "rough"]
NOISE: tuple[Dial, ...] = ("smooth", "rough")
FACE_CENTRED = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
PROTOCOL = Path(__file__).with_name("protocols") / "tolerance-v1.yaml"


class Strict(BaseModel):
    """A part of the protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Build(Strict):
    """What ase.build.bulk needs."""

    structure: Literal["rocksalt", "diamond", "zincblende", "fcc"]
    a: float


class Minimum(Strict):
    """Of the relaxation of the model as it is."""

    fmax: float
    steps: int


class Imaginary(Strict):
    """Of evaluation.metrics.phonon.Thresholds."""

    acoustic: float
    optical: float
    elsewhere: float


class Retention(Strict):
    """Of the relaxation that may lose the space group."""

    rattle: float
    fmax: float
    steps: int
    symprecs: tuple[float, ...]


class ToleranceProtocol(Strict):
    """The numbers of `evaluation/protocols/tolerance-v1.yaml`, which says what they are."""

    version: int
    entry: str
    crystals: dict[str, Build]
    supercell: int
    mesh: int
    displacement: float
    symprec: float
    relaxation: Minimum
    imaginary: Imaginary
    dials: dict[Dial, tuple[float, ...]]
    seeds: tuple[int, ...]
    retention: Retention


class Remembering:
    """A potential that answers the same structure once: all faults are put on the same answers."""

    def __init__(self, model: Computes) -> None:
        self.model = model
        self._known: dict[bytes, Batch] = {}

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """As the model's; its time is counted when it was spent."""
        keys = [_key(each) for each in atoms]
        new = {key: each for key, each in zip(keys, atoms, strict=True) if key not in self._known}
        seconds = 0.0
        if new:
            batch = self.model.compute(list(new.values()))
            seconds = batch.seconds
            for row, key in enumerate(new):
                stresses = None if batch.stresses is None else batch.stresses[row : row + 1]
                self._known[key] = Batch(
                    batch.energies[row : row + 1], [batch.forces[row]], stresses, [batch.errors[row]], 0.0
                )
        found = [self._known[key] for key in keys]
        given = [one.stresses for one in found if one.stresses is not None]
        return Batch(
            energies=np.array([one.energies[0] for one in found]),
            forces=[one.forces[0].copy() for one in found],
            stresses=np.concatenate(given) if len(given) == len(found) and found else None,
            errors=[one.errors[0] for one in found],
            seconds=seconds,
        )


class Specimen:
    """One crystal at the sound model's minimum, with its displaced supercells and their sound forces."""

    def __init__(self, name: str, model: Computes, protocol: ToleranceProtocol) -> None:
        self.name = name
        self.model = Remembering(model)
        self.protocol = protocol

    @cached_property
    def crystal(self) -> phonons.Crystal:
        """Raises StructureError where the sound model has no minimum for it."""
        from ase.build import bulk

        build = self.protocol.crystals[self.name]
        start = bulk(self.name, build.structure, a=build.a, cubic=True)
        settings = Relaxation(
            fmax=self.protocol.relaxation.fmax, steps=self.protocol.relaxation.steps, symprec=self.protocol.symprec
        )
        (found,) = relax(self.model, [start], settings)
        if found.atoms is None or not found.converged:
            raise StructureError(f"{self.name}: the sound model does not relax it: {found.error or 'not converged'}")
        repeats = np.eye(3, dtype=np.int64) * self.protocol.supercell
        return phonons.Crystal(found.atoms, repeats, FACE_CENTRED, self.protocol.symprec)

    @cached_property
    def moved(self) -> phonons.Displacements:
        return phonons.displacements(self.crystal, distance=self.protocol.displacement)

    @cached_property
    def cells(self) -> list[Atoms]:
        return phonons.supercells(self.crystal, self.moved)

    @cached_property
    def mesh(self) -> tuple[phonons.Array, phonons.Array]:
        n = self.protocol.mesh
        return phonons.mesh(self.crystal, (n, n, n))

    @cached_property
    def sound(self) -> tuple[phonons.Dynamics, phonons.Array]:
        """`dynamics` of the model without any fault."""
        return self.dynamics(self.model)

    def dynamics(self, potential: Computes) -> tuple[phonons.Dynamics, phonons.Array]:
        """What the usual workflow sees, and the frequencies (n_q, n_modes), THz, of the full set, nothing symmetrised.

        Raises StructureError with the potential's reason.
        """
        batch = potential.compute(self.cells)
        if reason := next(filter(None, batch.errors), None):
            raise StructureError(reason)
        found = phonons.dynamics(self.crystal, self.moved, np.array(batch.forces), qpoints=self.mesh[0])
        plain = self.crystal.without_symmetry  # which now holds the forces of the full set
        plain.produce_force_constants(calculate_full_force_constants=False)
        return found, np.array(plain.run_qpoints(self.mesh[0]).frequencies)

    def surrogate(self, dial: Dial, level: float, seed: int) -> Surrogate:
        """The model with that fault. Raises ValueError where the level is out of reach."""
        distorted = crystals.distort(self.crystal.atoms, seed=_seed(self.name))
        return Surrogate.tuned(self.model, distorted, seed=seed, **{dial: level})

    def point(self, dial: Dial, level: float, seed: int) -> dict[str, JsonValue]:
        """What a fault of that size does. Its `error` says why there is nothing else."""
        point: dict[str, JsonValue] = {"crystal": self.name, "dial": dial, "level": level, "seed": seed, "error": None}
        try:
            potential = self.surrogate(dial, level, seed)
            point |= self._spectrum(*self.dynamics(potential))
        except (StructureError, ValueError) as reason:
            return {**point, "error": str(reason)}
        return {**point, "relaxation": self._relaxation(potential, seed)}

    def _spectrum(self, found: phonons.Dynamics, full: phonons.Array) -> dict[str, JsonValue]:
        limits = phonon.Thresholds(**self.protocol.imaginary.model_dump())
        qpoints, weights = self.mesh
        sound, sound_full = self.sound
        bias, mae = phonon.frequency_error(found.frequencies, sound.frequencies, weights)
        _, mae_full = phonon.frequency_error(full, sound_full, weights)
        return {
            "omega_mae": float(mae),
            "omega_bias": float(bias),
            "omega_max": float(found.frequencies.max()),
            "omega_min": float(found.frequencies.min()),
            "stable": phonon.stable(found.frequencies, qpoints, limits),
            "sound_stable": phonon.stable(sound.frequencies, qpoints, limits),
            "omega_mae_full": float(mae_full),
            "omega_min_full": float(full.min()),
            "stable_full": phonon.stable(full, qpoints, limits),
            "sound_stable_full": phonon.stable(sound_full, qpoints, limits),
            "residuals_full": asdict(found.full),
            "residuals_reduced": asdict(found.reduced),
            "equilibrium_force": found.equilibrium_force,
        }

    def _relaxation(self, potential: Computes, seed: int) -> dict[str, JsonValue]:
        numbers = self.protocol.retention
        start = self.crystal.atoms.copy()
        start.rattle(numbers.rattle, seed=seed)
        (found,) = relax(potential, [start], Relaxation(fmax=numbers.fmax, steps=numbers.steps))
        groups: list[JsonValue] = [_space_group(found.atoms, symprec) for symprec in numbers.symprecs]
        return {
            "converged": found.converged,
            "steps": found.steps,
            "smallest_force": min(found.max_forces, default=None),
            "space_groups": groups,
            "space_group_sound": _space_group(self.crystal.atoms, self.protocol.symprec),
            "error": found.error,
        }


def points(model: Computes, protocol: ToleranceProtocol) -> Iterator[dict[str, JsonValue]]:
    """All points, crystal by crystal; level zero of each crystal first."""
    for name in protocol.crystals:
        specimen = Specimen(name, model, protocol)
        yield specimen.point("asymmetry", 0.0, protocol.seeds[0])
        for dial, levels in protocol.dials.items():
            for level in levels:
                for seed in protocol.seeds if dial in NOISE else protocol.seeds[:1]:
                    yield specimen.point(dial, level, seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `<folder>/<entry>/curves.json`."""
    from zoo.loading import load

    parser = argparse.ArgumentParser(prog="python -m evaluation.tolerance", description="Tolerance curves.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entry", help="the sound model; the protocol's when not given")
    parser.add_argument("--crystals", nargs="+", help="of the protocol; all when not given")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    protocol = read_yaml(PROTOCOL, ToleranceProtocol)
    chosen = given.crystals or list(protocol.crystals)
    protocol = protocol.model_copy(update={"crystals": {name: protocol.crystals[name] for name in chosen}})
    started = provenance.now()
    with load(given.entry or protocol.entry, device=given.device, threads=given.threads) as potential:
        found = []
        for point in points(potential, protocol):
            found.append(point)
            log.info("%s %s %s seed %s", point["crystal"], point["dial"], point["level"], point["seed"])
        write_json(
            given.folder / potential.name / "curves.json",
            {
                "entry": potential.name,
                "checkpoint_sha256": loaded_sha256(potential.card.checkpoint),
                "protocol": protocol.model_dump(mode="json"),
                "packages": provenance.packages(),
                "model_packages": dict(sorted(potential.info["packages"].items())),
                "commit": provenance.commit(),
                "started": started,
                "finished": provenance.now(),
                "points": found,
            },
        )


def _space_group(atoms: Atoms | None, symprec: float) -> int | None:
    """Number of the space group; None where there is no structure, or no symmetry is found in it."""
    import moyopy

    if atoms is None:
        return None
    cell = moyopy.Cell(atoms.cell.array.tolist(), atoms.get_scaled_positions().tolist(), atoms.numbers.tolist())
    try:
        return int(moyopy.MoyoDataset(cell, symprec=symprec, angle_tolerance=None).number)
    except ValueError:
        return None


def _key(atoms: Atoms) -> bytes:
    parts = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).digest()


def _seed(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    main()

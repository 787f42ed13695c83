"""Tolerance: how much violation of a constraint can a phonon stand?

    python -m evaluation.studies.tolerance leaderboard/results/tolerance

A reference model is given faults of known size (`zoo.wrappers.surrogate`), one perturbation at a time, and put through
what people do with it: frequencies at the geometry of the reference model, and a relaxation from a rattled start. The
frequencies are those of the symmetry-reduced set of displacements, symmetrised, which is the usual workflow and imposes
what the model lacks, and of the full set without that (`_full`). Of a curl the first leave nothing and the second
little, because phonopy takes the Hermitian part of the dynamical matrix: the residuals of the force constants are where
it shows. Every point says what the fault did: the error of the frequencies against the reference model's, whether a
mode became imaginary, what the force constants lack, whether the relaxation converged and brought the space group back.
The numbers are those of `evaluation/protocols/tolerance-v1.yaml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.harness import provenance
from evaluation.metrics import phonon
from evaluation.physics import phonons
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from evaluation.reference.draw import seed as draw_seed
from evaluation.studies.tolerance_data import (
    PROTOCOL,
    Curves,
    Dial,
    Point,
    Retained,
    SpectrumErrors,
    StoredResiduals,
    ToleranceProtocol,
)
from evaluation.symmetry_finder import find_symmetry
from zoo import example_crystals
from zoo.batch import Batch, Computes
from zoo.cards.front_matter import read_yaml
from zoo.checkpoints.model_files import loaded_sha256
from zoo.errors import StructureError
from zoo.files import json_text, write_json
from zoo.runtime.electrons import READ, value
from zoo.wrappers.surrogate import Surrogate

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.potential import Potential

log = logging.getLogger(__name__)

FACE_CENTRED = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


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
    """One crystal at the reference model's minimum, with its displaced supercells and their reference forces."""

    def __init__(self, name: str, model: Computes, protocol: ToleranceProtocol) -> None:
        self.name = name
        self.model = Remembering(model)
        self.protocol = protocol

    @cached_property
    def crystal(self) -> phonons.PhononCrystal:
        """Raises StructureError where the reference model has no minimum for it."""
        from ase.build import bulk

        build = self.protocol.crystals[self.name]
        start = bulk(self.name, build.structure, a=build.a, cubic=True)
        settings = Relaxation(
            fmax=self.protocol.relaxation.fmax, steps=self.protocol.relaxation.steps, symprec=self.protocol.symprec
        )
        (found,) = relax(self.model, [start], settings)
        if found.atoms is None or not found.converged:
            raise StructureError(
                f"{self.name}: the reference model does not relax it: {found.error or 'not converged'}"
            )
        repeats = np.eye(3, dtype=np.int64) * self.protocol.supercell
        return phonons.PhononCrystal(found.atoms, repeats, FACE_CENTRED, self.protocol.symprec)

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
            raise StructureError(str(reason))
        found = phonons.dynamics(self.crystal, self.moved, np.array(batch.forces), qpoints=self.mesh[0])
        plain = self.crystal.without_symmetry  # which now holds the forces of the full set
        plain.produce_force_constants(calculate_full_force_constants=False)
        return found, np.array(plain.run_qpoints(self.mesh[0]).frequencies)

    def surrogate(self, perturbation: Dial, level: float, seed: int) -> Surrogate:
        """The model with that fault. Raises ValueError where the level is out of reach."""
        distorted = example_crystals.distort(self.crystal.atoms, seed=draw_seed(self.name))
        return Surrogate.tuned(self.model, distorted, seed=seed, **{perturbation: level})

    def point(self, perturbation: Dial, level: float, seed: int) -> Point:
        """What a fault of that size does. Its `error` says why there is nothing else."""
        began = time.monotonic()
        spectrum = relaxation = error = None
        try:
            potential = self.surrogate(perturbation, level, seed)
            spectrum = self._spectrum(*self.dynamics(potential))
            if seed in self.protocol.retention.seeds:
                relaxation = self._relaxation(potential, seed)
        except (StructureError, ValueError) as reason:
            error = str(reason)
        return Point(
            crystal=self.name,
            dial=perturbation,
            level=level,
            seed=seed,
            error=error,
            spectrum=spectrum,
            relaxation=relaxation,
            seconds=round(time.monotonic() - began, 3),
        )

    def _spectrum(self, found: phonons.Dynamics, full: phonons.Array) -> SpectrumErrors:
        limits = phonon.Thresholds(**self.protocol.imaginary.model_dump())
        qpoints, weights = self.mesh
        sound, sound_full = self.sound
        bias, mae = phonon.frequency_error(found.frequencies, sound.frequencies, weights)
        _, mae_full = phonon.frequency_error(full, sound_full, weights)
        return SpectrumErrors(
            omega_mae=float(mae),
            omega_bias=float(bias),
            omega_max=float(found.frequencies.max()),
            omega_min=float(found.frequencies.min()),
            stable=phonon.stable(found.frequencies, qpoints, limits),
            sound_stable=phonon.stable(sound.frequencies, qpoints, limits),
            omega_mae_full=float(mae_full),
            omega_min_full=float(full.min()),
            stable_full=phonon.stable(full, qpoints, limits),
            sound_stable_full=phonon.stable(sound_full, qpoints, limits),
            residuals_full=StoredResiduals(**asdict(found.full)),
            residuals_reduced=StoredResiduals(**asdict(found.reduced)),
            equilibrium_force=found.equilibrium_force,
        )

    def _relaxation(self, potential: Computes, seed: int) -> Retained:
        numbers = self.protocol.retention
        start = self.crystal.atoms.copy()
        start.rattle(numbers.rattle, seed=seed)
        (found,) = relax(potential, [start], Relaxation(fmax=numbers.fmax, steps=numbers.steps))
        return Retained(
            converged=found.converged,
            steps=found.steps,
            smallest_force=min(found.max_forces, default=None),
            space_groups=tuple(_space_group(found.atoms, symprec) for symprec in numbers.symprecs),
            space_group_sound=_space_group(self.crystal.atoms, self.protocol.symprec),
            error=None if found.error is None else str(found.error),
        )


class Points:
    """A folder of finished points, a whole file each: what was interrupted goes on where it was."""

    def __init__(self, folder: Path, conditions: dict[str, Any]) -> None:
        self.folder = folder
        self.conditions = conditions

    def path(self, protocol: ToleranceProtocol, crystal: str, perturbation: Dial, level: float, seed: int) -> Path:
        """Where a point lies; other conditions, or other numbers of the protocol, are other files.

        Which further crystals, levels and seeds there are does not matter to a point.
        """
        numbers = protocol.model_dump(mode="json", exclude={"crystals", "dials", "seeds"})
        numbers |= {"crystal": protocol.crystals[crystal].model_dump(mode="json"), "conditions": self.conditions}
        digest = hashlib.sha256(json_text(numbers).encode()).hexdigest()[:12]
        return self.folder / f"{crystal}-{perturbation}-{level:g}-{seed}-{digest}.json"

    def find(self, path: Path) -> tuple[Point, str | None] | None:
        """A point and the commit that made it; None when it is not there."""
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Point.model_validate_json(json.dumps(kept["point"]), strict=True), kept["commit"]

    def keep(self, path: Path, point: Point, commit: str | None) -> None:
        write_json(path, {"point": point.model_dump(mode="json"), "commit": commit})


def points(
    model: Computes, protocol: ToleranceProtocol, kept: Points | None = None
) -> Generator[tuple[Point, str | None, bool]]:
    """All points, crystal by crystal, level zero of each first; the commit that made each, and whether it is new."""
    commit = provenance.commit()
    for name in protocol.crystals:
        specimen = Specimen(name, model, protocol)  # does nothing until it is asked for a point
        for perturbation, level, seed in protocol.plan():
            path = kept.path(protocol, name, perturbation, level, seed) if kept else None
            before = kept.find(path) if kept and path else None
            if before:
                yield *before, False
                continue
            point = specimen.point(perturbation, level, seed)
            if kept and path:
                kept.keep(path, point, commit)
            yield point, commit, True


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `<folder>/<entry>/curves.json`."""
    from zoo.loading import load

    parser = argparse.ArgumentParser(prog="python -m evaluation.studies.tolerance", description="Tolerance curves.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entry", help="the reference model; the protocol's when not given")
    parser.add_argument("--crystals", nargs="+", help="of the protocol; all when not given")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("mlip-zoo-runs"), help="finished points; goes on from there")
    given = parser.parse_args(arguments)
    protocol = read_yaml(PROTOCOL, ToleranceProtocol)
    chosen = given.crystals or list(protocol.crystals)
    if unknown := [name for name in chosen if name not in protocol.crystals]:
        parser.error(f"no crystal {', '.join(unknown)} in the protocol; there are {', '.join(protocol.crystals)}")
    protocol = protocol.model_copy(update={"crystals": {name: protocol.crystals[name] for name in chosen}})
    with load(given.entry or protocol.entry, device=given.device, threads=given.threads) as potential:
        curves = measure(potential, protocol, threads=given.threads, runs=given.runs, tell=log.info)
        path = given.folder / potential.name / "curves.json"
        write_json(path, curves.model_dump(mode="json"))
        log.info("%d points: %s written", len(curves.points), path)


def measure(
    potential: Potential,
    protocol: ToleranceProtocol,
    *,
    threads: int,
    runs: Path,
    tell: Callable[[str], None] = lambda _: None,
) -> Curves:
    """All points of one reference model; those that lie in `runs` from before do not run again."""
    info = potential.info
    conditions = {
        "entry": potential.name,
        "checkpoint_sha256": loaded_sha256(potential.card.checkpoint),
        "device": info["device"],
        "accelerator": info["accelerator"],
        "threads": threads,
        "model_packages": info["packages"],
    }
    started, clock = provenance.now(), time.monotonic()
    total = len(protocol.crystals) * len(protocol.plan())
    found: list[Point] = []
    commits: list[str | None] = []
    new = 0
    for point, commit, fresh in points(potential, protocol, Points(runs / "tolerance" / potential.name, conditions)):
        found.append(point)
        commits.append(commit)
        new += fresh
        if fresh:
            left = (time.monotonic() - clock) / new * (total - len(found))
            what = f"{point.crystal} {point.dial} {point.level:g} seed {point.seed}: {point.seconds:.1f} s"
            tell(f"{len(found)}/{total} {what}{f' ({point.error})' if point.error else ''}; about {left:.0f} s left")
    return Curves(
        entry=potential.name,
        checkpoint_sha256=conditions["checkpoint_sha256"],
        protocol=protocol,
        device=info["device"],
        threads=threads,
        packages=provenance.packages(),
        model_packages=dict(sorted(info["packages"].items())),
        commits=tuple(dict.fromkeys(commits)),
        started=started,
        finished=provenance.now(),
        points=tuple(found),
    )


def _space_group(atoms: Atoms | None, symprec: float) -> int | None:
    """Number of the space group; None where there is no structure, or no symmetry is found in it."""
    if atoms is None:
        return None
    try:
        return int(find_symmetry(atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers, symprec=symprec).number)
    except ValueError:
        return None


def _key(atoms: Atoms) -> bytes:
    parts = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    electrons = repr([value(atoms, key) for key in READ]).encode()
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts) + electrons).digest()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    main()

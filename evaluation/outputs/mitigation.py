"""Mitigation in records: geometries and forces as they are stored, each step's spectrum, and its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.metrics.mitigation import cost
from evaluation.outputs.quantized_array import pack, unpack
from evaluation.physics import mitigation, phonons
from evaluation.record import Record
from evaluation.recording import SampleCost

if TYPE_CHECKING:
    from evaluation.task import Row

FORCE_QUANTUM = 1e-6
"""eV/Å: what stored forces are rounded to. A force constant moves by 2e-5 eV/Å² at most."""
FREQUENCY_QUANTUM = 1e-5
"""THz: what stored frequencies are rounded to."""
SETS = ("full", "reduced", "one_sided", "plus_minus")

Outputs = Mapping[str, JsonValue]
_Parts = Mapping[str, Mapping[str, JsonValue]]


def raw_outputs(computed: mitigation.Computed) -> dict[str, JsonValue]:
    """Geometries and forces: all that a model is needed for."""
    return {
        "numbers": computed.ideal.atoms.numbers.tolist(),
        "supercell_matrix": computed.ideal.supercell_matrix.tolist(),
        "space_group": mitigation.space_group(computed.ideal),
        "unavailable": dict(computed.unavailable),
        "geometries": {place: _geometry(found) for place, found in computed.geometries.items()},
    }


def steps(outputs: Outputs, analysis: mitigation.Analysis, *, symprec: float) -> dict[str, JsonValue]:
    """Each step's spectrum and residuals, or why there are none, from `raw_outputs` alone."""
    geometries = cast("_Parts", outputs["geometries"])
    unavailable = cast("Mapping[str, str]", outputs["unavailable"])
    crystals = {
        place: _relaxed(outputs, place, symprec) for place, geometry in geometries.items() if geometry["error"] is None
    }
    found: dict[str, JsonValue] = {}
    for step in mitigation.STEPS:
        reason = next((unavailable[s] for s in (step.source, step.place.source) if s in unavailable), None)
        place = step.place.name
        if reason is not None:
            found[step.name] = {"unavailable": reason}
        elif place not in crystals:
            found[step.name] = {"error": geometries[place]["error"]}
        else:
            found[step.name] = _reached(analysis, step, crystals[place], geometries[place])
    return found


def spent(computed: mitigation.Computed) -> SampleCost:
    """A record's cost: what the entry itself computed; what the other head did is in the price of its steps alone."""
    calls = atom_calls = 0
    seconds = 0.0
    small = len(computed.ideal.atoms)
    large = small * _repeats(computed.ideal.supercell_matrix)
    for name, geometry in computed.geometries.items():
        if not name.endswith(mitigation.OTHER):
            calls += geometry.relaxed.force_calls
            atom_calls += geometry.relaxed.force_calls * small
            seconds += geometry.relaxed.seconds
        for source, forces in geometry.forces.items():
            if source != mitigation.OTHER:
                calls += forces.calls * len(forces.rows)
                atom_calls += forces.calls * len(forces.rows) * large
                seconds += forces.seconds * len(forces.rows)
    return SampleCost(calls, atom_calls, seconds)


def price(step: mitigation.MitigationStep, outputs: Outputs, *, other: float | None) -> Row:
    """What a step would have cost alone: force_calls, cost (see evaluation.metrics.mitigation), seconds (s).

    `other`: `other_head_time`; where it is None, steps with the other head have no `cost`.
    """
    geometry = cast("_Parts", outputs["geometries"])[step.place.name]
    forces = cast("Mapping[str, Mapping[str, float]]", geometry["forces"])[step.source]
    made = len(cast("Mapping[str, list[int]]", geometry["sets"])[step.displaced])
    small, calls = len(cast("list[int]", outputs["numbers"])), cast(int, geometry["force_calls"])
    large = small * _repeats(outputs["supercell_matrix"])
    parts = (step.place.source, calls * small), (step.source, made * int(forces["calls"]) * large)
    weighed = [
        None if weight is None else cost(atom_calls, large, weight=weight)
        for source, atom_calls in parts
        for weight in (other if source == mitigation.OTHER else 1.0,)
    ]
    return {
        "force_calls": calls + made * int(forces["calls"]),
        "cost": None if None in weighed else sum(cast("list[float]", weighed)),
        "seconds": cast(float, geometry["seconds"]) + made * forces["seconds"],
    }


def other_head_time(records: Sequence[Record]) -> float | None:
    """Time of the other head over the entry's own, for supercells at the same geometries; None without another."""
    own = other = 0.0
    for record in records:
        geometries = cast("_Parts", record.outputs.get("geometries", {}))
        forces = cast("Mapping[str, Mapping[str, float]]", geometries.get("symmetric", {}).get("forces", {}))
        if mitigation.OTHER in forces:
            own += forces[mitigation.OWN]["seconds"]
            other += forces[mitigation.OTHER]["seconds"]
    return other / own if own > 0 and other > 0 else None


def symmetry(outputs: Outputs) -> Row:
    """Space group after the free relaxation, and whether (1 or 0) it is the ideal crystal's; None where it failed."""
    found = cast("_Parts", outputs["geometries"])["free"].get("space_group")
    return {"space_group": found, "symmetry_kept": None if found is None else float(found == outputs["space_group"])}


def _geometry(found: mitigation.Geometry) -> dict[str, JsonValue]:
    relaxed = found.relaxed
    about: dict[str, JsonValue] = {
        "error": None if found.error is None else str(found.error),
        "converged": relaxed.converged,
        "steps": relaxed.steps,
        "max_force": relaxed.max_forces[-1] if relaxed.max_forces else None,
        "force_calls": relaxed.force_calls,
        "seconds": relaxed.seconds,
    }
    if found.crystal is None or found.moves is None:
        return about
    moved = found.moves
    return about | {
        "cell": found.crystal.atoms.cell.array.tolist(),
        "positions": found.crystal.atoms.positions.tolist(),
        "space_group": mitigation.space_group(found.crystal),
        "displaced_atoms": list(moved.atoms),
        "displacements": moved.vectors.tolist(),
        "sets": {name: list(moved.rows(name)) for name in SETS},
        "forces": {source: _forces(forces) for source, forces in found.forces.items()},
    }


def _forces(found: mitigation.SupercellForces) -> dict[str, JsonValue]:
    error, packed = None if found.error is None else str(found.error), None
    if found.forces is not None:
        try:
            packed = pack(found.forces, quantum=FORCE_QUANTUM)
        except ValueError as reason:  # of more than 2000 eV/Å
            error = f"the forces in a displaced supercell are no crystal's: {reason}"
    return {
        "rows": list(found.rows),
        "error": error,
        "calls": found.calls,
        "seconds": found.seconds,
        "forces": packed,
    }


def _reached(
    analysis: mitigation.Analysis,
    step: mitigation.MitigationStep,
    crystal: phonons.PhononCrystal,
    geometry: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:
    """A step's part of a record."""
    stored = cast("dict[str, dict[str, JsonValue]]", geometry["forces"])[step.source]
    if stored["error"] is not None:
        return {"error": stored["error"]}
    sets = {name: tuple(rows) for name, rows in cast("dict[str, list[int]]", geometry["sets"]).items()}
    moved = mitigation.Moves(
        tuple(cast("list[int]", geometry["displaced_atoms"])), np.array(geometry["displacements"]), **sets
    )
    forces = mitigation.SupercellForces(tuple(cast("list[int]", stored["rows"])), unpack(stored["forces"]))
    try:
        reached = analysis.reach(step, crystal, moved, forces)
    except phonons.NoPrimitiveCell as reason:
        return {"error": str(reason)}
    return {
        "frequencies": pack(reached.frequencies, quantum=FREQUENCY_QUANTUM),
        "before": asdict(reached.before),
        "after": asdict(reached.after),
    }


def _relaxed(outputs: Outputs, place: str, symprec: float) -> phonons.PhononCrystal:
    from ase import Atoms

    geometry = cast("_Parts", outputs["geometries"])[place]
    atoms = Atoms(numbers=outputs["numbers"], cell=geometry["cell"], positions=geometry["positions"], pbc=True)
    return phonons.PhononCrystal(atoms, np.array(outputs["supercell_matrix"]), np.eye(3), symprec)


def _repeats(supercell_matrix: object) -> int:
    """Primitive cells in a supercell."""
    return abs(round(float(np.linalg.det(np.array(supercell_matrix, dtype=float)))))

"""What every answer owes its caller: shapes, finite numbers, its own place, its own failures, inputs untouched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoo.batch import Array, Batch
from zoo.checks.bench import Bench, failure, misshapen, usable
from zoo.checks.bounds import REPEAT
from zoo.checks.difference import difference
from zoo.checks.finding import Fault, Finding, Measure, Skipped


def shapes(bench: Bench) -> Finding:
    """Energies (n,), forces (n_i, 3), stresses (n, 3, 3) or None, all float64."""
    if fault := misshapen(bench.raw, bench.structures):
        raise Fault(fault)
    return Finding(note="no stress" if bench.raw.stresses is None else "")


def finite(bench: Bench) -> Finding:
    """Numbers, no NaN and no error, for ordinary crystals."""
    if fault := misshapen(bench.raw, bench.structures) or failure(bench.raw, bench.structures):
        raise Fault(fault)
    return Finding()


def determinism(bench: Bench) -> Finding:
    """The same question twice gives the same answer, but for the order of sums."""
    measures = difference(bench.answer(bench.structures), bench.reference, bounds=bench.bounds, share=REPEAT)
    return Finding(measures, diagnosis="the same call gives different answers: noise on repeat")


def batch_equals_single(bench: Bench) -> Finding:
    """A structure's answer depends neither on the rest of its batch nor on its place in it."""
    singles = [bench.answer([atoms]) for atoms in bench.structures]
    energies = np.array([single.energies[0] for single in singles])
    matches = abs(bench.raw.energies[:, None] - energies[None, :]).argmin(axis=1)
    if sorted(matches) == list(range(len(singles))) and (matches != range(len(singles))).any():
        order = ", ".join(str(index) for index in matches)
        raise Fault(f"answers come back in another order: where 0, 1, 2, … were asked, {order} stand")
    alone = Batch(
        energies=energies,
        forces=[single.forces[0] for single in singles],
        stresses=None if bench.reference.stresses is None else np.array([_stress(single) for single in singles]),
        errors=[None] * len(singles),
        seconds=0.0,
    )
    measures = difference(alone, bench.reference, bounds=bench.bounds)
    return Finding(measures, diagnosis="a structure's answer depends on the others in its batch")


def large_system(bench: Bench) -> Finding:
    """4 × 4 × 4 cells answer like one: padding, neighbour lists and memory hold beyond toy sizes."""
    repeats = (4, 4, 4)
    cells = int(np.prod(repeats))
    large = bench.answer([bench.structures[0].repeat(repeats)])
    reference = bench.reference
    expected = Batch(
        energies=reference.energies[:1] * cells,
        forces=[np.tile(reference.forces[0], (cells, 1))],
        stresses=None if reference.stresses is None else reference.stresses[:1],
        errors=[None],
        seconds=0.0,
    )
    # a sum over 128 atoms is rounded while it is made: SevenNet-0 in float32 is off by nine roundings
    bounds = replace(bench.bounds, energy=4 * bench.bounds.energy)
    measures = difference(large, expected, bounds=bounds)
    return Finding(measures, diagnosis=f"{len(large.forces[0])} atoms are answered differently from their unit cell")


def empty_list(bench: Bench) -> Finding:
    """An empty list gives an empty batch."""
    bench.answer([])
    return Finding()


def bad_input(bench: Bench) -> Finding:
    """A structure with a position that is not a number has an error; the others have their answers."""
    bad = bench.structures[1].copy()
    bad.positions[0, 0] = np.nan
    asked = [bench.structures[0], bad, bench.structures[-1]]
    batch = bench.ask(asked)
    if fault := misshapen(batch, asked):
        raise Fault(fault)
    numbers = [batch.energies[1], *batch.forces[1].ravel()]
    if batch.errors[1] is None:
        energy = batch.energies[1]
        what = f"a finite energy of {energy:g} eV" if np.isfinite(energy) else "NaN, but no error to say why"
        raise Fault(f"a NaN position gave {what}")
    if np.isfinite(numbers).any():
        raise Fault(f"beside the error {str(batch.errors[1])!r} stand finite numbers; they must be NaN")
    kept = usable(_picked(batch, [0, 2]), [asked[0], asked[2]])
    expected = _picked(bench.reference, [0, len(bench.structures) - 1])
    measures = difference(kept, expected, bounds=bench.bounds)
    return Finding(
        measures, diagnosis="a bad structure changes the answers to others", note=f"it said: {batch.errors[1]}"
    )


def unsupported_element(bench: Bench) -> Finding:
    """An element that the card doesn't list is refused as unsupported."""
    if bench.card is None:
        raise Skipped("no card was given")
    from ase.data import chemical_symbols

    known = bench.card.elements
    if known is None:
        raise Skipped("the card doesn't say which elements it was made for")
    unknown = next((symbol for symbol in chemical_symbols[1:] if symbol not in known), None)
    if unknown is None:
        raise Skipped("the card lists every element")
    foreign = bench.structures[0].copy()
    foreign.symbols[0] = unknown
    error = bench.ask([foreign]).errors[0]
    if error is None or error.kind != "unsupported":
        is_there = None if error is None else str(error)
        raise Fault(f"{unknown} is not on the card; its error must be of kind 'unsupported', and is {is_there!r}")
    return Finding(note=str(error))


def input_not_mutated(bench: Bench) -> Finding:
    """The caller's structures are as they were, after every call of every check before this one."""
    bench.reference  # noqa: B018  # where no other check got an answer, this one still asks
    units = {"positions": "Å", "cell": "Å"}
    measures = tuple(Measure(what, size, 0.0, units.get(what, "")) for what, size in sorted(bench.mutations.items()))
    return Finding(measures, diagnosis=f"compute() changes its input: {', '.join(sorted(bench.mutations))}")


def _stress(single: Batch) -> Array:
    if single.stresses is None:
        raise Fault("a batch has stresses and a single structure has none")
    return np.asarray(single.stresses[0])


def _picked(batch: Batch, indices: list[int]) -> Batch:
    return Batch(
        energies=batch.energies[indices],
        forces=[batch.forces[index] for index in indices],
        stresses=None if batch.stresses is None else batch.stresses[indices],
        errors=[batch.errors[index] for index in indices],
        seconds=batch.seconds,
    )

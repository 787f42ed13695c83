"""Conformance of a potential: a verdict for each check, and the number behind it.

    report = check(potential, card=card)
    report.passed, report["forces"].detail, report.to_json(), table(report)

It works on anything that has `compute`; an ASE interface is checked where there is one. Bounds follow the dtype
(`zoo.checks.bounds`): rounding passes, forces that are 2 % off do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo import example_crystals
from zoo.batch import Computes
from zoo.cards.card import Card
from zoo.cards.defects import sizes
from zoo.cards.mode import Averaging, Dtype, Forces
from zoo.checks import ase_interface, canary, chemistry, claims, continuity, contract, derivatives, invariances
from zoo.checks.bench import Bench
from zoo.checks.caller import Caller
from zoo.checks.finding import Conformance, Fault, Finding, Measure, Skipped, Symmetry, Verdict, graded, table
from zoo.errors import StructureError, WorkerDied, WorkerError, WorkerStartError, WorkerTimeout
from zoo.progress import Say

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CHECKS", "Conformance", "Verdict", "check", "table"]

CHECKS: tuple[Callable[[Bench], Finding], ...] = (
    contract.shapes,
    contract.finite,
    claims.cutoff,
    claims.parameters,
    claims.elements,
    contract.determinism,
    derivatives.precision,
    derivatives.forces,
    continuity.continuity,
    derivatives.net_force,
    derivatives.stress,
    derivatives.voigt_order,
    ase_interface.ase_interface,
    ase_interface.stress_shape,
    ase_interface.ase_voigt_order,
    invariances.translation,
    invariances.far_translation,
    invariances.rotation,
    invariances.inversion,
    invariances.permutation,
    invariances.extensivity,
    invariances.periodicity,
    invariances.choice_of_cell,
    contract.batch_equals_single,
    contract.large_system,
    contract.empty_list,
    contract.bad_input,
    contract.unsupported_element,
    chemistry.chemistry,
    canary.canary,
    contract.input_not_mutated,
    claims.modes,
)
"""In the order of the report, after `survives` and `responds in time`; a check's name is its function's."""

_COMPOUNDS = 3
_DEATHS = 2
"""After so many the rest is skipped: a worker's restart takes longer than all checks."""


def check(
    potential: Computes,
    *,
    card: Card | None = None,
    forces: Forces = "conservative",
    fidelity: str | None = None,
    averaging: Averaging = "none",
    rotation: Symmetry = "exact",
    inversion: Symmetry = "learned",
    dtype: Dtype = "float32",
    elements: Sequence[str] | None = None,
    time_limit: float = 600.0,
    progress: Say | None = None,
) -> Conformance:
    """Run every check on a potential. What the potential does is a verdict, never an exception of this function.

    `forces`, `fidelity`, `averaging`, `dtype`: the mode that the potential runs in. `forces="direct"`,
    `rotation="learned"` and `inversion="learned"` claim less: what they don't claim is measured and reported as
    skipped. `elements`: what the potential supports; the card's when there is one, else all. `time_limit`: seconds per
    call. `progress`: called with the name of each check before it runs. Raises StructureError when no crystal is made
    of these elements.
    """
    compounds = _compounds(elements if elements is not None else card.elements if card else None)
    started = time.monotonic()
    done: list[Verdict] = []
    ends: dict[str, WorkerError] = {}
    with Caller(time_limit) as caller:
        bench = Bench(
            potential,
            caller,
            structures=_structures(compounds),
            card=card,
            forces=forces,
            fidelity=fidelity,
            averaging=averaging,
            rotation=rotation,
            inversion=inversion,
            dtype=dtype,
        )
        for function in CHECKS:
            name = _name(function)
            if progress:
                progress(name)
            done.append(_verdict(name, function, bench, ends))
    return Conformance(
        potential=card.name if card else type(potential).__name__,
        forces=forces,
        rotation=rotation,
        inversion=inversion,
        dtype=dtype,
        trained_datasets=tuple(sorted(card.trained_datasets)) if card else None,
        crystals=compounds,
        checks=(_survives(ends), _responds_in_time(ends, caller), *done),
        calls=caller.calls,
        seconds=time.monotonic() - started,
    )


def judged(name: str, function: Callable[[Bench], Finding], bench: Bench) -> Verdict:
    """One check's verdict, held against what the card declares; raises what the potential raises."""
    try:
        return graded(name, function(bench), declared=sizes(bench.card.defects, name) if bench.card else {})
    except Skipped as reason:
        return Verdict(name=name, status="skipped", detail=str(reason))
    except Fault as fault:
        return Verdict(name=name, status="failed", detail=str(fault))


def _verdict(name: str, function: Callable[[Bench], Finding], bench: Bench, ends: dict[str, WorkerError]) -> Verdict:
    """One check's verdict. `ends` collects the calls that the potential did not come back from."""
    if _gone(ends):
        return Verdict(
            name=name, status="skipped", detail=f"not run: the potential was lost in {', '.join(map(repr, ends))}"
        )
    try:
        return judged(name, function, bench)
    except Exception as error:  # noqa: BLE001  # whatever a potential raises is this check's failure, with its words
        if isinstance(error, (WorkerDied, WorkerStartError, WorkerTimeout)):
            ends[name] = error
            return Verdict(name=name, status="failed", detail=f"the potential was lost: {type(error).__name__}")
        return Verdict(name=name, status="failed", detail=f"raised {type(error).__name__}: {error}")


def _survives(ends: dict[str, WorkerError]) -> Verdict:
    deaths = {name: error for name, error in ends.items() if not isinstance(error, WorkerTimeout)}
    return graded(
        "survives",
        Finding((Measure("deaths", len(deaths), 0.0, ""),), diagnosis=f"the potential died in {_listed(deaths)}"),
    )


def _responds_in_time(ends: dict[str, WorkerError], caller: Caller) -> Verdict:
    late = {name: error for name, error in ends.items() if isinstance(error, WorkerTimeout)}
    if late:
        return Verdict(
            name="responds in time",
            status="failed",
            value=caller.longest,
            bound=caller.time_limit,
            unit="s",
            detail=_listed(late),
        )
    return graded("responds in time", Finding((Measure("slowest call", caller.longest, caller.time_limit, "s"),)))


def _gone(ends: dict[str, WorkerError]) -> bool:
    return len(ends) >= _DEATHS or any(isinstance(error, WorkerStartError | WorkerTimeout) for error in ends.values())


def _listed(ends: Mapping[str, WorkerError]) -> str:
    return "; ".join(f"{name!r}: {error}" for name, error in ends.items())


def _name(function: Callable[[Bench], Finding]) -> str:
    return function.__name__.replace("_", " ")


def _compounds(elements: Sequence[str] | None) -> tuple[str, ...]:
    """Up to three crystals of these elements, spread over the prototypes."""
    names = [
        name
        for name in example_crystals.names()
        if elements is None or set(example_crystals.ideal(name).get_chemical_symbols()) <= set(elements)
    ]
    if not names:
        raise StructureError(
            f"no crystal of zoo.example_crystals is made of {', '.join(elements or ())} alone; "
            f"there are: {', '.join(example_crystals.names())}"
        )
    spread = np.linspace(0, len(names) - 1, min(_COMPOUNDS, len(names))).round().astype(int)
    return tuple(names[index] for index in spread)


def _structures(compounds: Sequence[str]) -> dict[str, Atoms]:
    """Each compound's distorted cell of two atoms, and eight atoms of the first: several of a species, none alike."""
    structures = {name: example_crystals.distorted(name, seed=seed) for seed, name in enumerate(compounds)}
    larger = example_crystals.distorted(compounds[0]).repeat((2, 2, 1))
    larger.rattle(0.05, seed=len(compounds))
    return {**structures, f"{compounds[0]} 2×2×1": larger}

"""Claims of a card against what the loaded model says of itself: cutoff, parameters, elements, modes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from zoo.cards.card import Card
from zoo.checks.bench import Bench, usable
from zoo.checks.finding import Fault, Finding, Measure, Skipped
from zoo.errors import ZooError
from zoo.text import one_line

if TYPE_CHECKING:
    from zoo.cards.mode import Mode
    from zoo.potential import Potential

_CUTOFF = 1e-3
"""Å: a card's cutoff is written with three digits at most."""
_DTYPE = 5e-3
"""eV/atom by which one structure's energies in two floating-point types may differ."""


def cutoff(bench: Bench) -> Finding:
    """The card's cutoff is the loaded model's."""
    card = _card(bench)
    if card.cutoff is None:
        raise Skipped("the card doesn't say")
    told = _told(bench, "cutoff")
    if not isinstance(told, int | float) or isinstance(told, bool) or not math.isfinite(told):
        raise Fault(f"the loaded model's cutoff is {_shown(told)}, not a number")
    return Finding(
        (Measure("difference", abs(told - card.cutoff), _CUTOFF, "Å"),),
        diagnosis=f"the card says {card.cutoff:g} Å and the loaded model {told:g} Å",
    )


def parameters(bench: Bench) -> Finding:
    """The card's number of parameters is the loaded model's: of those that are trained, or of all."""
    card = _card(bench)
    if card.parameters is None:
        raise Skipped("the card doesn't say")
    told = _told(bench, "parameters")
    if not isinstance(told, list) or not told or not all(type(count) is int for count in told):
        raise Fault(f"the loaded model's parameters are {_shown(told)}, not [trainable, all]")
    if card.parameters not in told:
        counted = " or ".join(f"{count:,}" for count in sorted(set(told[:2])))
        raise Fault(f"the card says {card.parameters:,} and the loaded model {counted}")
    return Finding(note=f"{card.parameters:,}")


def elements(bench: Bench) -> Finding:
    """The model has a row for every element of the card; the card may claim fewer."""
    card = _card(bench)
    if card.elements is None:
        raise Skipped("the card doesn't say")
    told = _told(bench, "elements")
    if not isinstance(told, list) or not all(isinstance(symbol, str) for symbol in told):
        raise Fault(f"the loaded model's elements are {_shown(told)}, not chemical symbols")
    known = set(told)
    if missing := [symbol for symbol in card.elements if symbol not in known]:
        shown = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise Fault(f"the card claims {shown}, which the loaded model does not know")
    return Finding(note=f"{len(card.elements)} of the model's {len(known)}")


def modes(bench: Bench) -> Finding:
    """Every head, level of theory and floating-point type of the card loads and answers, and none is another's twin."""
    _card(bench)
    others = getattr(bench.potential, "in_other_modes", None)
    if others is None:
        raise Skipped("the potential was not loaded by name")
    asked: Iterator[tuple[Mode, Potential]] = others()
    answered = []
    for mode, other in asked:
        with other:
            _compare(bench, mode, other)
        answered.append(str(mode))
    if not answered:
        raise Skipped("the card has one mode")
    return Finding(note=f"answered: {', '.join(answered)}")


def _compare(bench: Bench, mode: Mode, other: Potential) -> None:
    """Raises Fault where the other mode has no answer, or this one's where it must differ."""
    mine, first = bench.mode, bench.structures[:1]
    try:
        batch = usable(bench.caller.run(lambda: other.compute(first)), first)
    except Fault as fault:
        raise Fault(f"{mode}: {fault}") from None
    except ZooError as error:  # it is the claim that is wrong; the potential under test is still there
        raise Fault(f"the card has {mode}, and it cannot be loaded: {one_line(str(error), limit=300)}") from None
    forces, energy = bench.reference.forces[0], float(bench.reference.energies[0])
    if mode.forces != mine.forces and np.array_equal(batch.forces[0], forces):
        raise Fault(f"{mode.forces} forces are those of {mine.forces}, to the last bit: there is one head, not two")
    if mode.fidelity != mine.fidelity and np.array_equal(batch.forces[0], forces):
        raise Fault(f"the answer as {mode.fidelity} is that as {mine.fidelity}, to the last bit")
    off = abs(float(batch.energies[0]) - energy) / len(first[0])
    if mode.dtype != mine.dtype and off > _DTYPE:
        raise Fault(f"in {mode.dtype} the energy differs by {off:.2g} eV/atom from that in {mine.dtype}")


def _card(bench: Bench) -> Card:
    if bench.card is None:
        raise Skipped("no card was given")
    return bench.card


def _told(bench: Bench, fact: str) -> object:
    facts = bench.facts
    if facts is None:
        raise Skipped("the potential says nothing of itself")
    if fact not in facts:
        raise Fault(f"the loaded model does not tell its {fact}")
    return facts[fact]


def _shown(value: object) -> str:
    return one_line(repr(value), limit=60)

"""Formation energy of a relaxed crystal: what it takes besides the model's energy, and how records keep that.

DFT's formation energies are of the Materials Project's PBE and PBE+U, and carry its 2020 corrections, for anions and
for metals that DFT treats with a Hubbard U (A. Wang et al., Sci. Rep. 11, 15496 (2021)). The crystal's correction is
added to a model's energy as to DFT's, unless the model's energies contain it: its card says so.

Total energies belong to DFT settings, and the elements' have to be of the same. A model that was trained on MatPES
(PBE, newer pseudopotentials, no U) is given MatPES's own elements. Its formation energies can be compared where the
reference is plain PBE as well: the anion's correction is then the same on both sides and leaves the error alone. Where
the reference has a U there is nothing like it to compare, and no number. Neither is there one for a model of another
functional, or of settings whose elements are not at hand: OMat24's pseudopotentials are newer, and no table of its
elements is here.

Records keep raw energies, and what was trained on; which reference applies is decided when they are scored.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.metric import Score
from evaluation.outputs import relaxation
from evaluation.record import Record
from evaluation.reference import dataset, mp2020
from evaluation.task import Row, Sample
from zoo.cards.elements import SYMBOLS
from zoo.cards.training_sets import training_sets

if TYPE_CHECKING:
    from zoo.batch import Computes

COLUMNS = ("e_form_pred", "e_form_ref", "e_form_signed_error", "e_form_error")
"""What `row` gives: eV/atom twice, meV/atom twice."""
UNKNOWN = "the card does not say whether its energies contain MP2020 corrections"
NO_U = "DFT's energy has a Hubbard U, and the model learned from energies without"


@dataclass(frozen=True)
class FormationReference:
    """DFT's figures of one crystal, eV per atom."""

    correction: float
    """MP2020 correction."""
    elements: float
    """Energy of the elements in its composition."""
    e_form: float
    """Corrected formation energy."""

    @property
    def figures(self) -> dict[str, float]:
        """As samples and records carry it."""
        return {"correction": self.correction, "elements": self.elements, "e_form_ref": self.e_form}


def energies_are(potential: Computes, samples: Sequence[Sample] = ()) -> dict[str, JsonValue]:
    """What a record says of a potential's energies, in the words of its card; None where that does not say.

    The training sets are named where energies are not on the Materials Project's scale. Raises DatasetUnavailable when
    the samples have references and the elements' energies for them are not to be had: before hours of relaxation. A
    task that needs no elements gives no samples.
    """
    card, mode = getattr(potential, "card", None), getattr(potential, "mode", None)
    if card is None:
        return {"energies_are": None}
    trained = card.speaks_for(mode.fidelity if mode else None)
    if scale(trained) == ("PBE", "mp"):
        return {"energies_are": card.energies}
    if scale(trained) == ("PBE", "matpes") and any(sample.reference for sample in samples):
        matpes_elements()
    return {"energies_are": card.energies, "trained_on": list(trained)}


def incomparable(record: Record) -> str | None:
    """Why the energy of an ok record with a reference cannot be compared with it; None where it can."""
    if record.outputs["energies_are"] not in ("dft", "mp2020-corrected"):
        return UNKNOWN
    trained = trained_on(record)
    match scale(trained):
        case "PBE", "mp":
            return None
        case "PBE", "matpes":
            symbols = _symbols(record)
            if mp2020.has_hubbard_u(symbols):
                return NO_U
            unknown = sorted(symbols - matpes_elements().keys())
            return f"MatPES has no energy of the element {', '.join(unknown)}" if unknown else None
    return other_scale(trained)


def other_scale(trained: Iterable[str]) -> str:
    """Why energies that were learned from these sets cannot be compared."""
    titles = ", ".join(training_sets()[name].title for name in trained)
    return f"energies learned from {titles} do not compare with the Materials Project's PBE"


def scale(trained: Iterable[str]) -> tuple[str | None, str | None]:
    """Level of theory and DFT settings of training sets, each None where they have none in common.

    A set without known settings says nothing beside one whose are: what begins on OMat24 and is fine-tuned on
    MPtrj has the Materials Project's scale.
    """
    return _scale(tuple(trained))


@cache
def _scale(trained: tuple[str, ...]) -> tuple[str | None, str | None]:
    sets = [training_sets()[name] for name in trained]
    theories, settings = {each.theory for each in sets}, {each.settings for each in sets} - {None}
    return theories.pop() if len(theories) == 1 else None, settings.pop() if len(settings) == 1 else None


def trained_on(record: Record) -> tuple[str, ...]:
    """The training sets that a record names; on the Materials Project's scale it names none."""
    return tuple(cast("list[str]", record.outputs.get("trained_on", ["mptrj"])))


def e_form(record: Record) -> float | None:
    """Corrected formation energy (eV/atom) of an ok record with a reference; None where `incomparable` says why."""
    return None if incomparable(record) else _comparable(record)


def _comparable(record: Record) -> float:
    outputs = cast("dict[str, float]", record.outputs)
    correction = outputs["correction"] if record.outputs["energies_are"] == "dft" else 0.0
    elements = outputs["elements"]
    if "trained_on" in outputs and scale(trained_on(record)) == ("PBE", "matpes"):
        elements = float(np.mean([matpes_elements()[SYMBOLS[z - 1]] for z in relaxation.numbers(record)]))
    return relaxation.energy(record) + correction - elements


@cache
def matpes_elements() -> dict[str, float]:
    """MatPES-PBE's energies of the elements in their ground states, eV/atom. Raises DatasetUnavailable."""
    with gzip.open(dataset.fetch("matpes-elements", "pbe"), "rt") as file:
        return {symbol: float(entry["energy_per_atom"]) for symbol, entry in json.load(file).items()}


def row(record: Record, *, diverged: float) -> Row:
    """Formation energy and its error as far as there are any, with the reason as `error`; nothing for a canary.

    An error beyond `diverged` (eV/atom) is no prediction.
    """
    if "e_form_ref" not in record.outputs:
        return {}
    reference = cast(float, record.outputs["e_form_ref"])
    found: Row = {"e_form_ref": reference}
    if record.status != "ok":
        return found
    if reason := incomparable(record):
        return {**found, "error": reason}
    predicted = _comparable(record)
    error = predicted - reference
    if abs(error) > diverged:
        return {**found, "error": f"diverged: {error:.1f} eV/atom off"}
    return {
        **found,
        "e_form_pred": predicted,
        "e_form_signed_error": error * 1000,
        "e_form_error": abs(error) * 1000,
    }


def size(score: Score) -> Score:
    """A signed mean as a size; its interval is that of the size."""
    if score.value is None or score.low is None or score.high is None:
        return score.model_copy(update={"value": None if score.value is None else abs(score.value)})
    ends = sorted((abs(score.low), abs(score.high)))
    low = 0.0 if score.low <= 0 <= score.high else ends[0]
    return score.model_copy(update={"value": abs(score.value), "low": low, "high": ends[1]})


def _symbols(record: Record) -> set[str]:
    return {SYMBOLS[z - 1] for z in relaxation.numbers(record)}

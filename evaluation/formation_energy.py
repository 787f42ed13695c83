"""Formation energy of a relaxed crystal: what it takes besides the model's energy, and how records keep that.

DFT's formation energies carry the Materials Project 2020 corrections, for anions and for metals that DFT treats with a
Hubbard U (A. Wang et al., Sci. Rep. 11, 15496 (2021)). The crystal's correction is added to a model's energy as to
DFT's, unless the model's energies contain it: its card says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from evaluation import relaxed
from evaluation.metric import Score
from evaluation.record import Record
from evaluation.task import Row

if TYPE_CHECKING:
    import numpy as np

    from zoo.batch import Computes

COLUMNS = ("e_form_pred", "e_form_ref", "e_form_signed_error", "e_form_error")
"""What `row` gives: eV/atom twice, meV/atom twice."""
UNKNOWN = "the card does not say whether its energies contain MP2020 corrections"


@dataclass(frozen=True)
class Reference:
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


def energies_are(potential: Computes) -> str | None:
    """What a potential's energies stand for, in the words of its card; None where it does not say."""
    card = getattr(potential, "card", None)
    return None if card is None else card.energies


def e_form(record: Record) -> float | None:
    """Corrected formation energy (eV/atom) of an ok record with a reference.

    None where it is unknown what the energies stand for.
    """
    outputs = cast("dict[str, float]", record.outputs)
    corrections = {"dft": outputs["correction"], "mp2020-corrected": 0.0}
    correction = corrections.get(cast(str, record.outputs["energies_are"]))
    if correction is None:
        return None
    return relaxed.energies(record)[-1] + correction - outputs["elements"]


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
    predicted = e_form(record)
    if predicted is None:
        return {**found, "error": UNKNOWN}
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


def formula(numbers: np.ndarray) -> str:
    """Reduced formula of a structure with these atomic numbers."""
    from ase.formula import Formula
    from ase.symbols import Symbols

    return str(Formula(str(Symbols(numbers))).reduce()[0])

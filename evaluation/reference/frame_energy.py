"""Energy errors of single frames: which energies of a model can be compared with DFT's, and after what.

The reference energies are uncorrected PBE and PBE+U totals. A model that learned from energies on their scale is
compared as it is. For one that learned from energies with the Materials Project's 2020 corrections, the same
corrections are added to the reference, frame by frame: they count an oxygen differently in an oxide and in a
peroxide, and iron with and without a U, so that no constant per element can stand for them. Where the settings of the
calculations differ and their functional does not, total energies are compared up to a constant per element. There is
no number where a model learned from another functional, from PBE without a U for what the reference has with one, or
where its card does not say which energies it learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

import numpy as np
from pydantic import JsonValue

from evaluation.metrics.forces import shifted_residuals
from evaluation.record import Record
from evaluation.reference import formation_energy, mp2020

if TYPE_CHECKING:
    from ase import Atoms

Compared = Literal["as computed", "with MP2020 corrections", "up to a constant per element"]
CORRECTED: Final = "with MP2020 corrections"
SHIFTED: Final = "up to a constant per element"
ALONE = "this frame alone decides the constant of an element"
NO_CORRECTION = "pymatgen has no MP2020 correction for this frame"


@dataclass(frozen=True)
class EnergyError:
    """One frame's: a number and how it was compared, or the reason why there is none."""

    error: float | None
    """eV/atom, model less reference."""
    compared: Compared | None
    reason: str | None


def correction(atoms: Atoms, said: dict[str, JsonValue], *, settings: str | None) -> float | None:
    """What is added to the reference energy of a frame (eV) for a model of corrected energies; None for others.

    `said` is what `formation_energy.energies_are` says of the model, `settings` those of the reference.
    None also where pymatgen knows no correction.
    """
    if settings != "mp" or said["energies_are"] != "mp2020-corrected":
        return None
    return mp2020.correction(atoms)


def errors(records: Sequence[Record], *, settings: str | None) -> list[EnergyError]:
    """Energy errors of ok records with a reference, all of one set and one model.

    `settings` are those of the set's DFT calculations in the words of training_sets.yaml; None for settings of their
    own, for which only elements are expected: their energies have no corrections.
    """
    found = [_directly(record, settings) for record in records]
    shifted = [i for i, each in enumerate(found) if each.compared == SHIFTED]
    for i, error in zip(shifted, _shifted([records[i] for i in shifted]), strict=True):
        found[i] = EnergyError(error, SHIFTED, None if error is not None else ALONE)
    return found


def _directly(record: Record, settings: str | None) -> EnergyError:
    """A frame's difference before any fit."""
    trained = formation_energy.trained_on(record)
    theory, of_model = formation_energy.scale(trained)
    energies_are = record.outputs["energies_are"]
    if theory != "PBE":
        return _none(formation_energy.other_scale(trained))
    if settings is not None and energies_are not in ("dft", "mp2020-corrected"):
        return _none(formation_energy.UNKNOWN)
    corrected = settings == "mp" and energies_are == "mp2020-corrected"
    if corrected and record.outputs["mp2020_correction"] is None:
        return _none(NO_CORRECTION)
    if settings is not None and of_model == settings:
        return EnergyError(_difference(record), CORRECTED if corrected else "as computed", None)
    symbols = cast("dict[str, int]", record.outputs["composition"]).keys()
    if settings == "mp" and of_model == "matpes" and mp2020.has_hubbard_u(symbols):
        return _none(formation_energy.NO_U)
    return EnergyError(_difference(record), SHIFTED, None)


def _none(reason: str) -> EnergyError:
    return EnergyError(None, None, reason)


def _difference(record: Record) -> float:
    """Model less reference with what corrections it has, eV/atom."""
    outputs = cast("dict[str, float]", record.outputs)
    added = cast("float | None", record.outputs["mp2020_correction"]) or 0.0
    atoms = sum(cast("dict[str, int]", record.outputs["composition"]).values())
    return (outputs["energy_pred"] - outputs["energy_ref"] - added) / atoms


def _shifted(records: Sequence[Record]) -> list[float | None]:
    """Errors in eV/atom after the fit of one constant per element to these records."""
    if not records:
        return []
    compositions = [cast("dict[str, int]", record.outputs["composition"]) for record in records]
    atoms = np.array([sum(counts.values()) for counts in compositions])
    elements = sorted({symbol for counts in compositions for symbol in counts})
    fractions = np.array([[counts.get(symbol, 0) for symbol in elements] for counts in compositions]) / atoms[:, None]
    residuals, _ = shifted_residuals(np.array([_difference(record) for record in records]), fractions)
    return [None if np.isnan(residual) else float(residual) for residual in residuals]

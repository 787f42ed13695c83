"""Energy errors of single frames: which energies of a model can be compared with DFT's, and after what.

The reference energies are uncorrected PBE and PBE+U totals of the Materials Project's settings. A model that learned
from energies on their scale is compared as it is. For one that learned from energies with the Materials Project's 2020
corrections, the same corrections are added to the reference, frame by frame: they count an oxygen differently in an
oxide and in a peroxide, and iron with and without a U, so that no constant per element can stand for them.

There is no number where the scales differ: total energies of other settings or of another functional, or where the
card does not say which energies the model learned from. A fit of one constant per element would give one, of the
frames' scatter about that fit, and it could stand beside the others as if it were the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from pydantic import JsonValue

from evaluation.record import Record
from evaluation.reference import formation_energy, mp2020

if TYPE_CHECKING:
    from ase import Atoms

Compared = Literal["as computed", "with MP2020 corrections"]
CORRECTED: Final = "with MP2020 corrections"
NO_CORRECTION = "pymatgen has no MP2020 correction for this frame"
OWN_SETTINGS = "the reference has settings of its own, which no model learned from"


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


def error(record: Record, *, settings: str | None) -> EnergyError:
    """That of an ok record with a reference.

    `settings` are those of its DFT calculation in the words of training_sets.yaml; None for settings of their own.
    """
    if settings is None:
        return _none(OWN_SETTINGS)
    energies_are = record.outputs["energies_are"]
    trained = formation_energy.trained_on(record)
    if formation_energy.scale(trained) != ("PBE", settings):
        return _none(formation_energy.other_scale(trained))
    if energies_are not in ("dft", "mp2020-corrected"):
        return _none(formation_energy.UNKNOWN)
    if energies_are == "dft":
        return EnergyError(_difference(record), "as computed", None)
    if record.outputs["mp2020_correction"] is None:
        return _none(NO_CORRECTION)
    return EnergyError(_difference(record), CORRECTED, None)


def _none(reason: str) -> EnergyError:
    return EnergyError(None, None, reason)


def _difference(record: Record) -> float:
    """Model less reference with what corrections it has, eV/atom."""
    outputs = cast("dict[str, float]", record.outputs)
    added = cast("float | None", record.outputs["mp2020_correction"]) or 0.0
    atoms = sum(cast("dict[str, int]", record.outputs["composition"]).values())
    return (outputs["energy_pred"] - outputs["energy_ref"] - added) / atoms

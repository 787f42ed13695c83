"""Quantities that others report: label and unit, and the metric of ours that measures the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """One reported figure."""

    name: str
    label: str
    unit: str
    task: str | None = None
    """Our task that measures the same; None where none does."""
    metric: str | None = None
    """Its metric."""
    factor: float = 1.0
    """Our metric's unit in this one's."""
    samples: int | None = None
    """Crystals, solids or elements behind the reported figure."""


_WBM, _PROTOTYPES, _SOLIDS = 256_963, 215_488, 103

QUANTITIES = (
    Quantity("f1", "F1, new prototypes", "", "discovery", "f1_unique", samples=_PROTOTYPES),
    Quantity("daf", "DAF, new prototypes", "", "discovery", "daf_unique", samples=_PROTOTYPES),
    Quantity("precision", "precision, new prototypes", "", "discovery", "precision_unique", samples=_PROTOTYPES),
    Quantity("recall", "recall, new prototypes", "", "discovery", "recall_unique", samples=_PROTOTYPES),
    Quantity("r2", "R², new prototypes", "", "discovery", "r2_unique", samples=_PROTOTYPES),
    Quantity("e_form_mae", "formation energy MAE", "eV/atom", "formation", "e_form_error_mean", 1e-3, samples=_WBM),
    Quantity("rmsd", "RMSD of relaxed structures", "", samples=_WBM),
    Quantity("symmetry_kept", "space group kept (0.01 Å)", "", samples=_WBM),
    Quantity("srme", "κ SRME", "", "kappa", "srme", samples=_SOLIDS),
    Quantity("sre", "κ SRE", "", "kappa", "sre", samples=_SOLIDS),
    Quantity("imaginary", "solids with imaginary modes", "", "kappa", "imaginary", samples=_SOLIDS),
    Quantity("spectrum_w1", "phonon spectrum, W1", "THz", samples=_SOLIDS),
    Quantity("cps", "combined score (CPS)", ""),
    Quantity("tortuosity", "diatomics: tortuosity", "", "diatomics", "tortuosity_mean"),
    Quantity("energy_jump", "diatomics: energy jump", "eV", "diatomics", "energy_jump_mean"),
    Quantity("force_flips", "diatomics: force flips", "", "diatomics", "force_flips"),
    Quantity("force_jump", "diatomics: force jump", "eV/Å", "diatomics", "force_jump_mean"),
)
"""In the order of the pages."""
BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}

"""Symmetry under relaxation: metrics and protocol of the task `symmetry`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import Metric, share_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.crystal_set import CrystalSet
from zoo.strict import Strict

WAYS = ("free", "fixed")
"""Whether the group is left to the forces or imposed."""
DTYPES = ("float32", "float64")
_SURVIVAL = "Share of nine precisions from 1e-5 to 1e-1 Å at which the relaxed crystal has DFT's space group"


METRICS = (
    share_metric(
        "survival", "survival", f"{_SURVIVAL}, relaxed freely, over both starts. One without an end has none."
    ),
    share_metric("survival_reference", "survival, DFT's start", "Likewise, from the DFT geometry alone."),
    share_metric("survival_strained", "survival, strained start", "Likewise, from the strained geometry alone."),
    share_metric("survival_fixed", "survival, group fixed", "Likewise, over both starts, with the group imposed."),
    share_metric(
        "survival_float32",
        "survival, float32",
        "Free, with the model's arithmetic in single precision; no number where the checkpoint has only the other.",
        on_failure="excluded",
    ),
    share_metric("survival_float64", "survival, float64", "Likewise in double precision.", on_failure="excluded"),
    share_metric("kept_tight", "kept at 1e-5 Å", "Fraction of free relaxations that keep the group at 1e-5 Å."),
    share_metric("kept_loose", "kept at 1e-2 Å", "Likewise at 1e-2 Å."),
    Metric(
        name="recovered_symprec",
        label="group found at",
        unit="Å",
        better="lower",
        best=1e-5,
        worst=1.0,
        on_failure="worst",
        doc="Smallest of the nine precisions at which a freely relaxed crystal shows its group, geometric mean; 1 Å "
        "where none does.",
    ),
    Metric(
        name="symmetry_tax",
        label="displacement-count ratio",
        unit="",
        better="lower",
        best=1.0,
        doc="Displaced supercells that phonopy needs for the freely relaxed crystal, over those that the ideal one "
        "needs.",
    ),
    Metric(
        name="symmetry_tax_fixed",
        label="displacement-count ratio, group fixed",
        unit="",
        better="lower",
        best=1.0,
        doc="Likewise of the crystal that was relaxed with its group imposed.",
    ),
    *(
        Metric(
            name=f"symmetry_tax_{dtype}",
            label=f"displacement-count ratio, {dtype}",
            unit="",
            better="lower",
            best=1.0,
            doc=f"Of the freely relaxed crystal, with the model's arithmetic in {dtype}.",
        )
        for dtype in DTYPES
    ),
    share_metric("converged", "converged", "Fraction of free relaxations that reach 1e-4 eV/Å within 300 steps."),
    share_metric("converged_fixed", "converged, group fixed", "Likewise with the group imposed."),
)


def kept_column(way: str, symprec: float) -> str:
    """The column of `table` that says whether a relaxation kept the group at a precision (Å).

    `way`: free or fixed, in the entry's own dtype; other_free and other_fixed in the other one.
    """
    return f"kept_{way}_{symprec:.0e}"


class DisplacementNumbers(Strict):
    """How phonopy counts the displaced supercells of a relaxed crystal."""

    symprec: float
    """Å: precision of its symmetry search."""
    displacement: float
    """Å: length of a displacement."""


class SymmetryProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/symmetry-v1.yaml`."""

    relaxation: RelaxationNumbers
    fixed_symprec: float
    """Å: where a fixed relaxation finds the group that it keeps."""
    starts: tuple[Literal["reference", "strained"], ...]
    strain: tuple[float, float, float]
    """xx, yy, zz; its mean over the crystal's point group makes the strained start."""
    reference_symprec: float
    """Å: where the reference's point group is found."""
    symprecs: tuple[float, ...]
    """Å: precisions of the survival curve."""
    tight_symprec: float
    """Å: one of `symprecs`, as is the next."""
    loose_symprec: float
    tax: DisplacementNumbers
    """Of the displacement-count ratio."""
    crystals: CrystalSet


@cache
def protocol() -> SymmetryProtocol:
    """The numbers of today's protocol."""
    return read_protocol("symmetry", SymmetryProtocol)

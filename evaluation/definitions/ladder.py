"""Mitigation of broken constraints in lattice dynamics: metrics and protocol of the task `ladder`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import error_metric, median_and_mean, share_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, ThresholdNumbers, read_protocol
from evaluation.reference.canary import CanaryCrystal
from zoo.cards.mode import Averaging
from zoo.strict import Strict

_CUMULATIVE = {
    "raw": "raw",
    "plus_minus": "plus-minus",
    "net_force": "net force",
    "index": "index",
    "projector": "projector",
    "all_displaced": "all displaced",
}


LABELS = {
    **_CUMULATIVE,
    **{f"symmetric_{name}": f"{label}, symmetric" for name, label in _CUMULATIVE.items()},
    "usual": "usual",
    "o3_3": "42 rotations",
    "o3_3_inversion": "84, with inversion",
    "o3_5": "154 rotations",
    "o3_7": "390 rotations",
    "head_constants": "other head, Φ only",
    "head": "other head",
}
"""Label of every mitigation step, in order."""


_RESIDUAL_LABELS = {
    "fc_asymmetry": ("Φ asymmetry", "", "||Φ - Φᵀ||/||Φ||: twice the weight of what is no gradient."),
    "asr_violation": ("sum rule", "eV/Å²", "Largest net force per displacement."),
    "space_group_residual": ("Φ outside the group", "", "||Φ - PΦ||/||Φ||, P as in the phonons task."),
    "degeneracy_splitting": ("splitting", "THz", "Largest spread of modes that symmetry makes degenerate."),
}


METRICS = (
    *median_and_mean(
        "remedied_mae",
        "ω MAE, mitigated",
        "THz",
        "Mean absolute error of the frequencies against PBE with the recommended mitigation: the cheapest step whose "
        "error, averaged over solids, is within 0.05 THz or a tenth of the best step's",
        over="solids",
    ),
    error_metric(
        "remedied_cost",
        "cost of the mitigation",
        "calls",
        "What the recommended step costs for one crystal, relaxation included: atoms evaluated over the atoms of the "
        "supercell. An evaluation by the other head counts by its measured time.",
    ),
    *median_and_mean(
        "raw_mae",
        "ω MAE, raw",
        "THz",
        "The same error with no mitigation at all (a solid without a spectrum then has failed)",
        over="solids",
    ),
    *median_and_mean(
        "usual_mae",
        "ω MAE, usual",
        "THz",
        "The same error of the usual workflow, symmetry kept and imposed",
        over="solids",
    ),
    error_metric(
        "usual_loss",
        "lost by the usual workflow",
        "THz",
        "Error of the usual workflow less that of the recommended step, solid by solid.",
    ),
    error_metric(
        "remedied_dos_w1",
        "DOS distance, mitigated",
        "THz",
        "Of the densities of states, with the recommended step.",
    ),
    error_metric("remedied_omega_max_mae", "ω max MAE, mitigated", "THz", "Of the highest frequency, likewise."),
    error_metric(
        "usual_own_mae",
        "usual to own best",
        "THz",
        "Distance of the usual workflow's frequencies to the checkpoint's own best: its conservative head where it has "
        "one besides, otherwise its highest average over orientations. No reference is needed, and none vouches.",
    ),
    share_metric("raw_stable", "stable, raw", "Fraction of the crystals without an imaginary mode; no mitigation."),
    share_metric("usual_stable", "stable, usual", "The same of the usual workflow. All of them are stable in PBE."),
    share_metric("remedied_stable", "stable, mitigated", "The same with the recommended step."),
    share_metric(
        "symmetry_kept",
        "symmetry kept",
        "Fraction of the crystals that keep their space group when nothing imposes it.",
    ),
    *(
        error_metric(name, label, unit, f"{doc} All atoms displaced at the symmetric geometry, nothing symmetrised.")
        for name, (label, unit, doc) in _RESIDUAL_LABELS.items()
    ),
    *(
        error_metric(
            f"{name}_shown", f"{label}, shown", unit, f"{doc} What the symmetry-reduced displacements show of it."
        )
        for name, (label, unit, doc) in _RESIDUAL_LABELS.items()
    ),
    error_metric(
        "other_head_time", "other head's time", "×", "An evaluation by the other head over one by the entry's own."
    ),
    share_metric("success", "phonons", "Fraction of the crystals for which the usual workflow gives a spectrum."),
)
"""The first one ranks: by accuracy, with its price beside it. A rank by price alone would put the model first that is
wrong in perfect symmetry."""


class CellRelaxation(RelaxationNumbers):
    """Without the space group, which some mitigation steps keep and others do not."""

    cell: Literal["full", "fixed", "no-tilt"]
    """Which part of the cell is free; no-tilt: xx, yy and zz of the strain."""


class GoodEnoughNumbers(Strict):
    """Of evaluation.metrics.mitigation.GoodEnough."""

    difference: float
    """THz."""
    share: float
    """Of the best step's error."""


class MitigationProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/ladder-v1.yaml`."""

    relaxation: CellRelaxation
    displacement: float
    """Å."""
    symprec: float
    """Å: of the space group that is kept, that reduces displacements, and that force constants are projected onto."""
    imaginary: ThresholdNumbers
    good_enough: GoodEnoughNumbers
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    canary_supercell: int
    """Conventional cells along each axis."""
    canary_mesh: int
    """q points along each axis."""
    fast: tuple[str, ...]
    """PhononDB's ids."""
    full: int
    """Solids of the full subset, those of the fast one among them."""
    averaging: tuple[Averaging, ...]
    """Of every crystal."""
    more_averaging: tuple[Averaging, ...]
    """Of the crystals in `averaged_more`, besides."""
    averaged_more: tuple[str, ...]


@cache
def protocol() -> MitigationProtocol:
    """The numbers of today's protocol."""
    return read_protocol("ladder", MitigationProtocol)

"""Harmonic phonons: metrics and protocol of the task `phonons`."""

from __future__ import annotations

from functools import cache

from evaluation.metric import Metric, median_and_mean
from evaluation.protocol import KeptGroupRelaxation, TaskProtocol, ThresholdNumbers, read_protocol
from evaluation.reference.canary import CanaryCrystal

METRICS = (
    *median_and_mean(
        "frequency_mae",
        "ω MAE",
        "THz",
        "Mean absolute error of the frequencies over the reference's mesh and modes (paired by order)",
        over="solids",
    ),
    Metric(
        name="frequency_mae_second",
        label="ω MAE at 0.01 Å, median",
        unit="THz",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="As the median ω MAE, from displacements of 0.01 Å in the same relaxed crystals. The two are the ends of a "
        "band: in a harmonic crystal they agree.",
    ),
    Metric(
        name="frequency_change",
        label="ω change",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Mean absolute change of the frequencies between displacements of 0.03 and 0.01 Å, averaged over the mesh "
        "and over crystals. It grows with anharmonicity and with an energy surface that is rough at this scale.",
    ),
    Metric(
        name="displacement_dependent",
        label="displacement-dependent",
        unit="",
        better="lower",
        best=0.0,
        doc="Fraction of the crystals whose frequencies change by more than 0.1 THz on average between displacements "
        "of 0.03 and 0.01 Å: their harmonic frequencies are no property of the model alone.",
    ),
    Metric(
        name="omega_max_mae",
        label="ω max MAE",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Absolute error of the highest frequency on the mesh, averaged over solids.",
    ),
    Metric(
        name="dos_w1",
        label="DOS distance",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Wasserstein-1 distance between the densities of states: how far modes must move on average to turn "
        "one into the other, whatever their order.",
    ),
    Metric(
        name="heat_capacity_mae",
        label="C_V MAE",
        unit="J/K/mol",
        better="lower",
        best=0.0,
        doc="Error of the heat capacity at 300 K, per mole of atoms. Only solids whose model has no imaginary mode.",
    ),
    Metric(
        name="entropy_mae",
        label="S MAE",
        unit="J/K/mol",
        better="lower",
        best=0.0,
        doc="Error of the vibrational entropy at 300 K, per mole of atoms. Only solids without imaginary modes.",
    ),
    Metric(
        name="free_energy_mae_kj",
        label="F MAE",
        unit="kJ/mol",
        better="lower",
        best=0.0,
        doc="Error of the vibrational free energy at 300 K, zero-point energy included, per mole of atoms. Only solids "
        "without imaginary modes.",
    ),
    *(
        Metric(
            name=f"{prefix}{figure}",
            label=f"{label}{', strict' if prefix else ''}",
            unit="",
            better="higher",
            best=1.0,
            worst=0.0,
            on_failure="worst" if figure != "stability_precision" else "excluded",
            doc=f"{doc} A mode counts as imaginary below {limit} away from Γ.",
        )
        for prefix, limit in (("", "-0.05 THz"), ("strict_", "0 THz, as in Matbench Discovery,"))
        for figure, label, doc in (
            (
                "stability_f1",
                "stability F1",
                "F1 of the verdict 'dynamically stable' against PBE; no phonons is 'unstable'.",
            ),
            (
                "stability_precision",
                "stability precision",
                "Of the solids that the model calls stable, those that are.",
            ),
            (
                "stability_recall",
                "stability recall",
                "Of the solids that are stable in PBE, those that the model finds so.",
            ),
        )
    ),
    Metric(
        name="fc_asymmetry",
        label="Φ asymmetry",
        unit="",
        better="lower",
        best=0.0,
        doc="||Φ - Φᵀ||/||Φ|| of the full set: zero if the forces are the gradient of an energy that is smooth over "
        "the displacement. Twice the λ of the constraints.",
    ),
    Metric(
        name="asr_violation",
        label="sum rule",
        unit="eV/Å²",
        better="lower",
        best=0.0,
        doc="Largest net force per displacement, |Σ_j Φ_ij|, of the full set: zero if action equals reaction.",
    ),
    Metric(
        name="space_group_residual",
        label="Φ outside the group",
        unit="",
        better="lower",
        best=0.0,
        doc="||Φ - PΦ||/||Φ|| of the full set; P projects onto what the crystal's space group, permutation and the sum "
        "rules allow together.",
    ),
    Metric(
        name="degeneracy_splitting",
        label="splitting",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Largest spread of modes that symmetry makes degenerate, at Γ and half-way points of the zone boundary, "
        "from the full set.",
    ),
    Metric(
        name="symmetry_tax",
        label="displacement-count ratio",
        unit="",
        better="lower",
        best=1.0,
        doc="Displacements that the relaxed crystal needs, over those that the reference's symmetry needs.",
    ),
    Metric(
        name="success",
        label="phonons",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of the crystals for which there are force constants.",
    ),
)


class PhononsProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/phonons-v<N>.yaml`."""

    relaxation: KeptGroupRelaxation
    displacement: float
    """Å."""
    second_displacement: float | None = None
    """Å; of the frequencies that are compared with those of `displacement`. Version 1 has none."""
    change_flagged: float | None = None
    """THz: a larger mean change of the frequencies between the two is flagged. Version 1 flags none."""
    symprec: float
    """Å: of the relaxed cell, for the reduced set and the projector."""
    temperature: float
    """K."""
    imaginary: ThresholdNumbers
    imaginary_strict: ThresholdNumbers
    """As Matbench Discovery has them."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    canary_supercell: int
    """Conventional cells along each axis."""
    canary_mesh: int
    """q points along each axis."""
    fast: int
    """Solids of the fast subset."""


@cache
def protocol() -> PhononsProtocol:
    """The numbers of today's protocol."""
    return read_protocol("phonons", PhononsProtocol, version=2)

"""Lattice thermal conductivity: metrics and protocol of the task `kappa`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import Metric
from evaluation.metrics.kappa import WORST
from evaluation.protocol import KeptGroupRelaxation, TaskProtocol, read_protocol
from zoo.strict import Strict

METRICS = (
    Metric(
        name="srme",
        label="SRME",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        on_failure="worst",
        doc="Symmetric relative mean error of the conductivity, mode by mode, averaged over solids. A solid that "
        "fails, has imaginary modes or loses its space group counts as 2.",
    ),
    Metric(
        name="srme_measured",
        label="SRME, where κ exists",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        doc="SRME averaged over the solids that have a conductivity.",
    ),
    Metric(
        name="sre",
        label="SRE",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        on_failure="worst",
        doc="Symmetric relative error of the total conductivity, |SRD|, averaged over solids; 2 where there is none. "
        "Modes' errors can cancel in it.",
    ),
    Metric(
        name="underestimated",
        label="κ too low",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        descriptive=True,
        doc="Share of the solids with a conductivity whose SRD is negative: the model conducts worse than DFT. One "
        "half would be no bias.",
    ),
    Metric(
        name="blow_up",
        label="blow-up",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids with a conductivity for which it is above ten times the reference.",
    ),
    Metric(
        name="collapse",
        label="collapse",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids with a conductivity for which it is below a tenth of the reference.",
    ),
    Metric(
        name="imaginary",
        label="imaginary modes",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids that kept their space group and have imaginary modes; all of the reference have none.",
    ),
    Metric(
        name="symmetry_lost",
        label="space group lost",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the relaxed solids whose space group is not the reference's.",
    ),
    Metric(
        name="success",
        label="success",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Share of the solids that have a conductivity.",
    ),
)


class ImaginaryNumbers(Strict):
    """A mode below its threshold (THz) is imaginary."""

    gamma_acoustic: float
    """THz, of the acoustic modes at Γ."""
    gamma_optical: float
    """THz, of the other modes at Γ."""
    elsewhere: float
    """THz, of all modes at other q points."""


class CanaryNumbers(Strict):
    """The crystal without a reference; a primitive cell."""

    name: str
    structure: Literal["diamond", "rocksalt"]
    a: float
    """Å, of the conventional cell."""
    space_group: int
    """International number."""
    fc2_supercell: int
    """Primitive cells along each axis, for second-order force constants."""
    fc3_supercell: int
    """Likewise for third-order ones."""
    mesh: int
    """q points along each axis."""


class KappaProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/kappa-v2.yaml`."""

    relaxation: KeptGroupRelaxation
    displacement: float
    """Å."""
    symprec: float
    """Å: of the symmetry of the displacements, and of the space group after relaxation."""
    temperature: float
    """K."""
    boundary_mfp_um: float
    """µm: mean free path between boundaries."""
    imaginary: ImaginaryNumbers
    blow_up: float
    """Times the reference: a conductivity above it has blown up."""
    collapse: float
    """Times the reference: a conductivity below it has collapsed."""
    supercells_per_batch: int
    """Supercells whose forces are computed, and kept, together."""
    canary: CanaryNumbers
    fast: tuple[str, ...]
    """PhononDB's ids."""


@cache
def protocol() -> KappaProtocol:
    """The numbers of today's protocol."""
    return read_protocol("kappa", KappaProtocol, version=2)

"""Relaxation: metrics and protocol of the task `relaxation`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import Metric, error_metric, median_and_mean, share_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal

_DISPLACEMENT = (
    "Root-mean-square displacement of the atoms from the DFT crystal after the best match, in units of (volume per "
    "atom)^(1/3)"
)
RMSD = Metric(
    name="rmsd",
    label="RMSD",
    unit="",
    better="lower",
    best=0.0,
    worst=1.0,
    on_failure="worst",
    doc=f"{_DISPLACEMENT}, averaged over relaxations. Another structure, or none, counts as 1.",
)
VOLUME_ERROR = Metric(
    name="volume_error",
    label="|volume error|",
    unit="%",
    better="lower",
    best=0.0,
    doc="Absolute error of the relaxed volume, averaged over relaxations.",
)
CONVERGED = Metric(
    name="converged",
    label="converged",
    unit="",
    better="higher",
    best=1.0,
    worst=0.0,
    on_failure="worst",
    doc="Fraction of relaxations that reach the force threshold within the allowed steps.",
)
"""What every task that relaxes says in the same words."""


def _volume(start: str, label: str) -> tuple[Metric, ...]:
    return median_and_mean(
        f"volume_error_{start}",
        f"|volume error|, {label}",
        "%",
        f"Absolute error of the volume after relaxation, {label}",
        over="crystals",
    )


def _rmsd(start: str, label: str) -> tuple[Metric, ...]:
    """Mean first: most atoms sit on places that symmetry fixes, where a median sees how far the optimiser went."""
    doc = f"{_DISPLACEMENT}, {label}; another structure is 1"
    return median_and_mean(f"rmsd_{start}", f"RMSD, {label}", "", doc, over="crystals", worst=1.0)[::-1]


METRICS = (
    *_volume("perturbed", "perturbed start"),
    *_volume("reference", "DFT start"),
    *_rmsd("perturbed", "perturbed start"),
    *_rmsd("reference", "DFT start"),
    error_metric(
        "lattice_error",
        "cell length error",
        "%",
        "Mean absolute error of the three cell lengths, averaged over crystals and starts.",
    ),
    *(
        share_metric(
            f"symmetry_match{precision}_{start}",
            f"symmetry {verb}, {start_label}, {symprec} Å",
            f"Fraction of the relaxations from the {start_text} geometry that end in the DFT crystal's space group, "
            f"both found at {symprec} Å.",
        )
        for start, start_label, start_text, verb in (
            ("reference", "DFT start", "DFT", "kept"),
            ("perturbed", "perturbed start", "perturbed", "recovered"),
        )
        for precision, symprec in (("", "1e-2"), ("_tight", "1e-5"))
    ),
    *(
        Metric(
            name=f"symmetry_{change}",
            label=f"symmetry {word}, 1e-2 Å",
            unit="",
            better="lower",
            best=0.0,
            worst=1.0,
            doc="Fraction of relaxed crystals, from both starts, that have another space group with "
            f"{operations} operations at 1e-2 Å.",
        )
        for change, word, operations in (("decrease", "lost", "fewer"), ("increase", "gained", "as many or more"))
    ),
    CONVERGED,
    Metric(
        name="steps",
        label="steps",
        unit="",
        better="lower",
        best=0.0,
        doc="Steps taken, averaged; a relaxation that does not converge takes all that are allowed.",
    ),
    Metric(
        name="uphill",
        label="uphill",
        unit="meV/atom",
        better="lower",
        best=0.0,
        doc="Sum of the energy's rises from step to step. FIRE overshoots a little with any model.",
    ),
    Metric(
        name="limit_cycle",
        label="limit cycles",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Fraction of relaxations that do not converge and whose forces stopped falling long before the end.",
    ),
)


def symmetry_column(symprec: float) -> str:
    """The column of `table` that says what became of the symmetry at a precision (Å): match, decrease or increase."""
    return f"symmetry_{symprec:.0e}"


class RelaxationProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/relaxation-v2.yaml`."""

    starts: tuple[Literal["reference", "perturbed"], ...]
    isotropic_strain: float
    """Bound, of the perturbed start."""
    shear_strain: float
    """Bound, of its symmetric shears."""
    rattle: float
    """Å: standard deviation of its displacements."""
    symprecs: tuple[float, ...]
    """Å: precisions of the symmetry search."""
    reference_symprec: float
    """Å: where the reference's space group is found; one of `symprecs`, as is the next."""
    tight_symprec: float
    """Å."""
    cycle_steps: int
    """A limit cycle: no lower forces in the last so many steps than before."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    fast: int
    """Solids of the fast subset."""


@cache
def protocol() -> RelaxationProtocol:
    """The numbers of today's protocol."""
    return read_protocol("relaxation", RelaxationProtocol, version=2)

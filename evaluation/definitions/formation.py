"""Formation energies: metrics and protocol of the task `formation`."""

from __future__ import annotations

from functools import cache

from evaluation.definitions.relaxation import CONVERGED, RMSD, VOLUME_ERROR
from evaluation.metric import Metric, median_and_mean
from evaluation.protocol import RelaxationNumbers, TaskProtocol, read_protocol
from evaluation.reference.canary import CanaryCrystal

METRICS = (
    *median_and_mean(
        "e_form_error",
        "|formation energy error|",
        "meV/atom",
        "Absolute error of the formation energy after relaxation, against corrected PBE (one that diverged has failed; "
        "one whose energy is of other DFT settings than the reference, as with a Hubbard U on one side alone, is left "
        "out)",
        over="crystals",
    ),
    Metric(
        name="e_form_bias",
        label="formation energy bias",
        unit="meV/atom",
        better="lower",
        best=0.0,
        doc="Size of the mean signed error: how much of the error every crystal shares.",
    ),
    VOLUME_ERROR,
    RMSD,
    CONVERGED,
)


class FormationProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/formation-v1.yaml`."""

    diverged: float
    """eV/atom: an energy that is further from the reference is no prediction."""
    canary: dict[str, CanaryCrystal]
    """Crystals without a reference, by formula."""
    fast: int
    """Crystals of the fast subset."""


@cache
def protocol() -> FormationProtocol:
    """The numbers of today's protocol."""
    return read_protocol("formation", FormationProtocol)

"""Orientation: metrics and protocol of the task `orientation`."""

from __future__ import annotations

from functools import cache

from evaluation.metric import Metric, error_metric, median_and_mean, share_metric
from evaluation.protocol import RelaxationNumbers, TaskProtocol, ThresholdNumbers, read_protocol
from evaluation.reference.controls import Control, Expected

Quaternion = tuple[float, float, float, float]


def _share(name: str, label: str, doc: str) -> Metric:
    return share_metric(name, label, doc, on_failure="excluded")


METRICS = (
    *median_and_mean(
        "frequency_spread",
        "ω spread",
        "THz",
        "RMS distance of frequencies from their mean over the orientations, over all modes at q points that fit into "
        "the supercell, paired by order (acoustic modes at Γ left out)",
        over="crystals",
    ),
    error_metric("omega_max_spread", "ω max spread", "THz", "Likewise of the highest frequency."),
    error_metric("gamma_spread", "ω(Γ) spread", "THz", "Likewise of the optical modes at Γ; of compounds and silicon."),
    error_metric("energy_spread", "E spread", "meV/atom", "Likewise of the energy of the relaxed crystal."),
    error_metric("volume_spread", "V spread", "%", "Likewise of its volume, in percent of the mean."),
    _share(
        "verdict_agreement",
        "verdict as upright",
        "Share of the rotated runs that find imaginary modes if the upright one does, none if it does not, and fail if "
        "it fails.",
    ),
    _share(
        "group_agreement",
        "group as upright",
        "Share of the rotated runs that end in the upright one's space group, at 0.01 Å; of crystals that must hold, "
        "since the others have theirs kept.",
    ),
    _share(
        "group_loose",
        "group kept",
        "Share of the runs that end in the known space group at 0.01 Å, from the perfect start; of crystals that must "
        "hold.",
    ),
    _share("group_strict", "group kept, 1e-5 Å", "Likewise at 0.00001 Å."),
    _share(
        "breaks",
        "breaks",
        "Of crystals that must break, share of the orientations where the symmetric structure has an imaginary mode "
        "and a distorted one leaves it, downhill. A crystal that failed counts as none.",
    ),
    _share(
        "breaks_upright",
        "breaks, upright",
        "Likewise in the upright orientation alone: what is missing here is missing in the model's physics.",
    ),
    _share(
        "holds",
        "holds",
        "Of crystals that must hold, share of the orientations where the space group is kept, no mode is imaginary, "
        "and a distorted structure comes back. A crystal that failed counts as none.",
    ),
    _share("holds_upright", "holds, upright", "Likewise in the upright orientation alone."),
    _share("converged", "converged", "Share of the relaxations from the perfect start that converged."),
    Metric(
        name="success",
        label="orientations",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Share of the orientations that the model has an answer for.",
    ),
)


class OrientationProtocol(TaskProtocol, RelaxationNumbers):
    """The numbers of `evaluation/protocols/orientation-v1.yaml`; `fmax` is that of the perfect start."""

    rotations: tuple[Quaternion, ...]
    """Proper, after the upright orientation."""
    rotations_with_inversion: tuple[Quaternion, ...]
    """Improper, after the proper ones."""
    distorted_fmax: float
    """eV/Å: of the distorted start."""
    symprec: float
    """Å: of the group that is kept where a crystal must break."""
    rattle: float
    """Å: standard deviation of the displacements of the distorted start."""
    strain: float
    """Bound of its uniform symmetric strain."""
    displacement: float
    """Å: of atoms in the supercells."""
    supercell: int
    """Conventional cells along each axis."""
    imaginary: ThresholdNumbers
    loose_symprec: float
    """Å: at which space groups are looked for; likewise the next."""
    strict_symprec: float
    downhill: float
    """eV/atom that a broken structure lies below the symmetric one at least."""
    crystals: dict[str, Control]
    """By name; the formula stands before the hyphen."""
    phonondb: int
    """Solids of PhononDB in the full subset, all stable in PBE."""

    @property
    def n_orientations(self) -> int:
        """The upright one, the proper and the improper rotations."""
        return 1 + len(self.rotations) + len(self.rotations_with_inversion)

    def expected(self, name: str) -> Expected:
        """What the crystal of that id must do; all solids of PhononDB are stable."""
        control = self.crystals.get(name)
        return "holds" if control is None else control.expected


@cache
def protocol() -> OrientationProtocol:
    """The numbers of today's protocol."""
    return read_protocol("orientation", OrientationProtocol)

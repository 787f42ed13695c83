"""Tolerance curves made up for the tests."""

from __future__ import annotations

from evaluation.studies.tolerance_data import (
    PROTOCOL,
    Curves,
    Dial,
    Point,
    Retained,
    SpectrumErrors,
    StoredResiduals,
    ToleranceProtocol,
)
from zoo.cards.front_matter import read_yaml

NOTHING = StoredResiduals(
    fc_asymmetry=0.0,
    asr_violation=0.0,
    translation_violation=0.0,
    space_group_residual=0.0,
    degeneracy_splitting=None,
)


def point(
    crystal: str,
    dial: Dial,
    level: float,
    *,
    seed: int = 0,
    stable: bool = True,
    stable_full: bool = True,
    error: str | None = None,
    sound: bool = True,
) -> Point:
    if error:
        return Point(
            crystal=crystal, dial=dial, level=level, seed=seed, error=error, spectrum=None, relaxation=None, seconds=1.0
        )
    spectrum = SpectrumErrors(
        omega_mae=10 * level,
        omega_bias=0.0,
        omega_max=9.0,
        omega_min=0.0,
        stable=stable,
        sound_stable=sound,
        omega_mae_full=20 * level,
        omega_min_full=0.0,
        stable_full=stable_full,
        sound_stable_full=sound,
        residuals_full=NOTHING,
        residuals_reduced=NOTHING,
        equilibrium_force=0.0,
    )
    relaxation = Retained(
        converged=level < 1e-2,
        steps=20,
        smallest_force=1e-4,
        space_groups=(225, 225 if level < 1e-3 else 1, 1),
        space_group_sound=225,
        error=None,
    )
    return Point(
        crystal=crystal,
        dial=dial,
        level=level,
        seed=seed,
        error=None,
        spectrum=spectrum,
        relaxation=relaxation,
        seconds=1.5,
    )


def curves() -> Curves:
    """A few points of two dials."""
    protocol = read_yaml(PROTOCOL, ToleranceProtocol)
    points = [
        point("MgO", "asymmetry", 0.0),
        point("MgO", "asymmetry", 0.01),
        point("MgO", "asymmetry", 0.1, stable_full=False),
        *(
            point("MgO", "rough", level, seed=seed, stable=level < 1e-3 or seed > 0)
            for level in (1e-4, 1e-3, 1e-2)
            for seed in (0, 1, 2)
        ),
        point("Al", "asymmetry", 0.0, sound=False),
        point("Al", "rough", 1e-4, stable=False, sound=False),
        point("Al", "asymmetry", 0.1, error="λ = 0.1 is out of reach"),
    ]
    return Curves(
        entry="toy@conservative+float64",
        checkpoint_sha256="0" * 64,
        protocol=protocol,
        device="cpu",
        threads=1,
        packages={},
        model_packages={},
        commits=("0" * 40,),
        started="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:04:06Z",
        points=tuple(points),
    )

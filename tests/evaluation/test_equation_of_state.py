"""Birch–Murnaghan fits and Δ against curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.equation_of_state import BirchMurnaghan, NoEquationOfState, delta, fit

RATIOS = np.linspace(0.94, 1.06, 7)

curves = st.builds(
    BirchMurnaghan,
    volume=st.floats(5.0, 60.0),
    energy=st.floats(-15.0, 0.0),
    bulk_modulus=st.floats(0.005, 2.5),
    bulk_modulus_derivative=st.floats(-0.5, 8.0),
    residual=st.just(0.0),
)


@given(curves, st.floats(0.97, 1.03))
def test_a_fit_gives_back_the_curve_it_was_sampled_from(truth: BirchMurnaghan, shift: float) -> None:
    volumes = truth.volume * shift * RATIOS
    found = fit(list(volumes), list(truth.energies(volumes)))
    assert found.volume == pytest.approx(truth.volume, rel=1e-6)
    assert found.energy == pytest.approx(truth.energy, abs=1e-8)
    assert found.bulk_modulus == pytest.approx(truth.bulk_modulus, rel=1e-4)
    assert found.bulk_modulus_derivative == pytest.approx(truth.bulk_modulus_derivative, abs=1e-2)
    assert found.residual < 1e-9


@given(curves, curves)
def test_delta_is_a_symmetric_distance(a: BirchMurnaghan, b: BirchMurnaghan) -> None:
    assert delta(a, a) == 0.0
    assert delta(a, b) == pytest.approx(delta(b, a), rel=1e-9)
    assert delta(a, b) >= 0.0


def test_delta_of_two_codes_as_published() -> None:
    """Silicon, WIEN2k against exciting (both all-electron PBE, Science 351, aad3000, tables S2): well below 1 meV."""
    from ase.units import GPa

    wien2k = BirchMurnaghan(20.4530, 0.0, 88.545 * GPa, 4.31, 0.0)
    shifted = BirchMurnaghan(20.4530 * 1.01, 0.0, 88.545 * GPa, 4.31, 0.0)
    assert delta(wien2k, wien2k) == 0.0
    # for two parabolas of the same stiffness Δ = B0 (ΔV) sqrt(<(V-V0)²>)/V0, with <(V-V0)²> = (0.06 V0)²/3
    expected = 88.545 * GPa * (0.01 * 20.4530) * 0.06 / np.sqrt(3)
    assert delta(wien2k, shifted) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("energies", "told"),
    [
        (-RATIOS, "no energy minimum"),  # a line
        (-((RATIOS - 1.0) ** 2), "no energy minimum"),  # a maximum
        ((RATIOS - 1.4) ** 2, "no energy minimum"),  # a minimum far outside
        (np.full(7, -0.8876), "does not depend on the volume"),  # atoms out of each other's sight
        (-1.0159 + 3e-7 * RATIOS**2, "does not depend on the volume"),  # the same, rounded
        (np.full(7, np.nan), "0 finite energies of 7"),
    ],
)
def test_a_curve_without_a_minimum_has_no_fit(energies: np.ndarray, told: str) -> None:
    with pytest.raises(NoEquationOfState, match=told):
        fit(list(20.0 * RATIOS), list(energies))

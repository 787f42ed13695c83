"""Training series: who differs from whom in what, and exponents that are known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.studies.rotational_error_data import FrameError, RotationalError
from leaderboard.analysis.training_series import Choice, along, beside, exponent, factor, frame_figures, members

PARAMETERS = {"pet-n": 198938, "pet-n16": 198938, "pet-n64": 198938, "pet-n-30k": 30000, "pet-n-6000-steps": 198938}


def test_each_axis_has_the_checkpoints_that_differ_in_it_alone() -> None:
    found = members({**PARAMETERS, "pet-n-seed-2": 198938, "pet-tiny": 198938, "chgnet-0.3.0": 412525})
    assert {member.card for member in found} == {*PARAMETERS, "pet-n-seed-2"}
    assert [m.card for m in along(found, "data", "pet")] == ["pet-n64", "pet-n16", "pet-n"]
    assert [m.card for m in along(found, "steps", "pet")] == ["pet-n-6000-steps", "pet-n"]
    assert [m.card for m in along(found, "parameters", "pet")] == ["pet-n-30k", "pet-n"]
    assert along(found, "data", "sevennet") == []


def test_a_second_seed_and_unrotated_frames_are_held_against_the_usual_training() -> None:
    found = members({**PARAMETERS, "pet-n-seed-2": 198938, "pet-n-unrotated": 198938})
    choices: tuple[tuple[Choice, str], ...] = (("seed", "pet-n-seed-2"), ("rotated", "pet-n-unrotated"))
    for choice, card in choices:
        ((usual, other),) = beside(found, choice)
        assert (usual.card, other.card) == ("pet-n", card)


def test_a_factor_is_that_of_the_means() -> None:
    usual = power(1.0, 1.0)
    found = factor(usual, {sample: 2 * value for sample, value in usual.items()})
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def power(x: float, slope: float, *, seed: int = 0) -> dict[str, float]:
    scatter = np.random.default_rng(seed).lognormal(size=40)
    return {f"s{i}": float(factor * x**slope) for i, factor in enumerate(scatter)}


def test_a_power_law_has_its_exponent() -> None:
    x = [1 / 64, 1 / 16, 1.0]
    exact = exponent(x, [power(each, -0.4) for each in x])
    assert exact is not None
    assert (exact.value, exact.low, exact.high) == pytest.approx((-0.4, -0.4, -0.4))
    noisy = exponent(x, [power(each, -0.4, seed=k) for k, each in enumerate(x)])
    assert noisy is not None
    assert noisy.low < noisy.value < noisy.high
    assert noisy.high - noisy.low > 0.05


def test_only_samples_that_all_have_count() -> None:
    first, second = power(0.5, 1.0), power(1.0, 1.0)
    second.pop("s0")
    found = exponent([0.5, 1.0], [first, second])
    assert found is not None
    assert found.samples == 39
    assert found.value == pytest.approx(1.0)
    assert exponent([0.5, 1.0], [first, {"other": 1.0}]) is None
    assert exponent([1.0, 1.0], [first, first]) is None


def test_what_rounding_makes_of_forces_that_are_zero_by_symmetry_is_no_share() -> None:
    frames = [("real", 0.04, 0.01), ("zero by symmetry", 1e-14, 9e-15)]
    errors = RotationalError(
        entry="sevennet-n@conservative",
        checkpoint_sha256="0" * 64,
        orientations=24,
        frames=tuple(FrameError(sample=s, n_atoms=2, total=total, rotational=part) for s, total, part in frames),
        unanswered=0,
        dataset_sha256="0" * 64,
        version="0",
        commit=None,
        finished="2026-11-28T00:00:00Z",
    )
    assert frame_figures(errors, "share") == {"real": pytest.approx(0.25)}
    assert set(frame_figures(errors, "error")) == {"real", "zero by symmetry"}

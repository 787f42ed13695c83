"""Phonon safety: yes takes every criterion, no takes one, and a limit that the reference itself breaks is none."""

from __future__ import annotations

import pytest

from leaderboard.analysis.phonon_safety import Limit, limits, phonon_safety
from leaderboard.ranking.collect import Entry
from tests.leaderboard.curves import curves
from tests.leaderboard.entries import entry

LAMBDA = Limit("lambda", "force-constant asymmetry λ", "", 0.1, 6, "toy", largest=False, own=None)
NOISE = Limit("force_noise", "white noise", "meV/Å", 0.3, 30, "toy", largest=False, own=2.4)


def constraints(value: float | None, crystals: int = 3) -> Entry:
    rows = [{"sample": f"crystal-{i}", "lambda": value, "force_noise": 4.0} for i in range(crystals)]
    return entry("constraints", "toy", {}, rows=rows)


def phonons(recall: float, dependent: float) -> Entry:
    return entry("phonons", "toy", {"stability_recall": recall, "displacement_dependent": dependent})


@pytest.mark.parametrize(
    ("value", "recall", "dependent", "verdict"),
    [
        (0.05, 0.95, 0.05, "yes"),
        (0.2, 0.95, 0.05, "no"),
        (0.05, 0.8, 0.05, "no"),
        (0.05, 0.95, 0.5, "no"),
        (None, 0.95, 0.05, "not measured"),
    ],
)
def test_every_criterion_counts(value: float | None, recall: float, dependent: float, verdict: str) -> None:
    found = phonon_safety("toy@conservative", [constraints(value), phonons(recall, dependent)], [LAMBDA])
    assert found.verdict == verdict


def test_too_few_crystals_measure_nothing() -> None:
    found = phonon_safety("toy@conservative", [constraints(0.5, crystals=2), phonons(0.95, 0.05)], [LAMBDA])
    assert found.verdict == "not measured"
    assert [each.label for each in found.decisive] == [LAMBDA.label]


def test_a_violation_alone_is_enough_for_a_no() -> None:
    found = phonon_safety("toy@conservative", [constraints(0.5)], [LAMBDA])
    assert found.verdict == "no"
    assert [(each.value, each.n, each.met) for each in found.decisive] == [(0.5, 3, False)]


def test_a_limit_that_the_reference_itself_breaks_is_no_criterion() -> None:
    found = phonon_safety("toy@conservative", [constraints(0.05), phonons(0.95, 0.05)], [LAMBDA, NOISE])
    assert found.verdict == "yes"


def test_without_a_tolerance_curve_there_is_no_verdict() -> None:
    found = phonon_safety("toy@conservative", [constraints(0.5), phonons(0.1, 0.9)], [])
    assert found.verdict == "not measured"


def test_an_earlier_protocol_measures_nothing() -> None:
    stale = entry("phonons", "toy", {"stability_recall": 1.0, "displacement_dependent": 0.0}, stale=("protocol",))
    found = phonon_safety("toy@conservative", [constraints(0.05), stale], [LAMBDA])
    assert found.verdict == "not measured"
    assert {each.source for each in found.decisive} == {"phonons: measured under an earlier protocol"}


def test_limits_are_the_largest_harmless_amplitudes() -> None:
    made = curves()
    found = limits([made], [])
    assert found
    for limit in found:
        assert limit.source == made.entry
        assert limit.own is None
        assert limit.usable

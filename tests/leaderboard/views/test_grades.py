"""Grades: a letter for how far beyond rounding, and none for what was not measured."""

from __future__ import annotations

import pytest

from leaderboard.views.base import Check
from leaderboard.views.grades import grade


@pytest.mark.parametrize(
    ("value", "letter"),
    [
        (0.0, "A"),
        (0.05, "A"),
        (-0.05, "A"),
        (0.0501, "B"),
        (0.5, "B"),
        (-4.9, "C"),
        (49.0, "D"),
        (51.0, "F"),
        (1e9, "F"),
    ],
)
def test_each_letter_is_ten_times_more(value: float, letter: str) -> None:
    assert grade(value, 0.05) == letter


def test_what_was_not_measured_has_no_letter() -> None:
    assert grade(None, 0.05) == "untested"
    assert Check("λ", None, "", None, 0.005, 0.005).grade == "untested"


def test_without_a_threshold_there_is_no_grade() -> None:
    assert Check("loop work", 0.3, "meV/Å", "Si").grade is None

"""How numbers are written."""

from __future__ import annotations

import pytest

from leaderboard import formatting


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.234, 10.5], 2),
        ([0.0123], 3),
        ([153.0, 12.0], 1),
        ([0.5, 4321.0], 1),
        ([123456.0], 0),
        ([None, 0.0], 2),
        ([], 2),
    ],
)
def test_a_column_has_one_number_of_decimals(values: list[float | None], expected: int) -> None:
    assert formatting.decimals(values) == expected


def test_no_number_is_a_dash_and_zero_is_a_number() -> None:
    assert formatting.figure(None, 2) == "–"
    assert formatting.figure(0.0, 2) == "0.00"
    assert formatting.microseconds(None) == "–"
    assert formatting.interval(None, None, 2) == ""


def test_a_tiny_number_is_no_zero() -> None:
    assert formatting.figure(2.54e-6, 3) == "2.5e−6"
    assert formatting.figure(-3.1e-4, 3) == "−3.1e−4"
    assert formatting.figure(6e-4, 3) == "0.001"
    assert formatting.figure(0.0, 3) == "0.000"
    assert formatting.figure(2.54e-6, 1) == "0.0"  # a column of larger numbers


def test_signs_and_groups() -> None:
    assert formatting.figure(-1.25, 1) == "−1.2"
    assert formatting.figure(-0.04, 1) == "0.0"
    assert formatting.interval(-1.0, 2.0, 1) == "[−1.0, 2.0]"
    assert formatting.microseconds(10664.2) == "10\N{NO-BREAK SPACE}664"
    assert formatting.microseconds(1.2345) == "1.23"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(7, "7"), (999, "999"), (412_525, "413 k"), (999_600, "1.00 M"), (1_171_144, "1.17 M"), (25_160_000, "25.2 M")],
)
def test_counts_are_short(number: int, expected: str) -> None:
    assert formatting.count(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0351, "0.0351 s"), (99.0, "99 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, expected: str) -> None:
    assert formatting.duration(seconds) == expected

"""Grades: a letter for the ratio of a violation to the rounding error of single precision.

`A` is within it, each further letter a factor of ten, `F` everything beyond; in double precision too, so that a
violation has one letter whichever arithmetic it was measured in. A grade says how far a constraint is broken, not how
much that affects properties.
"""

from __future__ import annotations

LETTERS = "ABCDF"
STEP = 10.0
"""A letter's upper bound over that of the one before it."""
UNTESTED = "untested"


def grade(value: float | None, threshold: float) -> str:
    """`A` for |value| ≤ threshold, `B` up to ten of it, then `C`, `D` and `F`; `untested` without a value."""
    if value is None:
        return UNTESTED
    bound = threshold
    for letter in LETTERS[:-1]:
        if abs(value) <= bound:
            return letter
        bound *= STEP
    return LETTERS[-1]

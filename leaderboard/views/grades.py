"""Grades: a letter for the ratio of a violation to the threshold of rounding error.

`A` is within the threshold of the entry's arithmetic, each further letter a factor of ten, `F` everything beyond. A
grade tells whether a constraint holds, not how much a violation affects properties.
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

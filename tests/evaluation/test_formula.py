"""What a crystal is called in tables: ASE's reduced formula."""

from __future__ import annotations

import numpy as np
import pytest
from ase.formula import Formula
from ase.symbols import Symbols
from hypothesis import given
from hypothesis import strategies as st

from evaluation.formula import reduced


@given(st.lists(st.integers(0, 118), max_size=12), st.integers(1, 3))
def test_it_is_what_ase_says(numbers: list[int], times: int) -> None:
    expected = str(Formula(str(Symbols(np.array(numbers * times, dtype=int)))).reduce()[0])
    assert reduced(numbers * times) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([8, 1, 1, 8, 1, 1], "OH2"), ([1, 8, 1], "H2O"), ([11, 17, 11, 17], "NaCl"), ([6, 6], "C"), ([], "")],
)
def test_elements_stand_in_the_order_of_their_first_atoms(numbers: list[int], expected: str) -> None:
    assert reduced(np.array(numbers)) == expected

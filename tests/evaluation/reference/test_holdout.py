"""The split between training and evaluation: it may never move, or a model is scored on what it was trained on."""

from __future__ import annotations

import pytest

from evaluation.reference.holdout import held_out, held_out_frame


# computed once with `printf NaCl | sha256sum`, eight digits, modulo ten
@pytest.mark.parametrize(("formula", "digits"), [("NaCl", "dbcd6d34"), ("MgO", "010eaf78"), ("BaTiO3", "30b0506b")])
def test_the_rule_is_the_formulas_hash(formula: str, digits: str) -> None:
    assert held_out(formula) == (int(digits, 16) % 10 == 0)


def test_about_a_tenth_of_all_compounds_is_held_out() -> None:
    formulas = [
        f"{a}{b}{n}" for a in ("Li", "Na", "Mg", "Ti", "Zr") for b in ("O", "S", "Cl", "N") for n in range(2, 52)
    ]
    assert 70 <= sum(map(held_out, formulas)) <= 130


def test_elements_are_split_by_frame() -> None:
    for symbol in ("Si", "O2", "K"):
        assert [index for index in range(25) if held_out_frame(symbol, index)] == [0, 10, 20]
    for formula in ("NaCl", "Li2O"):
        assert {held_out_frame(formula, index) for index in range(25)} == {held_out(formula)}

"""A potential that was loaded by name can be had in its other floating-point type, and with its other force head."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import toy
from zoo.cards.card import Card
from zoo.cards.mode import Mode
from zoo.potential import Potential


def reloadable(folder: Path, card: Card, asked: list[Mode]) -> Potential:
    def reload(mode: Mode) -> Potential:
        asked.append(mode)
        return toy.potential(folder)

    return Potential(toy.worker(folder), card=card, mode=card.default_mode, reload=reload)


@pytest.mark.parametrize("ask", [Potential.in_other_dtype, Potential.in_other_head])
def test_a_potential_that_was_not_loaded_by_name_has_no_other(tmp_path: Path, ask: object) -> None:
    assert callable(ask)
    assert ask(toy.potential(tmp_path)) is None


def test_it_is_loaded_again_in_the_other_mode(tmp_path: Path) -> None:
    asked: list[Mode] = []
    card = toy.card().model_copy(update={"forces": ("conservative", "direct")})
    potential = reloadable(tmp_path, card, asked)
    assert isinstance(potential.in_other_dtype(), Potential)
    assert isinstance(potential.in_other_head(), Potential)
    assert [str(mode) for mode in asked] == ["conservative+float64", "direct"]


def test_a_checkpoint_of_one_dtype_and_head_has_no_other(tmp_path: Path) -> None:
    asked: list[Mode] = []
    card = toy.card().model_copy(update={"dtypes": ("float32",), "forces": ("conservative",)})
    potential = reloadable(tmp_path, card, asked)
    assert (potential.in_other_dtype(), potential.in_other_head(), asked) == (None, None, [])

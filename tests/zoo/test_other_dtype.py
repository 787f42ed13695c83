"""A potential that was loaded by name can be had in its other floating-point type."""

from __future__ import annotations

from pathlib import Path

from tests import toy
from zoo.mode import Dtype
from zoo.potential import Potential


def test_a_potential_that_was_not_loaded_by_name_has_no_other(tmp_path: Path) -> None:
    assert toy.potential(tmp_path).in_other_dtype() is None


def test_it_is_loaded_again_in_the_other_dtype(tmp_path: Path) -> None:
    card = toy.card()
    asked: list[Dtype] = []

    def reload(dtype: Dtype) -> Potential:
        asked.append(dtype)
        return toy.potential(tmp_path)

    found = Potential(toy.worker(tmp_path), card=card, mode=card.default_mode, reload=reload).in_other_dtype()
    assert isinstance(found, Potential)
    assert asked == ["float64"]


def test_a_checkpoint_of_one_dtype_has_no_other(tmp_path: Path) -> None:
    card = toy.card().model_copy(update={"dtypes": ("float32",)})
    potential = Potential(toy.worker(tmp_path), card=card, mode=card.default_mode, reload=lambda dtype: potential)
    assert potential.in_other_dtype() is None

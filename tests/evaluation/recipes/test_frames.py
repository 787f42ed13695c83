"""The frames of a recipe keep away from what the evaluations score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from evaluation.recipes import frames as module
from evaluation.recipes import recipe
from evaluation.recipes.frames import Frame, frames, save
from evaluation.recipes.recipe import Recipe
from evaluation.recipes.reserved import Reserved, reserved
from evaluation.reference.holdout import held_out, reduced_formula

WITHOUT_TEACHER = recipe.load("pet-n").data.model_copy(update={"teacher": None})


@pytest.fixture
def made() -> Recipe:
    source = {"mlearn": recipe.Source(files=("frames",), every=1)}
    data = WITHOUT_TEACHER.model_copy(update={"sources": source})
    return recipe.load("pet-n").model_copy(update={"data": data})


def _labelled(*crystals: Atoms) -> list[tuple[int, Atoms]]:
    for atoms in crystals:
        atoms.calc = EMT()
        atoms.get_potential_energy()
        atoms.get_stress()
    return list(enumerate(crystals))


def test_reserved_structures_are_no_frames(made: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copper, alloy, other = bulk("Cu"), bulk("CuAu", "rocksalt", a=5.0), bulk("AgAu", "rocksalt", a=5.0)
    held = Reserved(formulas=frozenset({"CuAu"}), volumes={"Cu": copper.get_volume()})
    monkeypatch.setattr(module, "reserved", lambda: held)
    monkeypatch.setattr(module, "_read", lambda *_: iter(_labelled(copper, alloy, other)))
    assert {reduced_formula(frame.atoms) for frame in frames(made, tmp_path)} == {"AgAu"}


def test_plus_u_is_left_out(made: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oxide = bulk("NiO", "rocksalt", a=4.2)
    free = Reserved(formulas=frozenset(), volumes={})
    monkeypatch.setattr(module, "reserved", lambda: free)
    monkeypatch.setattr(module, "_read", lambda *_: iter(_labelled(oxide, bulk("Ni"))))
    assert [frame.atoms.get_chemical_formula() for frame in frames(made, tmp_path)] == ["Ni"]


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    found = [Frame(atoms, "emt/metals", "train") for _, atoms in _labelled(bulk("Cu"), bulk("Al", cubic=True))]
    for name in ("a", "b"):
        save(found, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with np.load(tmp_path / "a") as stored:
        assert stored["sizes"].tolist() == [1, 4]


@pytest.mark.data
@pytest.mark.slow
def test_no_dft_frame_of_the_series_is_scored_elsewhere(tmp_path: Path) -> None:
    series = recipe.load("pet-n").model_copy(update={"data": WITHOUT_TEACHER})
    held = reserved()
    for frame in frames(series, tmp_path):
        assert not held.holds(frame.atoms)
        if len(set(frame.atoms.symbols)) > 1:
            assert (frame.part == "test") == held_out(reduced_formula(frame.atoms))

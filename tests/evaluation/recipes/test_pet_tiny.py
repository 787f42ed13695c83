"""The recipe of pet-tiny: what it says is what was done, and the same recipe gives the same weights."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

import zoo
from evaluation.recipes import pet_tiny
from evaluation.recipes.pet_tiny.frames import Part, Recipe, ReferenceFrame, save
from zoo.cards.front_matter import read_yaml
from zoo.runtime import environment

HERE = Path(pet_tiny.__file__).parent
RECIPE = read_yaml(HERE / "recipe.yaml", Recipe)


def test_the_card_shows_the_errors_that_were_measured() -> None:
    measured = json.loads((HERE / "held-out.json").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| .+? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", zoo.get_card("pet-tiny").prose, re.MULTILINE)
    columns = ("frames", "energy", "forces", "direct_forces")
    assert sorted(rows) == sorted(tuple(f"{part[name]:.0f}" for name in columns) for part in measured.values())


def test_the_card_has_the_recipes_numbers() -> None:
    card = zoo.get_card("pet-tiny")
    assert set(card.elements or ()) == set(RECIPE.elements)
    assert card.cutoff == RECIPE.model["cutoff"]
    assert card.trained_datasets == set(RECIPE.sources)


def test_the_log_is_of_the_whole_training() -> None:
    lines = [json.loads(line) for line in (HERE / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    every = RECIPE.training["report_every"]
    assert [line["step"] for line in lines] == list(range(every, RECIPE.training["phases"][-1]["until"] + 1, every))


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in (HERE.parents[2] / "zoo" / "weights").iterdir()) < 3_000_000


@pytest.mark.slow
def test_training_is_repeatable_and_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    python = _python()
    whole, again, killed = (_prepared(tmp_path / name) for name in ("whole", "again", "killed"))
    for folder in (whole, again):
        _fit(python, folder)
    # as soon as its first epoch is stored
    process = subprocess.Popen([python, "-I", HERE / "fit.py", killed], stdout=subprocess.DEVNULL)
    while process.poll() is None and not (killed / "state.pt").exists():
        pass
    process.kill()
    process.wait()
    assert not (killed / "upstream").exists()
    _fit(python, killed)
    results = [(folder / "held-out.json").read_text() for folder in (whole, again, killed)]
    assert results[0] == results[1] == results[2]
    steps = [json.loads(line)["step"] for line in (killed / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40, 50, 60]


def _python() -> Path:
    family = environment.find("pet")
    family.ensure()
    return family.python


def _fit(python: Path, folder: Path) -> None:
    subprocess.run([python, "-I", HERE / "fit.py", folder], check=True, stdout=subprocess.DEVNULL)


def _prepared(folder: Path) -> Path:
    """Twelve frames of copper and aluminium, and a training of a few steps in three phases."""
    folder.mkdir()
    parts: tuple[Part, ...] = ("train", "train", "train", "validation", "test", "test")
    found = []
    for k in range(12):
        atoms: Atoms = bulk(("Cu", "Al")[k % 2], cubic=True)
        atoms.rattle(0.1, rng=np.random.default_rng(k))
        atoms.calc = EMT()
        atoms.get_potential_energy()
        atoms.get_stress()
        found.append(ReferenceFrame(atoms, "emt/metals", parts[k // 2]))
    save(found, folder / "frames.npz")
    everything = ["direct_forces", "energy", "direct_stress", "forces", "stress"]
    phases = [
        {"until": 10, "targets": ["direct_forces"], "forces_above": 0.0, "huber": 5.0},
        {"until": 60, "targets": everything, "forces_above": 0.0, "huber": 0.5},
    ]
    training = {**RECIPE.training, "phases": phases, "report_every": 10, "atoms_per_batch": 8}
    recipe = RECIPE.model_copy(update={"training": training})
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    return folder

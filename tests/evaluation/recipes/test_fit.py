"""The training loop, on a network of two numbers; and the real networks, in their environments (slow)."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from evaluation.recipes import recipe
from evaluation.recipes.frames import Frame, Part, save
from evaluation.recipes.training import FIT
from zoo.runtime import environment

torch = pytest.importorskip("torch")

STEPS = 60


@pytest.fixture(scope="module")
def fit() -> Any:
    from evaluation.recipes import fit as module

    return module


def test_a_smaller_set_is_part_of_a_larger_one_and_has_every_element(fit: Any) -> None:
    rng = np.random.default_rng(1)
    training = rng.random(1000) < 0.9
    elements = rng.random((1000, 12)) < 0.3
    elements[:, 0] = np.arange(1000) == np.flatnonzero(training)[123]
    sets = [fit.thinned(training, elements, one_in=n) for n in (64, 16, 4, 1)]
    for small, large in pairwise(sets):
        assert not (small & ~large).any()
    assert (sets[-1] == training).all()
    assert sets[1].sum() == pytest.approx(training.sum() / 16, abs=2)
    assert elements[sets[0]].any(axis=0).all()


def test_every_frame_is_seen_once_in_an_epoch(fit: Any, tmp_path: Path) -> None:
    frames = _read(fit, tmp_path)["train"]
    seen = [id(frame) for batch in fit.batches(frames, 8, np.random.default_rng(0)) for frame in batch]
    assert sorted(seen) == sorted(map(id, frames))


def test_a_batch_is_rotated_with_its_labels(fit: Any, tmp_path: Path) -> None:
    frames = _read(fit, tmp_path)["train"][:2]
    turns = [fit.rotation(np.random.default_rng(k)) for k in range(2)]
    plain, turned = fit.Batch.of(frames, [torch.eye(3)] * 2), fit.Batch.of(frames, turns)
    for batch in (plain, turned):
        assert batch.labels["stress"].shape == (2, 3, 3)
    rotated = torch.stack([turn @ stress @ turn.T for turn, stress in zip(turns, plain.labels["stress"], strict=True)])
    assert torch.allclose(turned.labels["stress"], rotated, atol=1e-6)
    assert torch.allclose(turned.positions[: len(frames[0])], plain.positions[: len(frames[0])] @ turns[0].T, atol=1e-5)


def test_training_goes_on_in_the_middle_of_an_epoch(fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = _read(fit, tmp_path)
    monkeypatch.setattr(fit, "SAVE_EVERY", 7)
    results = []
    for name, kill in (("whole", None), ("killed", 25)):
        folder = tmp_path / name
        folder.mkdir()
        training = _training(fit, folder)
        if kill:
            with monkeypatch.context() as patch:
                patch.setattr(fit, "tell", _stop_at(kill))
                with pytest.raises(KeyboardInterrupt):
                    training.run(frames)
            training = _training(fit, folder)
            training.resume("cpu")
            assert 0 < training.step < STEPS
        training.run(frames)
        results.append(torch.cat([p.detach().flatten() for p in training.module.parameters()]))
        logged = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
        assert logged == list(range(10, STEPS + 1, 10))
    assert torch.equal(*results)


def test_frames_that_live_on_a_device_make_the_same_batches(fit: Any, tmp_path: Path) -> None:
    from evaluation.recipes.resident import Resident

    frames = _read(fit, tmp_path)["train"]
    join = Resident(frames, fit.Batch, device="cpu")
    chosen = [frames[3], frames[0], frames[2]]
    turns = [fit.rotation(np.random.default_rng(k)) for k in range(3)]
    expected, found = fit.Batch.of(chosen, turns), join(chosen, turns)
    for name in ("centers", "neighbours", "numbers", "owner", "shifts", "sizes"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    for name in ("positions", "cells", "per_atom"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    torch.testing.assert_close(found.labels, expected.labels)


def test_a_training_whose_time_is_up_goes_on_later(fit: Any, tmp_path: Path) -> None:
    frames = _read(fit, tmp_path)
    first = _training(fit, tmp_path)
    learn = first._learn

    def to_step_25(batch: Any) -> Any:
        if first.step == 24:
            first.deadline = 0.0
        return learn(batch)

    first._learn = to_step_25
    assert not first.run(frames)
    later = _training(fit, tmp_path)
    later.resume("cpu")
    assert later.step == 25
    assert later.run(frames)
    assert later.step == STEPS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pet-tiny", "sevennet-n"])
def test_training_is_repeatable_and_goes_on_where_it_was_killed(name: str, tmp_path: Path) -> None:
    family = environment.find(recipe.load(name).network)
    family.ensure()
    whole, again, killed = (_prepared(tmp_path / kind, name) for kind in ("whole", "again", "killed"))
    for folder in (whole, again):
        _fit(family.python, folder)
    # as soon as its first epoch is stored
    command: list[str | Path] = [family.python, "-I", FIT, killed / "frames.npz", killed]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (killed / "state.pt").exists():
        pass
    process.kill()
    process.wait()
    assert not (killed / "upstream").exists()
    _fit(family.python, killed)
    results = [(folder / "held-out.json").read_text() for folder in (whole, again, killed)]
    assert results[0] == results[1] == results[2]
    steps = [json.loads(line)["step"] for line in (killed / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(10, STEPS + 1, 10))


class _Pairs:
    """Energies that are a sum over pairs of a polynomial in the distance: three parameters."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = torch.nn.Linear(3, 1, bias=False)

    def __call__(self, batch: Any, positions: Any, cells: Any) -> dict[str, Any]:
        shifts = torch.einsum("ei,eij->ej", batch.shifts.to(cells.dtype), cells[batch.owner[batch.centers]])
        r = (positions[batch.neighbours] - positions[batch.centers] + shifts).norm(dim=1, keepdim=True)
        pairs = self.module(torch.cat([1 / r, 1 / r**2, 1 / r**4], dim=1))[:, 0]
        return {"energy": torch.zeros(len(cells)).index_add(0, batch.owner[batch.centers], pairs)}


def _training(fit: Any, folder: Path) -> Any:
    return fit.Training(_Pairs(), {"seed": 3, "training": _settings("sevennet-n")}, folder)


def _stop_at(step: int) -> Any:
    def tell(line: dict[str, Any]) -> None:
        if line["step"] >= step:
            raise KeyboardInterrupt

    return tell


def _read(fit: Any, folder: Path) -> dict[str, list[Any]]:
    from ase.neighborlist import primitive_neighbor_list

    def edges(positions: np.ndarray, cell: np.ndarray, cutoff: float) -> Any:
        return primitive_neighbor_list("ijS", (True, True, True), cell, positions, cutoff)

    save(_frames(), folder / "frames.npz")
    parts, _ = fit.read(folder / "frames.npz", edges, cutoff=4.0, one_in=1)
    found: dict[str, list[Any]] = parts
    return found


def _fit(python: Path, folder: Path) -> None:
    subprocess.run([python, "-I", FIT, folder / "frames.npz", folder], check=True, stdout=subprocess.DEVNULL)


def _frames() -> list[Frame]:
    """Twelve frames of copper and aluminium."""
    parts: tuple[Part, ...] = ("train", "train", "train", "validation", "test", "test")
    found = []
    for k in range(12):
        atoms: Atoms = bulk(("Cu", "Al")[k % 2], cubic=True)
        atoms.rattle(0.1, rng=np.random.default_rng(k))
        atoms.calc = EMT()
        atoms.get_potential_energy()
        atoms.get_stress()
        found.append(Frame(atoms, "emt/metals", parts[k // 2]))
    return found


def _settings(name: str) -> dict[str, Any]:
    """A recipe's training in few steps."""
    training = recipe.load(name).training.model_dump(mode="json")
    first, last = training["phases"][0], training["phases"][-1]
    phases = [{**first, "until": 10, "forces_above": 0.0}, {**last, "until": STEPS}]
    return {**training, "phases": phases, "report_every": 10, "atoms_per_batch": 8}


def _prepared(folder: Path, name: str) -> Path:
    folder.mkdir()
    save(_frames(), folder / "frames.npz")
    made = recipe.load(name).model_dump(mode="json")
    (folder / "recipe.json").write_text(json.dumps({**made, "training": _settings(name)}))
    return folder

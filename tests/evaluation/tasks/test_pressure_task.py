"""The pressure task on crystals made here: its samples, known errors at each pressure, and other pressures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa

from evaluation.definitions import pressure as definitions
from evaluation.errors import DatasetUnavailable
from evaluation.outputs import relaxation
from evaluation.record import Record
from evaluation.reference import alexandria_pressure
from evaluation.reference.alexandria_pressure import Compressed
from evaluation.reference.holdout import held_out, reduced_formula
from evaluation.tasks.pressure import TASK, PressureTask
from leaderboard import views
from zoo.batch import Batch, StructureFailure

MODULUS = 1.5
"""eV/Å³."""
PLACES = {"NaCl": 5.65, "MgO": 4.26, "KBr": 6.6}


class Bulk:
    """A solid whose pressure is MODULUS times the relative loss of volume; all atoms feel one small force."""

    def __init__(self, *, unknown: str = "-", broken: str = "-", softer: float = 1.0, force: float = 0.0) -> None:
        self.unknown, self.broken, self.modulus, self.force = unknown, broken, MODULUS * softer, force

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        loss = [1 - a.get_volume() / volume(a) for a in atoms]
        return Batch(
            energies=np.array([self.modulus / 2 * volume(a) * x**2 for a, x in zip(atoms, loss, strict=True)]),
            forces=[np.full((len(a), 3), self.force) * [[1], [-1]] for a in atoms],
            stresses=np.array([-self.modulus * x * np.eye(3) for x in loss]),
            errors=[
                StructureFailure("unsupported", "not that")
                if self.unknown in a.symbols
                else StructureFailure("failed", "it broke")
                if self.broken in a.symbols
                else None
                for a in atoms
            ],
            seconds=1.0,
        )


def volume(atoms: Atoms) -> float:
    """Å³, of the free crystal."""
    return PLACES[reduced_formula(atoms)] ** 3 / 4


@cache
def compressed(pressure_gpa: float) -> tuple[Compressed, ...]:
    found = []
    for formula, a in PLACES.items():
        atoms = bulk(formula, "rocksalt", a=a)
        atoms.set_cell(atoms.cell * (1 - pressure_gpa * GPa / MODULUS) ** (1 / 3), scale_atoms=True)
        stress = -pressure_gpa * GPa * np.array([1.0, 1, 1, 0, 0, 0])
        atoms.calc = SinglePointCalculator(atoms, forces=np.zeros((2, 3)), stress=stress)
        found.append(Compressed(f"agm-{formula}", atoms))
    return tuple(found)


@pytest.fixture(autouse=True)
def crystals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alexandria_pressure, "held_out", compressed)


def records(task: PressureTask = TASK, *, subset: Any = "fast", **options: Any) -> list[Record]:
    return task.run(task.samples(subset), Bulk(**options))


def test_every_crystal_is_there_at_every_pressure() -> None:
    samples = TASK.samples("fast")
    assert [sample.id for sample in samples[:7]] == [
        *(f"{name}/{pressure}-gpa" for name in ("MgO", "NaCl") for pressure in (0, 50, 100)),
        "agm-NaCl/0-gpa",
    ]
    assert len(samples) == 6 + 9
    assert all(sample.held_out and sample.dataset == "alexandria-pressure" for sample in samples[6:])


def test_the_reference_itself_has_no_error() -> None:
    found = records()
    scores = TASK.score(TASK.table(found))
    assert set(scores) == {metric.name for metric in TASK.metrics}
    for metric in TASK.metrics:
        best = metric.best if metric.name != "force_mae" else 0.0
        assert scores[metric.name].value == pytest.approx(best, abs=0.02), metric.name
    assert scores["volume_error"].n == 9
    assert scores["volume_error_100_gpa"].n == 3
    assert all(record.force_calls == len(relaxation.energies(record)) + 1 for record in found)


def test_a_soft_model_is_wrong_under_pressure_alone() -> None:
    scores = TASK.score(TASK.table(records(softer=0.9, force=0.0005)))
    for pressure in (0, 50, 100):
        loss = pressure * GPa / MODULUS
        expected = 100 * (1 - (1 - loss / 0.9) / (1 - loss))
        assert scores[f"volume_error_{pressure}_gpa"].value == pytest.approx(expected, abs=0.05)
        assert scores[f"stress_mae_{pressure}_gpa"].value == pytest.approx(0.1 * pressure / 2, abs=0.01)
        assert scores[f"force_mae_{pressure}_gpa"].value == pytest.approx(0.5, abs=0.01)


def test_another_pressure_takes_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    other = definitions.protocol().model_copy(update={"pressures_gpa": (12.5,), "canary": {}})
    monkeypatch.setattr(definitions, "protocol", lambda: other)
    monkeypatch.setattr(definitions, "metrics", definitions.metrics.__wrapped__)
    task = PressureTask()
    scores = task.score(task.table(records(task)))
    assert scores["volume_error_12_5_gpa"].value == pytest.approx(0.0, abs=0.02)
    assert "volume_error_0_gpa" not in scores
    assert alexandria_pressure.file_of(50.0) == "050-gpa"


def test_failures_cost_and_what_is_unknown_does_not() -> None:
    rows = TASK.table(records(unknown="K", broken="Mg"))
    assert {row["status"] for row in rows if row["crystal"] == "agm-KBr"} == {"unsupported"}
    known = [row for row in rows if row["status"] != "unsupported"]
    scores = TASK.score(known)
    assert (scores["volume_error"].value, scores["volume_error"].n, scores["volume_error"].n_missing) == (None, 6, 3)
    assert (scores["force_mae"].n, scores["force_mae"].n_missing) == (3, 3)


def test_a_panel_for_each_pressure_and_none_for_canaries() -> None:
    view = views.view("pressure")
    assert view is not None
    found = records()
    panels = view.panels(found, TASK.table(found))
    assert [panel.title for panel in panels] == ["0 GPa", "50 GPa", "100 GPa"]
    assert all(panel.datasets and len(panel.datasets["crystals"]) == 3 for panel in panels)
    canary = records(subset="canary")
    assert view.panels(canary, TASK.table(canary)) == []


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("persons_mirror")
def test_alexandrias_stresses_are_the_pressures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    ids = []
    for pressure in (0, 100):
        try:
            found = alexandria_pressure.held_out(pressure)
        except DatasetUnavailable as reason:
            pytest.skip(str(reason).splitlines()[0])
        ids.append([each.id for each in found])
        stresses = np.array([each.atoms.get_stress()[:3].mean() for each in found]) / GPa
        assert stresses.mean() == pytest.approx(-pressure, abs=0.5)
        formulas = {reduced_formula(each.atoms) for each in found if len(set(each.atoms.symbols)) > 1}
        assert all(map(held_out, formulas))
    assert ids[0] == ids[1]
    assert len(ids[0]) > 800

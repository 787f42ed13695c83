"""The diatomics task on Morse curves: its figures, its samples, and what a missing answer costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from evaluation.record import Record
from evaluation.tasks import diatomics as module
from evaluation.tasks.diatomics import TASK
from zoo.batch import Batch, StructureFailure

# two covalent radii, as bonds are
BONDS = {symbol: 2 * float(covalent_radii[atomic_numbers[symbol]]) for symbol in (*TASK.protocol.fast, "K", "Sc")}
DEPTH = 2.0


def energy(symbol: str, r: float) -> float:
    return float(DEPTH * ((1 - np.exp(-1.8 * (r - BONDS.get(symbol, 1.5)))) ** 2 - 1))


def slope(symbol: str, r: float) -> float:
    x = np.exp(-1.8 * (r - BONDS.get(symbol, 1.5)))
    return float(2 * DEPTH * 1.8 * x * (1 - x))


@pytest.fixture(autouse=True)
def reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """PBE is the same Morse curve on 50 distances, but hydrogen is not bound."""
    distances = np.geomspace(0.25, 6.0, 50)
    curves = {s: (distances.tolist(), [energy(s, r) for r in distances]) for s in BONDS}
    curves["H"] = (distances.tolist(), (1 / distances).tolist())
    monkeypatch.setattr(module, "_reference_curves", lambda: curves)


class Morse:
    """A potential of these curves, its bonds too long by a factor; forces may be scaled, elements refused or broken."""

    def __init__(self, *, stretch: float = 1.0, scale: float = 1.0, unknown: str = "", broken: str = "") -> None:
        self.stretch, self.scale, self.unknown, self.broken = stretch, scale, unknown, broken

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        energies, forces, errors = [], [], []
        for a in atoms:
            symbol, r = str(a.symbols[0]), float(a.get_distance(0, 1))
            energies.append(energy(symbol, r / self.stretch))
            pull = slope(symbol, r / self.stretch) / self.stretch * self.scale
            forces.append(np.array([[pull, 0, 0], [-pull, 0, 0]]))
            broke = StructureFailure("failed", "it broke") if symbol == self.broken and r > 4 else None
            errors.append(StructureFailure("unsupported", f"not {symbol}") if symbol == self.unknown else broke)
        return Batch(np.array(energies), forces, None, errors, seconds=1.0)


def records(subset: str = "fast", **options: object) -> list[Record]:
    return TASK.run(TASK.samples(subset), Morse(**options))  # type: ignore[arg-type]


def test_subsets_are_nested() -> None:
    ids = [[sample.id for sample in TASK.samples(subset)] for subset in ("canary", "fast", "full")]
    assert ids[0] == ["He", "Ne", "Ar"]
    assert (len(ids[1]), ids[1][:3]) == (30, ids[0])
    assert ids[2] == [*ids[1], "K", "Sc"]


def test_distances_are_those_of_the_radii() -> None:
    distances = TASK.distances("Cu")
    assert distances[0] == pytest.approx(0.9 * covalent_radii[29])
    assert 3.1 * 2.38 - 0.01 < distances[-1] <= 3.1 * 2.38 + 1e-9  # Alvarez 2013: 2.38 Å
    assert np.diff(distances) == pytest.approx(0.01)
    assert 5.99 < TASK.distances("Rn")[-1] <= 6.0


def test_atoms_stand_at_these_distances_in_the_middle_of_the_box() -> None:
    for sample in TASK.samples("fast"):
        assert sample.atoms.get_distance(0, 1, mic=False) == pytest.approx(TASK.distances(sample.id)[0])
        assert sample.atoms.positions.mean(axis=0) == pytest.approx([20.0] * 3)


def test_the_reference_itself_is_smooth_and_right() -> None:
    rows = TASK.table(records("full"))
    scores = TASK.score(rows)
    assert scores["tortuosity"].value == pytest.approx(1.0, abs=1e-6)
    assert scores["energy_flips"].value == 1.0
    assert scores["force_flips"].value == 1.0
    assert scores["conservation_deviation"].value is not None
    assert scores["conservation_deviation"].value < 0.5
    assert scores["bond_length_error"].value == pytest.approx(0.0, abs=5e-3)
    assert scores["well_depth_error"].value == pytest.approx(0.0, abs=1e-2)
    # without the noble gases of the canary and without hydrogen
    assert (scores["bond_length_error"].n, scores["bond_length_error"].n_missing) == (28, 0)
    assert scores["success"].value == 1.0


def test_known_errors_are_measured() -> None:
    scores = TASK.score(TASK.table(records(stretch=1.02)))
    bonds = [BONDS[symbol] for symbol in TASK.protocol.fast if symbol != "H"]
    assert scores["bond_length_error"].value == pytest.approx(0.02 * np.median(bonds), rel=0.05)
    assert scores["bond_length_error_mean"].value == pytest.approx(0.02 * np.mean(bonds), rel=0.05)
    wrong = TASK.score(TASK.table(records(scale=1.5)))["conservation_deviation"].value
    assert wrong is not None
    assert wrong > 200


def test_scoring_needs_records_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = records("full")
    before = TASK.score(TASK.table(found))
    monkeypatch.setattr(module, "_reference_curves", None)
    assert TASK.score(TASK.table(found)) == before
    assert len(TASK.samples("fast")) == 30
    assert TASK.score(TASK.table(records("canary")))["tortuosity"].n == 3


def test_a_curve_with_gaps_is_a_failure_with_a_reason() -> None:
    found = {record.sample: record for record in records(unknown="Au", broken="Cu")}
    assert found["Au"].status == "unsupported"
    assert found["Cu"].status == "failed"
    assert "distances; at 4." in str(found["Cu"].error)
    scores = TASK.score(TASK.table(list(found.values())))
    # a median counts what failed as worse than any; a mean has no number for it
    for suffix, n in (("", 30), ("_mean", 28)):
        assert (scores[f"tortuosity{suffix}"].n, scores[f"tortuosity{suffix}"].n_missing) == (n, 2)
        assert (scores[f"bond_length_error{suffix}"].n, scores[f"bond_length_error{suffix}"].n_missing) == (n - 4, 2)
    assert scores["success"].value == pytest.approx(28 / 30)

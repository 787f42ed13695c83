"""The orientation task: a sound potential has no spread, a broken one has as much as its dial says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest
from ase import Atoms

from evaluation.errors import DatasetUnavailable
from evaluation.outputs.orientation import runs
from evaluation.physics import phonons
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.tasks.orientation import COLUMNS, TASK, Orientation
from tests.evaluation.pairwise import Pairwise
from zoo.batch import Batch, Computes
from zoo.wrappers.surrogate import Surrogate

Run = Callable[..., Record]


@pytest.fixture(scope="module")
def task() -> Orientation:
    """Three orientations are enough here: upright, turned, turned and inverted."""
    short = Orientation()
    rotations = {name: getattr(TASK.protocol, name)[:1] for name in ("rotations", "rotations_with_inversion")}
    short.__dict__["protocol"] = TASK.protocol.model_copy(update=rotations)
    return short


@pytest.fixture(scope="module")
def run(task: Orientation) -> Run:
    def one(name: str, potential: Computes) -> Record:
        (record,) = task.run([sample for sample in task.samples("fast") if sample.id == name], potential)
        return record

    return one


class Counting(Pairwise):
    """Adds up the atoms that it was asked."""

    atoms = 0

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.atoms += sum(map(len, atoms))
        return super().compute(atoms)


@pytest.fixture(scope="module")
def model() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def records(task: Orientation, model: Counting) -> list[Record]:
    return task.run(task.samples("canary"), model)


def scores(task: Orientation, records: Sequence[Record]) -> dict[str, float | None]:
    return {name: score.value for name, score in task.score(task.table(records)).items()}


def test_a_sound_potential_has_no_spread_and_breaks_what_must_break(task: Orientation, records: list[Record]) -> None:
    found = scores(task, records)
    spreads = {name: value for name, value in found.items() if "spread" in name}
    assert len(spreads) == 6
    assert spreads == pytest.approx(dict.fromkeys(spreads, 0.0), abs=2e-6)
    shares = {name: value for name, value in found.items() if name not in spreads}
    assert shares == dict.fromkeys(shares, 1.0)


def test_rows_have_all_columns(task: Orientation, records: list[Record]) -> None:
    rows = task.table(records)
    assert [row["sample"] for row in rows] == ["Al-bcc", "Si-diamond"]
    for row in rows:
        assert set(row) == {"sample", "status", "error", "expected", *COLUMNS}
    assert rows[0]["omega_min"] == pytest.approx(-3.62, abs=0.01)
    assert rows[0]["depth"] == pytest.approx(-86.9, abs=0.1)  # to the close-packed crystal
    assert rows[1]["omega_max"] == pytest.approx(15.90, abs=0.01)


def test_a_record_survives_json_and_scores_the_same(task: Orientation, records: list[Record]) -> None:
    again = [Record.model_validate(json.loads(record.model_dump_json())) for record in records]
    assert task.table(again) == task.table(records)
    assert all(len(record.model_dump_json()) < 10_000 for record in records)


def test_the_spread_follows_the_dial_and_what_breaks_everything_is_caught(task: Orientation, run: Run) -> None:
    turned = [run("Cu-fcc", Surrogate(Pairwise(), quadrupole=dial)) for dial in (0.01, 0.02)]
    small, large = task.table(turned)
    frequencies, energies = (
        [cast(float, row[name]) for row in (small, large)] for name in ("frequency_spread", "energy_spread")
    )
    assert frequencies[0] > 1e-3
    assert frequencies[1] / frequencies[0] == pytest.approx(2.0, rel=0.1)
    assert energies[1] / energies[0] == pytest.approx(4.0, rel=0.1)  # it relaxes along the field: second order
    assert small["group_strict"] == large["group_strict"] == large["group_loose"] == 0.0
    assert (scores(task, turned[1:])["holds"], large["left"]) == (0.0, 0.0)


def test_a_potential_that_hides_the_instability_is_caught_and_not_for_its_orientation(
    task: Orientation, run: Run
) -> None:
    found = scores(task, [run("Al-bcc", Pairwise(hides=True))])
    assert (found["breaks"], found["breaks_upright"]) == (0.0, 0.0)
    assert found["frequency_spread"] == pytest.approx(0.0, abs=2e-6)
    assert found["verdict_agreement"] == 1.0
    assert found["holds"] is None


def test_one_orientation_without_an_answer_is_wrong_and_no_more(task: Orientation, run: Run) -> None:
    def turned(atoms: Atoms) -> bool:
        """One of three supercells: the upright one is a cube along the axes, the inverted one has x below zero."""
        cell = atoms.cell.array
        return len(atoms) == 32 and abs(cell[0, 1]) > 0.1 and cell[0, 0] > 0

    copper = run("Cu-fcc", Pairwise(fails=turned))
    (row,) = task.table([copper])
    failed = sum(each is None for each in runs(copper))
    assert (copper.status, failed) == ("ok", 1)
    assert row["answers"] == row["control"] == row["group_loose"] == pytest.approx(2 / 3)
    assert row["verdict_agreement"] == row["group_agreement"] == 0.5
    assert row["frequency_spread"] == pytest.approx(0.0, abs=2e-6)
    all_of_them = run("Cu-fcc", Pairwise(fails=lambda atoms: len(atoms) == 32))
    assert all_of_them.status == "failed"
    assert all_of_them.error == "3 of 3 orientations failed, number 0 first: it broke"
    found = scores(task, [all_of_them])
    assert (found["holds"], found["success"], found["frequency_spread"]) == (0.0, 0.0, None)


def test_a_distorted_start_that_fails_costs_the_control_alone(task: Orientation, run: Run) -> None:
    def sheared(atoms: Atoms) -> bool:
        lengths = np.linalg.norm(atoms.cell.array, axis=1)
        return len(atoms) == 1 and float(np.ptp(lengths)) > 0.01

    aluminium = run("Al-bcc", Pairwise(fails=sheared))
    (row,) = task.table([aluminium])
    assert (aluminium.status, row["answers"], row["imaginary"]) == ("ok", 1.0, 1.0)
    assert (row["left"], row["control"], row["depth"]) == (0.0, 0.0, None)


def test_unknown_elements_are_unsupported_and_no_control_is_lost(task: Orientation, run: Run) -> None:
    barium = run("BaTiO3-perovskite", Pairwise())
    assert (barium.status, barium.error) == ("unsupported", "unsupported: not that")
    score = task.score(task.table([barium]))["breaks"]
    assert (score.value, score.n, score.n_missing) == (None, 0, 1)


def test_cost_is_that_of_both_relaxations_and_all_supercells(records: list[Record], model: Counting) -> None:
    silicon, aluminium = records
    assert silicon.atom_calls + aluminium.atom_calls == model.atoms
    relaxing = silicon.force_calls - 3 * 13
    assert relaxing >= 6
    assert silicon.atom_calls == relaxing * 2 + 3 * 13 * 64
    assert aluminium.atom_calls == aluminium.force_calls + 3 * 7 * 15
    assert silicon.seconds == pytest.approx(silicon.force_calls, rel=0.5)


def test_a_canary_and_controls_need_no_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatasetUnavailable("not here")

    monkeypatch.setattr(phonondb, "solids", refuse)
    assert [sample.id for sample in TASK.samples("canary")] == ["Si-diamond", "Al-bcc"]
    assert [sample.subset for sample in TASK.samples("fast")] == ["canary"] * 2 + ["fast"] * 7
    with pytest.raises(DatasetUnavailable):
        TASK.samples("full")


def test_orientations_are_upright_four_turned_and_four_inverted() -> None:
    rotations = TASK.settings.rotations
    assert rotations[0] == pytest.approx(np.eye(3))
    assert np.linalg.det(rotations) == pytest.approx([1] * 5 + [-1] * 4)
    assert np.einsum("nij,nkj->nik", rotations, rotations) == pytest.approx(np.array([np.eye(3)] * 9), abs=1e-12)


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_full_adds_solids_in_their_primitive_cells(persons_mirror: None) -> None:
    try:
        samples = TASK.samples("full")
    except DatasetUnavailable:
        pytest.skip("the data set is not here")
    solids = samples[9:]
    assert len(solids) == TASK.protocol.phonondb
    assert not {sample.id for sample in solids} & set(TASK.protocol.crystals)
    for sample in solids:
        wurtzite = sample.id.endswith("wurtzite")
        assert len(sample.atoms) == (4 if wurtzite else 2)
        crystal = TASK._case(sample.id).crystal
        assert len(phonons.commensurate(crystal)) * len(sample.atoms) == (32 if wurtzite else 64)
        assert len(phonons.supercells(crystal, phonons.full_displacements(crystal, distance=0.03))[0]) == (
            32 if wurtzite else 64
        )

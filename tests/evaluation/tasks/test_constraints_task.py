"""The constraints task: its samples, its records, and figures and verdicts that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from evaluation.metrics.constraints import DETECTORS, FIGURES, asymmetry, verdicts
from evaluation.record import Record
from evaluation.tasks.constraints import TASK, Constraints
from tests.zoo.reference_model import Float32, ReferenceModel
from zoo import example_crystals
from zoo.batch import Array, Batch, StructureFailure

LIMITS = TASK.protocol.thresholds["float64"]


class Refusing(ReferenceModel):
    """Does not know silicon, breaks on copper, and both in words."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        said = {"Si": StructureFailure("unsupported", "not Si"), "Cu": StructureFailure("failed", "it broke")}
        return replace(batch, errors=[said.get(each.get_chemical_symbols()[0]) for each in atoms])


class Exploding(ReferenceModel):
    """ReferenceModel at a crystal; NaN as soon as somebody moves it far."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        forces: list[Array] = [
            np.full_like(found, np.nan) if each.has("momenta") else found
            for each, found in zip(atoms, batch.forces, strict=True)
        ]
        return replace(batch, forces=forces)


@pytest.fixture(scope="module")
def task() -> Constraints:
    """Four steps of dynamics are enough here."""
    short = Constraints()
    short.__dict__["protocol"] = TASK.protocol.model_copy(update={"nve_steps": 10})
    return short


@pytest.fixture(scope="module")
def records(task: Constraints) -> list[Record]:
    return task.run(task.samples("canary"), Float32())


def test_the_canary_needs_no_data_set_and_has_no_symmetry() -> None:
    samples = TASK.samples("canary")
    assert [(sample.id, len(sample.atoms)) for sample in samples] == [("MgO-rocksalt", 8), ("Si", 8), ("Cu", 4)]
    perfect = example_crystals.conventional("mgo-rocksalt")
    assert samples[0].atoms.cell.array != pytest.approx(perfect.cell.array, abs=1e-3)
    assert TASK.samples("canary")[0].atoms == samples[0].atoms
    assert [sample.subset for sample in TASK.samples("fast")] == ["canary"] * 3 + ["fast"] * 6


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_full_has_24_binary_solids_and_8_elements(persons_mirror: None) -> None:
    from evaluation.errors import DatasetUnavailable

    try:
        samples = TASK.samples("full")
    except DatasetUnavailable:
        pytest.skip("the data set is not here")
    assert [len(set(sample.atoms.symbols)) for sample in samples].count(2) == 24
    assert [len(set(sample.atoms.symbols)) for sample in samples].count(1) == 8
    assert len({sample.id for sample in samples}) == 32


def test_a_row_has_every_figure(task: Constraints, records: list[Record]) -> None:
    rows = task.table(records)
    assert [row["sample"] for row in rows] == ["Cu", "MgO-rocksalt", "Si"]
    for row in rows:
        assert set(row) == {"sample", "status", "error", *FIGURES}
        missing = {name for name in FIGURES if row[name] is None}
        assert missing == {"dtype_energy", "dtype_force", "dtype_stress"}  # it runs in one only


def test_scores_are_means_over_crystals(task: Constraints, records: list[Record]) -> None:
    scores = task.score(task.table(records))
    assert set(scores) == {metric.name for metric in task.metrics}
    assert scores["success"].value == 1.0
    rows = task.table(records)
    assert scores["lambda"].value == pytest.approx(np.mean([row["lambda"] for row in rows]))


def test_cost_is_that_of_the_structures(records: list[Record]) -> None:
    for record, n in zip(records, (8, 8, 4), strict=True):
        assert record.atom_calls == record.force_calls * n + n  # one structure is doubled
        assert record.seconds >= 0


def test_failures_are_records(task: Constraints) -> None:
    found = task.run(task.samples("canary"), Refusing())
    assert [record.status for record in found] == ["ok", "unsupported", "failed"]
    rows = task.table(found)
    assert sum(row["lambda"] is None for row in rows) == 2
    scores = task.score(rows)
    assert (scores["lambda"].n, scores["lambda"].n_missing) == (1, 2)
    assert scores["success"].value == pytest.approx(1 / 3)


def test_a_trajectory_that_ends_early_has_no_drift_and_all_else(task: Constraints) -> None:
    (row,) = task.table(task.run(task.samples("canary")[:1], Exploding()))
    assert row["status"] == "ok"
    assert row["nve_drift"] is None
    assert row["lambda"] is not None


def test_the_other_dtype_is_asked_where_it_can_be_had(task: Constraints) -> None:
    class Both(Float32):
        closed = False

        def in_other_dtype(self) -> Both:
            return self

        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            return super().compute(atoms)

        def __enter__(self) -> ReferenceModel:
            return ReferenceModel()

        def __exit__(self, *_: object) -> None:
            self.closed = True

    model = Both()
    (row,) = task.table(task.run(task.samples("canary")[:1], model))
    assert 0.01 < float(str(row["dtype_force"])) < 0.2  # Float32's noise, 2e-5 eV/Å
    assert model.closed


# --- arithmetic -----------------------------------------------------------------------------------------------------

STEPS = (2e-6, 1e-3, 5e-3, 1e-2)


def test_the_three_parts_of_an_asymmetry_are_told_apart() -> None:
    h = np.array(STEPS)
    true, noise, truncation = 0.5, 1e-4, 4e3
    found = asymmetry(STEPS, np.sqrt(true**2 + noise**2 / (4 * h**2) + truncation**2 * h**4).tolist(), [50.0] * 4)
    assert found.extrapolated == pytest.approx(true / 50, rel=1e-6)
    assert found.noise == pytest.approx(noise, rel=1e-6)


def test_noise_alone_extrapolates_to_nothing() -> None:
    found = asymmetry(STEPS, [1e-6 / step for step in STEPS], [50.0] * 4)
    assert found.extrapolated == pytest.approx(0, abs=1e-9)
    assert found.smallest == pytest.approx(2e-6)


def test_no_asymmetry_at_all() -> None:
    assert asymmetry(STEPS, [0.0] * 4, [50.0] * 4).extrapolated == 0.0


def row(**values: float | None) -> dict[str, object]:
    sound = dict.fromkeys((name for names in DETECTORS.values() for name in names), 0.0)
    return {"sample": "MgO", **sound, **values}


def test_one_bad_crystal_refutes() -> None:
    found = verdicts([row(), row(gradient_ratio=0.02)], claims={"conservative": True}, limits=LIMITS)
    statuses = {each.claim: (each.status, each.claimed, each.false_label) for each in found}
    assert statuses["conservative"] == ("refuted", True, True)
    assert statuses["rotation"] == ("confirmed", None, False)


def test_nothing_measured_is_untested() -> None:
    empty = {name: None for names in DETECTORS.values() for name in names}
    for rows in ([], [row(**empty)]):
        assert {each.status for each in verdicts(rows, claims={}, limits=LIMITS)} == {"untested"}


def test_no_stress_does_not_stop_a_verdict() -> None:
    (rotation, *_) = verdicts([row(rotation_stress=None)], claims={}, limits=LIMITS)
    assert rotation.status == "confirmed"
    assert rotation.detectors[-1].value is None


def test_a_learned_symmetry_is_refuted_as_exact_and_no_false_label() -> None:
    (_, inversion, _) = verdicts([row(inversion_force=0.1)], claims={"inversion": False}, limits=LIMITS)
    assert (inversion.status, inversion.false_label) == ("refuted", False)


def test_every_detector_has_a_threshold_in_both_dtypes() -> None:
    for limits in TASK.protocol.thresholds.values():
        assert set(limits) == {name for names in DETECTORS.values() for name in names}

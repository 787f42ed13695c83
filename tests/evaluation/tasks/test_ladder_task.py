"""The ladder task: its samples, its records, what a step costs, and scores that need no model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from ase import Atoms
from pydantic import JsonValue

from evaluation.definitions.ladder import LABELS, METRICS
from evaluation.errors import DatasetUnavailable
from evaluation.metrics.mitigation import RESIDUALS, column
from evaluation.outputs import mitigation as stored
from evaluation.outputs.quantized_array import unpack
from evaluation.physics import mitigation
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.task import Row
from evaluation.tasks.ladder import FIGURES, TASK
from tests.evaluation.solids import solid
from tests.evaluation.springs import Springs
from tests.evaluation.two_heads import TwoHeaded
from zoo.batch import Batch, StructureFailure


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """The protocol with supercells of 8 atoms, so that the tests take seconds."""
    protocol = TASK.protocol.model_copy(update={"canary_supercell": 1, "canary_mesh": 5})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASK.__dict__, "protocol", protocol)
        yield


@pytest.fixture(scope="module")
def record(small: None) -> Record:
    (found,) = TASK.run(TASK.samples("canary")[:1], TwoHeaded("direct", quadrupole=0.3))
    return found


@pytest.fixture
def compared(record: Record, monkeypatch: pytest.MonkeyPatch) -> Record:
    """The record of a crystal whose spectrum in PBE is what the sound head says."""
    sound = unpack(cast("dict[str, Row]", record.outputs["rungs"])["head"]["frequencies"])  # type: ignore[arg-type]
    spectrum = phonondb.Spectrum(*TASK._mesh("MgO"), sound)
    made = solid("ref", structure="rocksalt")
    monkeypatch.setattr(phonondb, "spectra", lambda: {"ref": spectrum})
    monkeypatch.setattr(phonondb, "solids", lambda: {"ref": made})
    return record.model_copy(update={"sample": "ref"})


def test_the_canary_needs_no_data_set(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatasetUnavailable("not here")

    monkeypatch.setattr(phonondb, "solids", refuse)
    monkeypatch.setattr(phonondb, "spectra", refuse)
    assert [sample.id for sample in TASK.samples("canary")] == ["MgO", "Si"]
    with pytest.raises(DatasetUnavailable):
        TASK.samples("fast")
    scores = TASK.score(TASK.table([record]))
    assert set(scores) == {metric.name for metric in METRICS}
    # no reference to meet, and none that is missing
    assert (scores["remedied_mae"].value, scores["remedied_mae"].n, scores["remedied_mae"].n_missing) == (None, 0, 0)
    assert scores["success"].value == 1.0


def test_every_rung_has_a_name_and_every_crystal_a_tier() -> None:
    protocol = TASK.protocol
    assert tuple(LABELS) == tuple(step.name for step in mitigation.STEPS)
    assert set(protocol.averaged_more) <= set(protocol.fast)
    assert {*protocol.averaging, *protocol.more_averaging} == set(mitigation.AVERAGINGS)
    assert TASK._averagings("NaBr-rocksalt") == ("o3-3", "o3-3-inversion", "o3-5", "o3-7")
    assert TASK._averagings("ZnO-wurtzite") == TASK._averagings("MgO") == ("o3-3",)


def test_a_record_survives_json_and_can_be_analysed_again(record: Record) -> None:
    read = Record.model_validate(json.loads(record.model_dump_json()))
    assert read == record
    again, stored = (cast("dict[str, dict[str, Row]]", found) for found in (TASK.analysed(read), read.outputs["rungs"]))
    assert set(again) == set(stored)
    for name, step in stored.items():
        assert set(again[name]) == set(step)
        for when in {"before", "after"} & set(step):  # BLAS is free to sum in another order
            assert again[name][when] == pytest.approx(step[when], abs=1e-9)
        if "frequencies" in step:
            found, was = (unpack(cast("JsonValue", each["frequencies"])) for each in (again[name], step))
            assert np.abs(found - was).max() < 2e-5
    assert len(record.model_dump_json()) < 40_000


def test_a_row_has_all_columns_and_none_for_what_was_not_reached(record: Record) -> None:
    (row,) = TASK.table([record])
    assert {column(step, figure) for step in LABELS for figure in FIGURES} <= set(row)
    assert all(row[column("o3_7", figure)] is None for figure in FIGURES)
    reached = cast("dict[str, Row]", record.outputs["rungs"])
    assert reached["o3_7"] == {"unavailable": "the protocol keeps it for other crystals"}
    assert row["own_best"] == "head"
    assert row["head_own_mae"] is None
    # the quadrupole is hidden by the usual workflow, not by 6N displacements, and averaging removes it
    assert cast(float, row["usual_own_mae"]) > 0.1
    assert cast(float, row["o3_3_own_mae"]) < 1e-4
    assert cast(float, row["space_group_residual"]) > 0.01
    assert cast(float, row["space_group_residual_shown"]) < 1e-4
    for name in RESIDUALS:
        assert row[name] == row[f"symmetric_all_displaced_{name}_before"]


def test_a_rung_costs_what_it_would_alone(record: Record) -> None:
    (row,) = TASK.table([record])
    places = cast("dict[str, dict[str, int]]", record.outputs["geometries"])
    steps = {name: place["force_calls"] for name, place in places.items()}
    # two atoms are relaxed, 8 are displaced; rocksalt wants two displacements, four with both signs, twelve in all
    assert row["symmetric_raw_cost"] == pytest.approx(steps["symmetric"] / 4 + 2)
    assert (
        row["symmetric_projector_cost"] == row["symmetric_plus_minus_cost"] == pytest.approx(steps["symmetric"] / 4 + 4)
    )
    assert row["symmetric_all_displaced_cost"] == pytest.approx(steps["symmetric"] / 4 + 12)
    assert row["o3_3_cost"] == pytest.approx(steps["symmetric/o3-3"] / 4 + 84)
    assert row["o3_3_force_calls"] == steps["symmetric/o3-3"] + 84
    assert steps["symmetric/o3-3"] % 42 == 0
    assert row["other_head_time"] == pytest.approx(2.0)  # the other head is twice as slow
    assert row["head_constants_cost"] == pytest.approx(steps["symmetric"] / 4 + 2 * 2)
    assert row["head_constants_seconds"] == pytest.approx(steps["symmetric"] + 2 * 2)


def test_the_cost_of_the_record_is_that_of_the_entry(record: Record) -> None:
    places = cast("dict[str, dict[str, int]]", record.outputs["geometries"])
    relaxing = sum(place["force_calls"] for name, place in places.items() if not name.endswith("other"))
    free = cast("dict[str, dict[str, dict[str, dict[str, list[int]]]]]", record.outputs["geometries"])["free"]
    displacing = len(free["forces"]["own"]["rows"]) + 12 + 84
    assert record.force_calls == relaxing + displacing
    assert record.atom_calls == relaxing * 2 + displacing * 8
    assert record.seconds == pytest.approx(record.force_calls)  # springs take a second for each, wherever they are


def test_the_recommended_rung_is_the_cheapest_that_is_right(compared: Record) -> None:
    (row,) = TASK.table([compared])
    assert cast(float, row["usual_mae"]) > 0.1
    assert cast(float, row["o3_3_frequency_mae"]) < 1e-4
    assert cast(float, row["o3_3_cost"]) > 40
    # both ways to the other head are right, and this one relaxes with the quicker one
    assert cast(float, row["head_frequency_mae"]) < 1e-4
    assert row["recommended"] == "head_constants"
    assert cast(float, row["remedied_mae"]) < 1e-4
    assert row["remedied_cost"] == row["head_constants_cost"]
    assert row["usual_loss"] == pytest.approx(cast(float, row["usual_mae"]) - cast(float, row["remedied_mae"]))
    scores = TASK.score([row])
    assert scores["remedied_mae"].n == 1
    assert scores["remedied_stable"].value == 1.0
    assert scores["symmetry_kept"].value == 0.0  # left alone, it stretches along the axis of the quadrupole


def test_failures_are_records_and_steps() -> None:
    class Breaking(Springs):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            batch = super().compute(atoms)
            broken = [
                StructureFailure("failed", "it broke") if each.numbers[0] == 14 and len(each) > 2 else None
                for each in atoms
            ]
            return replace(batch, errors=[old or new for old, new in zip(batch.errors, broken, strict=True)])

    unknown, broken = TASK.run(TASK.samples("canary"), Breaking(refused=["MgO"]))
    assert (unknown.status, unknown.error) == ("unsupported", "unsupported: not this")
    assert (broken.status, broken.error) == ("failed", "it broke")
    assert broken.force_calls > 0
    rows = TASK.table([unknown, broken])
    scores = TASK.score(rows)
    assert scores["success"].value == scores["raw_stable"].value == 0.0
    assert (scores["fc_asymmetry"].value, scores["fc_asymmetry"].n_missing) == (None, 2)


def test_one_place_that_fails_leaves_the_others(record: Record) -> None:
    outputs = json.loads(json.dumps(record.outputs))
    outputs["geometries"]["free"] = {**outputs["geometries"]["free"], "error": "the cell ran away"}
    qpoints, _ = TASK._mesh("MgO")
    analysis = mitigation.Analysis(TASK._crystal("MgO"), qpoints=qpoints)
    found = cast("dict[str, Row]", stored.steps(outputs, analysis, symprec=1e-5))
    assert found["raw"] == found["all_displaced"] == {"error": "the cell ran away"}
    assert "frequencies" in found["symmetric_raw"]
    (row,) = TASK.table([record.model_copy(update={"outputs": {**outputs, "rungs": found}})])
    assert (row["raw_mae"], row["raw_stable"], row["success"]) == (None, None, 1.0)


def test_without_another_head_the_highest_average_is_the_best(record: Record) -> None:
    steps = cast("dict[str, Row]", record.outputs["rungs"])
    left = {name: step for name, step in steps.items() if not name.startswith("head")}
    (row,) = TASK.table([record.model_copy(update={"outputs": {**record.outputs, "rungs": left}})])
    assert row["own_best"] == "o3_3"
    assert row["o3_3_own_mae"] is None
    assert np.isfinite(cast(float, row["usual_own_mae"]))
    assert row["other_head_time"] is None


def test_no_figure_of_a_rung_bears_another_metrics_name() -> None:
    figures = {column(step, figure) for step in LABELS for figure in FIGURES}
    assert len(figures) == len(LABELS) * len(FIGURES)
    same = {"raw_stable", "usual_stable", "usual_own_mae"}  # these metrics are means of a step's own figure
    assert figures & {metric.name for metric in METRICS} == same

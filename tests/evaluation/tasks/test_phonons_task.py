"""The phonons task: its samples, its records, and scores that need no model and no data set for the canary."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evaluation.errors import DatasetUnavailable
from evaluation.outputs.phonons import spectrum, structure
from evaluation.outputs.quantized_array import pack, unpack
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.tasks import phonons
from evaluation.tasks.phonons import TASK
from tests.evaluation.solids import solid
from tests.evaluation.springs import Springs
from zoo.wrappers.o3_average import O3Average


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return TASK.run(TASK.samples("canary"), Springs())


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set is not to be had."""

    def refuse() -> None:
        raise DatasetUnavailable("not here")

    monkeypatch.setattr(phonondb, "solids", refuse)
    monkeypatch.setattr(phonondb, "spectra", refuse)


@pytest.fixture
def reference(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> dict[str, phonondb.Spectrum]:
    """The canary's own spectra as those of PBE, under other names."""
    found = {f"{record.sample}-ref": spectrum(record) for record in records}
    monkeypatch.setattr(phonondb, "spectra", lambda: found)
    cells = {name: TASK._crystal(name.removesuffix("-ref")) for name in found}
    solids = {name: solid(name, structure="rocksalt", crystal=crystal) for name, crystal in cells.items()}
    monkeypatch.setattr(phonondb, "solids", lambda: solids)
    return found


def renamed(record: Record, **outputs: object) -> Record:
    return record.model_copy(update={"sample": f"{record.sample}-ref", "outputs": {**record.outputs, **outputs}})


@pytest.mark.usefixtures("no_data")
def test_the_canary_needs_no_data_set(records: list[Record]) -> None:
    assert [record.sample for record in records] == ["MgO", "Si", "NaCl", "Cu"]
    assert {record.status for record in records} == {"ok"}
    scores = TASK.score(TASK.table(records))
    assert set(scores) == {metric.name for metric in TASK.metrics}
    assert (scores["frequency_mae"].value, scores["frequency_mae"].n) == (None, 0)
    assert scores["frequency_mae"].n_missing == 0  # these crystals have no reference to miss
    assert scores["success"].value == scores["symmetry_tax"].value == 1.0
    assert scores["fc_asymmetry"].n == 4
    with pytest.raises(DatasetUnavailable):
        TASK.samples("fast")


def test_a_record_survives_json_and_can_be_analysed_again(records: list[Record]) -> None:
    record = Record.model_validate(json.loads(records[0].model_dump_json()))
    assert record == records[0]
    again, stored = TASK.analysed(record), record.outputs
    assert np.abs(again.frequencies - unpack(stored["frequencies"])).max() < 1e-6
    assert again.full.fc_asymmetry == pytest.approx(stored["residuals_full"]["fc_asymmetry"])  # type: ignore[index,call-overload]
    assert structure(record).get_volume() == pytest.approx(4.21**3, rel=1e-4)
    assert len(record.model_dump_json()) < 60_000


def test_a_perfect_model_scores_perfectly(records: list[Record], reference: dict[str, phonondb.Spectrum]) -> None:
    scores = TASK.score(TASK.table([renamed(record) for record in records]))
    for name in (
        "frequency_mae",
        "frequency_mae_mean",
        "omega_max_mae",
        "dos_w1",
        "heat_capacity_mae",
        "entropy_mae",
        "free_energy_mae_kj",
    ):
        assert scores[name].value == pytest.approx(0.0, abs=1e-9)
        assert scores[name].n == 4
    for name in ("stability_f1", "strict_stability_recall", "stability_precision"):
        assert scores[name].value == 1.0


def test_a_soft_model_is_soft(records: list[Record], reference: dict[str, phonondb.Spectrum]) -> None:
    soft = [renamed(record, frequencies=pack(0.9 * spectrum(record).frequencies, quantum=1e-6)) for record in records]
    rows = TASK.table(soft)
    for row in rows:
        assert row["frequency_bias"] == pytest.approx(-row["frequency_mae"])  # type: ignore[operator]
        assert row["omega_max_pred"] == pytest.approx(0.9 * row["omega_max_ref"], rel=1e-5)  # type: ignore[operator]
        assert row["entropy_error"] > 0  # type: ignore[operator]


def test_instability_and_failure_cost_recall(records: list[Record], reference: dict[str, phonondb.Spectrum]) -> None:
    unstable = spectrum(records[0]).frequencies
    unstable[1, 0] = -0.5
    failed = Record(sample="Cu-ref", status="failed", error="it broke")
    found = [
        renamed(records[0], frequencies=pack(unstable, quantum=1e-6)),
        *(renamed(record) for record in records[1:3]),
        failed,
    ]
    scores = TASK.score(TASK.table(found))
    assert scores["stability_recall"].value == pytest.approx(0.5)
    assert scores["stability_precision"].value == 1.0
    assert scores["stability_f1"].value == pytest.approx(2 * 2 / (2 + 4))
    assert (scores["frequency_mae"].n, scores["frequency_mae"].n_missing) == (4, 1)
    assert (scores["frequency_mae_mean"].n, scores["frequency_mae_mean"].n_missing) == (3, 1)
    assert (scores["entropy_mae"].n, scores["entropy_mae"].n_missing) == (2, 2)
    assert scores["success"].value == pytest.approx(0.75)


def test_other_q_points_are_refused(records: list[Record], reference: dict[str, phonondb.Spectrum]) -> None:
    moved = spectrum(records[0]).qpoints[::-1]
    with pytest.raises(ValueError, match="q points are not the reference's"):
        TASK.table([renamed(records[0], qpoints=pack(moved, quantum=1e-9))])


def test_failures_are_records() -> None:
    found = TASK.run(TASK.samples("canary"), Springs(refused=["NaCl"], blind=["Si"]))
    assert [record.status for record in found] == ["ok", "failed", "unsupported", "ok"]
    assert found[1].error == "it broke"
    assert found[1].force_calls > 0
    rows = TASK.table(found)
    assert [row["fc_asymmetry"] is None for row in rows] == [False, False, True, True]


def test_cost_is_that_of_relaxation_and_supercells(records: list[Record]) -> None:
    mgo = records[0]
    relaxing = mgo.force_calls - 13 - 2  # the perfect supercell, ± of two atoms along three axes; one of each atom
    assert relaxing >= 1
    assert mgo.atom_calls == relaxing * 8 + 15 * 64
    # Springs take a second per structure; the stream's seconds are shared by atoms
    assert sum(record.seconds for record in records) == pytest.approx(sum(record.force_calls for record in records))


def test_an_average_costs_all_its_evaluations() -> None:
    (copper,) = TASK.run(TASK.samples("canary")[3:], O3Average(Springs(), l_max=1))
    single = TASK.run(TASK.samples("canary")[3:], Springs())[0]
    assert copper.status == "ok"
    assert copper.force_calls % single.force_calls == 0
    assert copper.force_calls > single.force_calls


def test_records_of_version_1_become_those_of_version_2(records: list[Record]) -> None:
    older = [
        record.model_copy(update={"outputs": {k: v for k, v in record.outputs.items() if not k.startswith("second_")}})
        for record in records
    ]
    assert [row["frequency_change"] for row in TASK.table(older)] == [None] * 4
    found = TASK.extend(older, Springs())
    assert [record.outputs for record in found] == [record.outputs for record in records]
    again = [now.force_calls - before.force_calls for now, before in zip(found, older, strict=True)]
    assert again == [len(record.outputs["second_displaced_atoms"]) for record in records]  # type: ignore[arg-type]


def test_a_crystal_without_its_second_displacement_has_failed(records: list[Record]) -> None:
    found = TASK.extend(records, Springs(blind=["Si"]))
    assert [record.status for record in found] == ["ok", "failed", "ok", "ok"]


def test_frequencies_that_depend_on_the_displacement_are_flagged(
    records: list[Record], reference: dict[str, phonondb.Spectrum]
) -> None:
    second = unpack(records[0].outputs["second_frequencies"])
    assert np.abs(second - spectrum(records[0]).frequencies).max() < 0.05  # springs between neighbours: almost harmonic
    softer = pack(0.9 * second, quantum=1e-6)
    found = [renamed(records[0], second_frequencies=softer), *(renamed(record) for record in records[1:])]
    rows = {str(row["sample"]): row for row in TASK.table(found)}
    assert [row["displacement_dependent"] for row in rows.values()] == [name == "MgO-ref" for name in rows]
    assert rows["MgO-ref"]["frequency_mae_second"] == pytest.approx(rows["MgO-ref"]["frequency_change"], abs=0.01)
    scores = TASK.score(list(rows.values()))
    assert scores["displacement_dependent"].value == pytest.approx(0.25)
    assert scores["frequency_mae"].value == pytest.approx(0.0, abs=1e-9)


def test_what_the_metrics_say_of_displacements_is_the_protocols() -> None:
    said = {metric.name: f"{metric.label} {metric.doc}" for metric in TASK.metrics}
    first, second = TASK.protocol.displacement, TASK.protocol.second_displacement
    assert f"{second:g} Å" in said["frequency_mae_second"]
    for name in ("frequency_change", "displacement_dependent"):
        assert f"{first:g} and {second:g} Å" in said[name]
    assert f"{TASK.protocol.change_flagged:g} THz" in said["displacement_dependent"]


def test_packed_numbers_come_back() -> None:
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    assert np.abs(unpack(pack(array, quantum=1e-6)) - array).max() <= 0.5e-6 * (1 + 1e-9)
    for wrong in (np.nan, np.inf, 1e6):
        with pytest.raises(ValueError, match="cannot be packed"):
            pack(np.array([wrong]), quantum=1e-6)


def test_residual_names_are_the_physics() -> None:
    from dataclasses import fields

    from evaluation.physics.force_constants import Residuals

    assert tuple(field.name for field in fields(Residuals)) == phonons.RESIDUALS


def test_what_led_to_no_number_has_failed_and_gets_no_second_displacement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phonons, "_analysis", lambda _: {"fc_asymmetry": float("inf")})
    found = TASK.run(TASK.samples("canary"), Springs())
    assert {record.status for record in found} == {"failed"}
    assert {record.error for record in found} == {"the model led to no number: fc_asymmetry"}

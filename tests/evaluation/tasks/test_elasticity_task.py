"""The elasticity task: subsets, records that are enough, and what failures and instabilities cost."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.units import GPa

from evaluation.definitions.elasticity import METRICS
from evaluation.errors import DatasetUnavailable
from evaluation.harness.store import chunks
from evaluation.outputs.elasticity import tensor
from evaluation.record import Record
from evaluation.reference.dataset import load
from evaluation.subset import SUBSETS
from evaluation.task import Sample
from evaluation.tasks import elasticity
from evaluation.tasks.elasticity import TASK
from leaderboard.views.elasticity import VIEW
from tests.evaluation.fcc_springs import STIFFNESS, Springs

A = 4.0
EXACT = {"K": 4 / 3 * STIFFNESS / A / GPa, "C44": STIFFNESS / A / GPa}
"""Of the crystal of springs, GPa."""


def sample(symbol: str, *, k: float = 100.0, g: float = 50.0) -> Sample:
    return Sample(symbol, bulk(symbol, "fcc", a=A), "fast", {"k_ref_gpa": k, "g_ref_gpa": g})


SAMPLES = [sample("Ag"), sample("Au", k=EXACT["K"]), sample("Ni"), sample("Pb")]


def rows_of(potential: Any) -> dict[str, Any]:
    records = TASK.run(SAMPLES, potential)
    assert [record.sample for record in records] == ["Ag", "Au", "Ni", "Pb"]
    stored = [Record.model_validate_json(record.model_dump_json()) for record in records]
    return {str(row["sample"]): row for row in TASK.table(stored)}


def test_a_known_crystal_has_its_moduli_and_errors() -> None:
    rows = rows_of(Springs(A / np.sqrt(2)))
    assert rows["Ag"]["k_pred_gpa"] == pytest.approx(EXACT["K"], rel=2e-3)
    assert rows["Ag"]["k_error"] == pytest.approx(abs(EXACT["K"] - 100), rel=5e-3)
    assert rows["Au"]["k_error"] < 0.3
    voigt = (EXACT["C44"] + 3 * EXACT["C44"]) / 5
    reuss = 5 * EXACT["C44"] ** 2 / (4 * EXACT["C44"] + 3 * EXACT["C44"])
    assert rows["Ag"]["g_pred_gpa"] == pytest.approx((voigt + reuss) / 2, rel=5e-3)
    assert rows["Ag"]["formula"] == "Ag"
    assert all(row["stable"] and row["converged"] and row["error"] is None for row in rows.values())
    scores = TASK.score(list(rows.values()))
    assert set(scores) == {metric.name for metric in METRICS}
    errors = [row["k_error"] for row in rows.values()]
    assert scores["k_error"].value == pytest.approx(np.median(errors))
    assert scores["k_error_mean"].value == pytest.approx(np.mean(errors))
    assert all(row["linear"] and row["k_spread"] < 1 for row in rows.values())
    assert rows["Ag"]["k_small_gpa"] == pytest.approx(rows["Ag"]["k_large_gpa"], rel=0.01)
    assert scores["asymmetry"].value == pytest.approx(0, abs=0.05)
    assert (scores["stable"].value, scores["converged"].value) == (1.0, 1.0)


def test_a_stress_without_an_energy_is_seen() -> None:
    rows = rows_of(Springs(A / np.sqrt(2), twist=0.05))
    crooked = np.zeros((6, 6))
    crooked[0, 1], crooked[1, 0] = 0.05, -0.05
    kelvin = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]]) * STIFFNESS / A
    kelvin[0, 1] += 0.05
    length = np.sqrt((kelvin**2).sum() + 3 * (2 * STIFFNESS / A) ** 2)
    assert rows["Ni"]["asymmetry"] == pytest.approx(100 * np.linalg.norm(crooked) / length, rel=0.02)


def test_failures_are_counted_and_never_numbers() -> None:
    rows = rows_of(Springs(A / np.sqrt(2), broken=["Ag"], unknown=["Pb"]))
    assert Counter(row["status"] for row in rows.values()) == {"ok": 2, "failed": 1, "unsupported": 1}
    assert rows["Ag"]["error"] == "it broke"
    scores = TASK.score(list(rows.values()))
    assert (scores["k_error"].n, scores["k_error"].n_missing) == (4, 2)
    assert (scores["k_error_mean"].n, scores["k_error_mean"].n_missing) == (2, 2)
    assert (scores["stable"].value, scores["converged"].value) == (0.5, 0.5)
    nothing = TASK.score(list(rows_of(Springs(A / np.sqrt(2), broken=["Ag", "Au", "Ni", "Pb"])).values()))
    assert (nothing["k_error"].value, nothing["k_error"].n_missing) == (None, 4)
    assert nothing["stable"].value == 0.0


def test_without_stress_it_is_unsupported() -> None:
    rows = rows_of(Springs(A / np.sqrt(2), stress=False))
    assert {row["status"] for row in rows.values()} == {"unsupported"}
    assert "no stress" in rows["Ni"]["error"]


def test_an_unstable_crystal_has_no_moduli_and_says_so() -> None:
    (record,) = TASK.run(SAMPLES[:1], Springs(A / np.sqrt(2)))
    stresses = np.array(record.outputs["stresses"])
    stresses[:, 3] *= -1
    soft = record.model_copy(update={"outputs": {**record.outputs, "stresses": stresses.tolist()}})
    (row,) = TASK.table([soft])
    assert (row["stable"], row["k_pred_gpa"], row["k_error"]) == (False, None, None)
    assert str(row["error"]).startswith("mechanically unstable")
    scores = TASK.score([row])
    assert (scores["k_error"].n_missing, scores["stable"].value) == (1, 0.0)
    assert scores["asymmetry"].n == 1


def test_canaries_run_without_data_or_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticity, "_crystals", lambda: pytest.fail("the canary subset needs no data"))
    canaries = TASK.samples("canary")
    assert [each.id for each in canaries] == ["MgO", "Si", "Cu", "Al"]
    copper = [each for each in canaries if each.id == "Cu"]
    rows = TASK.table(TASK.run(copper, Springs(3.6293 / np.sqrt(2))))
    scores = TASK.score(rows)
    assert (scores["k_error"].n, scores["k_error"].n_missing) == (0, 0)
    assert scores["stable"].value == 1.0
    assert [panel.datasets for panel in VIEW.panels([], rows)] == [None, None]


def test_cost_is_all_of_it() -> None:
    records = TASK.run(SAMPLES, Springs(A / np.sqrt(2)))
    assert [record.force_calls for record in records] == [25] * 4
    assert [record.atom_calls for record in records] == [25] * 4
    assert sum(record.seconds for record in records) == pytest.approx(2.0)


def test_records_are_plain_and_hold_the_raw_tensor() -> None:
    (record,) = TASK.run(SAMPLES[:1], Springs(A / np.sqrt(2)))
    json.dumps(record.outputs, allow_nan=False)
    assert tensor(record).tensor[3, 3] == pytest.approx(EXACT["C44"], rel=5e-3)


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_subsets_share_chunks_and_fast_cells_are_small() -> None:
    try:
        canary, fast, full = (TASK.samples(subset) for subset in SUBSETS)
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert (len(canary), len(fast), len(full)) == (4, 124, 4 + load("mp-elasticity").n)
    assert len({each.id for each in full}) == len(full)
    assert max(len(each.atoms) for each in fast) <= TASK.protocol.fast_atoms
    size = TASK.protocol.samples_per_chunk
    plans = [chunks(samples, size) for samples in (canary, fast, full)]
    names = [[(chunk.name, [each.id for each in chunk.samples]) for chunk in plan] for plan in plans]
    assert names[1][: len(names[0])] == names[0]
    assert names[2][: len(names[1])] == names[1]
    moduli = np.array([list(each.reference.values()) for each in full[4:]])
    assert moduli.min() > 0
    assert moduli.max(axis=0) == pytest.approx([411.017, 473.571])
    (magnesia,) = [each for each in full if each.id == "mp-1265"]
    assert sorted(set(magnesia.atoms.symbols)) == ["Mg", "O"]
    assert magnesia.reference["k_ref_gpa"] == pytest.approx(151, abs=5)


def test_the_view_draws_both_moduli() -> None:
    rows = list(rows_of(Springs(A / np.sqrt(2), broken=["Ag"])).values())
    for column in VIEW.columns:
        assert all(column.name in row for row in rows)
    bulk_panel, shear_panel = VIEW.panels([], rows)
    assert (bulk_panel.title, shear_panel.title) == ("K", "G")
    assert bulk_panel.datasets is not None
    assert [point["crystal"] for point in bulk_panel.datasets["crystals"]] == ["Au, Au", "Ni, Ni", "Pb, Pb"]
    assert {point["ref"] for point in bulk_panel.datasets["crystals"]} >= {100.0}
    assert "3 of 4" in bulk_panel.note
    spec = VIEW.spec()
    assert {layer["data"]["name"] for layer in spec["layer"]} == {"equal", "crystals"}  # type: ignore[attr-defined]

"""The kappa task: its samples, a run of its canary, and scores that need neither model nor solver."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from evaluation.errors import DatasetUnavailable
from evaluation.harness.store import chunks
from evaluation.outputs.kappa import Modes, modes_of
from evaluation.record import Record
from evaluation.reference import dataset, phonondb
from evaluation.reference.phonondb import ConductivityReference, Spectrum
from evaluation.task import KeepsWork
from evaluation.tasks.kappa import TASK
from tests.evaluation.morse_crystal import DIAMOND, MorseCrystal
from tests.evaluation.solids import solid
from zoo.batch import Batch, StructureFailure

NAMES = ("LiF-rocksalt", "NaBr-rocksalt", "CdS-zincblende", "SiC-wurtzite", "AgI-zincblende", "PbS-rocksalt")
ADDRESSES, WEIGHTS = np.array([[0, 0, 0], [1, 0, 0]]), np.array([1, 7])
MODE_KAPPA = np.array([[0.0, 0.0, 0.0, 1.0], [30.0, 20.0, 10.0, 3.0]])
KAPPA = MODE_KAPPA.sum() / WEIGHTS.sum()


@pytest.fixture
def six_solids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six solids with one reference, instead of the data set."""
    spectrum = Spectrum(ADDRESSES / 19, WEIGHTS.astype(float), np.ones((2, 4)))
    reference = ConductivityReference(spectrum, ADDRESSES, KAPPA, MODE_KAPPA)
    solids = {name: solid(name, structure=name.partition("-")[2]) for name in NAMES}
    monkeypatch.setattr(phonondb, "solids", lambda: solids)
    monkeypatch.setattr(phonondb, "references", lambda: dict.fromkeys(NAMES, reference))


def conducting(sample: str, factor: float) -> Record:
    """A solid whose modes all conduct `factor` times as well as the reference's."""
    tensor = np.array([KAPPA * factor] * 3 + [0.0] * 3)
    modes = Modes(ADDRESSES, WEIGHTS, np.ones((2, 4)), MODE_KAPPA * factor, 0.9 * tensor, 0.1 * tensor)
    return ended(sample, "kappa", **modes.as_json())


def ended(sample: str, outcome: str, **outputs: Any) -> Record:
    lowest = {"gamma_acoustic": 0.0, "gamma_optical": 1.0, "elsewhere": -2.0 if outcome == "imaginary" else 0.5}
    about = {"outcome": outcome, "converged": True, "lowest_frequencies": None if outcome == "symmetry" else lowest}
    return Record.model_validate({"sample": sample, "status": "ok", "outputs": {**about, **outputs}})


@pytest.mark.usefixtures("six_solids")
def test_the_reference_itself_scores_zero() -> None:
    rows = TASK.table([conducting(name, 1.0) for name in NAMES])
    scores = TASK.score(rows)
    for name in ("srme", "srme_measured", "sre"):
        assert scores[name].value == pytest.approx(0, abs=1e-7)
        assert (scores[name].n, scores[name].n_missing) == (6, 0)
    assert [row["coherence_share"] for row in rows] == [pytest.approx(0.1)] * 6
    assert scores["success"].value == 1.0
    assert scores["imaginary"].value == scores["symmetry_lost"].value == scores["blow_up"].value == 0.0


@pytest.mark.usefixtures("six_solids")
def test_every_end_costs_what_it_should_and_is_counted_apart() -> None:
    records = [
        conducting("LiF-rocksalt", 0.5),
        conducting("NaBr-rocksalt", 20.0),
        conducting("CdS-zincblende", 0.05),
        ended("SiC-wurtzite", "imaginary"),
        ended("AgI-zincblende", "symmetry"),
        Record(sample="PbS-rocksalt", status="failed", error="it broke"),
    ]
    rows = {str(row["sample"]): row for row in TASK.table(records)}
    assert rows["LiF-rocksalt"]["srd"] == pytest.approx(-2 / 3)
    assert rows["LiF-rocksalt"]["srme"] == pytest.approx(2 / 3)
    assert rows["SiC-wurtzite"]["srme"] == rows["AgI-zincblende"]["srme"] == 2.0
    assert rows["SiC-wurtzite"]["lowest_frequency"] == -2.0
    assert "imaginary" in str(rows["SiC-wurtzite"]["error"])
    assert rows["PbS-rocksalt"]["srme"] is None
    scores = TASK.score(list(rows.values()))
    measured = [2 / 3, 2 * 19 / 21, 2 * 0.95 / 1.05]
    assert scores["srme"].value == pytest.approx((sum(measured) + 3 * 2) / 6)
    assert (scores["srme"].n, scores["srme"].n_missing) == (6, 1)
    assert scores["srme_measured"].value == pytest.approx(sum(measured) / 3)
    assert {name: scores[name].value for name in ("underestimated", "blow_up", "collapse")} == {
        "underestimated": pytest.approx(2 / 3),
        "blow_up": pytest.approx(1 / 3),
        "collapse": pytest.approx(1 / 3),
    }
    assert scores["imaginary"].value == pytest.approx(1 / 4)  # of those that kept their space group
    assert scores["symmetry_lost"].value == pytest.approx(1 / 5)
    assert scores["success"].value == pytest.approx(1 / 2)


@pytest.mark.usefixtures("six_solids")
def test_other_q_points_are_not_compared() -> None:
    record = conducting("LiF-rocksalt", 1.0)
    moved = record.model_copy(update={"outputs": {**record.outputs, "q_addresses": [[0, 0, 0], [0, 1, 0]]}})
    with pytest.raises(ValueError, match="q-points"):
        TASK.table([moved])


def test_the_canary_runs_without_data_and_enters_no_score(tmp_path: Path) -> None:
    silicon = MorseCrystal(TASK.protocol.canary.a, DIAMOND, constants=(9.0, 1.5))
    assert isinstance(TASK, KeepsWork)
    (record,) = TASK.run_in(tmp_path, TASK.samples("canary"), silicon)
    assert (record.sample, record.status, record.outputs["outcome"]) == ("Si", "ok", "kappa")
    assert record.outputs["converged"]
    assert record.force_calls == silicon.calls
    modes = modes_of(record)
    assert modes is not None
    assert modes.weights.sum() == TASK.protocol.canary.mesh**3
    (row,) = TASK.table([record])
    assert row["kappa_pred"] == pytest.approx(modes.kappa)
    assert row["srme"] is row["kappa_ref"] is None
    scores = TASK.score([row])
    assert all((score.value, score.n, score.n_missing) == (None, 0, 0) for score in scores.values())
    assert set(scores) == {metric.name for metric in TASK.metrics}
    (again,) = TASK.run_in(tmp_path, TASK.samples("canary"), silicon)
    assert again == record
    assert record.force_calls == silicon.calls


def test_a_model_that_does_not_know_the_element_is_a_record(tmp_path: Path) -> None:
    class Ignorant:
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            nothing = [np.full((len(a), 3), np.nan) for a in atoms]
            stresses = np.full((len(atoms), 3, 3), np.nan)
            return Batch(
                np.full(len(atoms), np.nan),
                nothing,
                stresses,
                [StructureFailure("unsupported", "Si")] * len(atoms),
                seconds=0.0,
            )

    (record,) = TASK.run_in(tmp_path, TASK.samples("canary"), Ignorant())
    assert (record.status, record.error) == ("unsupported", "unsupported: Si")


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_subsets_are_nested_and_cheap_ones_come_first() -> None:
    try:
        canary, fast, full = (TASK.samples(subset) for subset in ("canary", "fast", "full"))
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert (len(canary), len(fast), len(full)) == (1, 11, 104)
    assert [sample.id for sample in full[:11]] == [sample.id for sample in fast]
    assert {sample.id for sample in fast[1:]} == set(TASK.protocol.fast)
    assert {sample.id.partition("-")[2] for sample in fast[1:]} == set(phonondb.STRUCTURES.values())
    cut = [chunks(samples, TASK.protocol.samples_per_chunk) for samples in (fast, full)]
    assert [chunk.name for chunk in cut[1]][: len(cut[0])] == [chunk.name for chunk in cut[0]]
    assert TASK.dataset_sha256 == dataset.load("phonondb103").identity

"""The symmetry task: what keeps its group is said to, and what breaks it by a known amount is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest

from evaluation.definitions.symmetry import METRICS, kept_column
from evaluation.errors import DatasetUnavailable
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.task import Sample
from evaluation.tasks.symmetry import TASK, Symmetry
from tests.evaluation.morse_crystals import MorseCrystals
from zoo.batch import Computes
from zoo.cards.mode import Mode
from zoo.wrappers.surrogate import Surrogate


class TwoDtypes(MorseCrystals):
    """A sound float64 model whose float32 is noisy."""

    mode = Mode(dtype="float64")

    def in_other_dtype(self) -> AbstractContextManager[Computes]:
        return nullcontext(Surrogate(MorseCrystals(), rough=1e-3))


class OneDtype(MorseCrystals):
    """One that cannot be had in another."""

    mode = Mode()

    def in_other_dtype(self) -> None:
        return None


def samples(*names: str) -> list[Sample]:
    found = {sample.id: sample for sample in TASK.samples("canary")}
    return [found[name] for name in names]


@pytest.fixture(scope="module")
def sound() -> list[Record]:
    return TASK.run(TASK.samples("canary"), MorseCrystals(unknown=["Cu"], broken=["NaCl"]))


def test_canaries_start_twice_and_need_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatasetUnavailable("not here")

    monkeypatch.setattr(phonondb, "solids", refuse)
    ids = [sample.id for sample in TASK.samples("canary")]
    assert ids == [f"{name}/{start}" for name in ("MgO", "NaCl", "Si", "Cu") for start in ("reference", "strained")]
    with pytest.raises(DatasetUnavailable):
        TASK.samples("fast")


def test_a_sound_model_keeps_the_group_at_every_precision(sound: list[Record]) -> None:
    rows = {str(row["sample"]): row for row in TASK.table(sound)}
    for name in ("MgO/reference", "MgO/strained", "Si/reference", "Si/strained"):
        row = rows[name]
        assert (row["survival"], row["survival_fixed"], row["recovered_symprec"]) == (1.0, 1.0, 1e-5)
        assert (row["symmetry_tax"], row["symmetry_tax_fixed"], row["converged"]) == (1.0, 1.0, True)
        assert all(row[kept_column("free", symprec)] for symprec in TASK.protocol.symprecs)
        # the strained start is one that has a way to go
        assert (row["steps"] == 0) == name.endswith("reference")
        # no dtype without a mode, and nothing made up in its place
        assert (row["dtype"], row["survival_float32"], row["survival_float64"]) == (None, None, None)
    outputs = next(record for record in sound if record.sample == "Si/reference").outputs
    assert outputs["fewest_supercells"] == 1


def test_failures_are_counted_as_the_metrics_say(sound: list[Record]) -> None:
    status = {record.sample: record.status for record in sound}
    assert (status["Cu/strained"], status["NaCl/strained"], status["MgO/strained"]) == ("unsupported", "failed", "ok")
    scores = TASK.score(TASK.table(sound))
    assert set(scores) == {metric.name for metric in METRICS}
    assert (scores["survival"].value, scores["survival"].n, scores["survival"].n_missing) == (0.5, 8, 4)
    assert (scores["survival_strained"].value, scores["survival_strained"].n) == (0.5, 4)
    assert (scores["symmetry_tax"].value, scores["symmetry_tax"].n, scores["symmetry_tax"].n_missing) == (1.0, 4, 4)
    # half at 1e-5 Å, half at 1 Å, which is what a failure costs: the geometric mean
    assert scores["recovered_symprec"].value == pytest.approx(10**-2.5)
    assert (scores["survival_float32"].value, scores["survival_float32"].n_missing) == (None, 0)


def test_records_survive_the_disk(sound: list[Record]) -> None:
    again = [Record.model_validate(json.loads(record.model_dump_json())) for record in sound]
    assert TASK.table(again) == TASK.table(sound)


@pytest.mark.parametrize(("strength", "smallest"), [(1e-2, 1e-2), (1e-4, 1e-4)])
def test_a_known_dependence_on_orientation_breaks_the_group_by_its_size(strength: float, smallest: float) -> None:
    """A stress that is linear in the strength strains the cell in proportion, and with it the precision needed."""
    (record,) = TASK.run(samples("Si/strained"), Surrogate(MorseCrystals(), quadrupole=strength))
    (row,) = TASK.table([record])
    found = row["recovered_symprec"]
    assert isinstance(found, float)
    assert smallest < found <= 10 * smallest
    assert not row[kept_column("free", 1e-5)]
    assert row[kept_column("free", 1e-1)]
    assert row["symmetry_tax"] == 6.0  # no axis and no mirror is left of silicon's, but translations and inversion are
    assert (row["survival_fixed"], row["symmetry_tax_fixed"]) == (1.0, 1.0)


def test_noise_in_one_dtype_costs_supercells_in_that_dtype() -> None:
    task = Symmetry()  # noise never converges: fewer steps show it as well
    short = TASK.protocol.relaxation.model_copy(update={"steps": 60})
    task.__dict__["protocol"] = TASK.protocol.model_copy(update={"relaxation": short})
    found = task.run(samples("NaCl/strained"), TwoDtypes())
    (row,) = task.table(found)
    assert (row["dtype"], row["other_dtype"]) == ("float64", "float32")
    assert row["survival"] == row["survival_float64"] == row["symmetry_tax_float64"] == 1.0
    # rocksalt without any symmetry: eight atoms, three axes, two signs, for the two supercells of the ideal crystal
    assert row["symmetry_tax_float32"] == 24.0
    assert isinstance(row["survival_float32"], float)
    assert 0 < row["survival_float32"] < 1
    assert (row["survival_other_fixed"], row["converged_other_free"]) == (1.0, False)
    # the other dtype is no part of what the entry costs
    calls = sum(len(atoms) for atoms in _ways(found))
    assert found[0].force_calls == calls


def _ways(records: Sequence[Record]) -> list[range]:
    relaxations = records[0].outputs["relaxations"]
    assert isinstance(relaxations, dict)
    return [range(int(relaxations[way]["steps"]) + 1) for way in ("free", "fixed")]  # type: ignore[index,call-overload,arg-type]


def test_a_checkpoint_of_one_dtype_has_no_number_for_the_other() -> None:
    (record,) = TASK.run(samples("MgO/reference"), OneDtype())
    (row,) = TASK.table([record])
    assert (row["dtype"], row["other_dtype"]) == ("float32", None)
    assert row["other_dtype_reason"] == "the checkpoint runs in float32 only"
    assert row["survival_float32"] == 1.0
    assert (row["survival_float64"], row["survival_other_free"], row["error_other_free"]) == (None, None, None)
    scores = TASK.score([row])
    assert (scores["survival_float64"].value, scores["survival_float64"].n_missing) == (None, 0)


def test_the_strained_start_keeps_the_group() -> None:
    reference, strained = (sample.atoms for sample in samples("Cu/reference", "Cu/strained"))
    assert np.allclose(strained.cell.array, 1.02 * reference.cell.array, rtol=1e-12)
    assert np.allclose(strained.get_scaled_positions(), reference.get_scaled_positions())


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_subsets_are_nested_and_hold_each_crystal_once() -> None:
    try:
        canary, fast, full = (TASK.samples(subset) for subset in ("canary", "fast", "full"))
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    ids = [[sample.id for sample in part] for part in (canary, fast, full)]
    # four canaries, four more, sixteen of PhononDB; all of PhononDB but the two rocksalts that are canaries
    assert [len(part) for part in ids] == [8, 48, 2 * (8 + 103 - 2)]
    assert ids[2][: len(ids[1])] == ids[1]
    assert ids[1][: len(ids[0])] == ids[0]
    assert len(set(ids[2])) == len(ids[2])
    by_id = {sample.id: sample.atoms for sample in fast}
    wurtzite, ideal = by_id["BeSe-wurtzite/strained"], by_id["BeSe-wurtzite/reference"]
    across, along = (np.linalg.norm(wurtzite.cell.array, axis=1) / np.linalg.norm(ideal.cell.array, axis=1))[[0, 2]]
    assert (across, along) == (pytest.approx(1.025), pytest.approx(1.01))

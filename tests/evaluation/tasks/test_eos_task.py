"""The eos task: its samples, its records, and scores that need no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms

from evaluation.outputs.eos import reference_curve
from evaluation.record import Record
from evaluation.tasks.eos import MAGNETIC, TASK
from zoo.batch import Batch, StructureFailure
from zoo.wrappers.o3_average import O3Average


class AllElectron:
    """A potential that knows the reference's own curves, shifted in volume by a factor; some elements it refuses."""

    def __init__(self, *, stretch: float = 1.0, unknown: Sequence[str] = (), broken: Sequence[str] = ()) -> None:
        self.stretch, self.unknown, self.broken = stretch, unknown, broken

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        energies, errors = [], []
        for a in atoms:
            symbol = a.get_chemical_symbols()[0]
            v = np.array([a.get_volume() / len(a) / self.stretch])
            energies.append(float(reference_curve(symbol).energies(v)[0]) * len(a))
            refused = StructureFailure("unsupported", f"not {symbol}") if symbol in self.unknown else None
            errors.append(StructureFailure("failed", "it broke") if symbol in self.broken else refused)
        forces = [np.zeros((len(a), 3)) for a in atoms]
        return Batch(np.array(energies), forces, None, errors, seconds=1.0)


def records(potential: AllElectron, subset: str = "fast") -> list[Record]:
    return TASK.run(TASK.samples(subset), potential)  # type: ignore[arg-type]


def test_subsets_are_nested_and_in_order() -> None:
    canary, fast, full = (TASK.samples(subset) for subset in ("canary", "fast", "full"))
    ids = [[sample.id for sample in samples] for samples in (canary, fast, full)]
    assert (len(canary), len(fast), len(full)) == (3, 27, 71)
    assert ids[1][:3] == ids[0]
    assert ids[2][:27] == ids[1]
    assert {symbol for symbol in ids[1] if symbol in MAGNETIC} == {"Fe", "Ni"}


def test_cells_have_the_reference_volume() -> None:
    for sample in TASK.samples("full"):
        assert sample.atoms.get_volume() / len(sample.atoms) == pytest.approx(sample.reference["v0"], rel=1e-12)


def test_the_reference_itself_scores_zero() -> None:
    scores = TASK.score(TASK.table(records(AllElectron(), "full")))
    assert scores["delta"].value == pytest.approx(0.0, abs=1e-3)
    assert (scores["delta"].n, scores["delta"].n_missing) == (71, 0)
    assert scores["delta_nonmagnetic"].n == 65
    assert scores["v0_error"].value == pytest.approx(0.0, abs=1e-6)
    assert scores["b0_error"].value == pytest.approx(0.0, abs=1e-2)
    assert scores["success"].value == 1.0


def test_a_known_error_is_measured() -> None:
    rows = TASK.table(records(AllElectron(stretch=1.01)))
    assert all(row["v0_error"] == pytest.approx(1.0, abs=1e-3) for row in rows)
    score = TASK.score(rows)["v0_error"]
    assert score.value == pytest.approx(1.0, abs=1e-3)
    assert score.low == pytest.approx(1.0, abs=1e-3)
    assert score.high == pytest.approx(1.0, abs=1e-3)


def test_failures_are_counted_and_never_numbers() -> None:
    found = records(AllElectron(unknown=["Pb"], broken=["W", "Au"]))
    by_status = {status: [r.sample for r in found if r.status == status] for status in ("failed", "unsupported")}
    assert by_status == {"failed": ["W", "Au"], "unsupported": ["Pb"]}
    scores = TASK.score(TASK.table(found))
    assert (scores["delta"].n, scores["delta"].n_missing) == (27, 3)
    assert (scores["delta_mean"].n, scores["delta_mean"].n_missing) == (24, 3)
    assert scores["success"].value == pytest.approx(24 / 27)


def test_nothing_is_none() -> None:
    scores = TASK.score(TASK.table(records(AllElectron(broken=[s.id for s in TASK.samples("fast")]))))
    assert scores["delta"].value is None
    assert scores["delta_mean"].value is None
    assert (scores["delta_mean"].n, scores["delta_mean"].n_missing) == (0, 27)
    assert scores["success"].value == 0.0


def test_cost_is_that_of_the_structures() -> None:
    found = records(AllElectron())
    assert sum(record.force_calls for record in found) == 27 * 7
    assert sum(record.atom_calls for record in found) == 7 * sum(len(s.atoms) for s in TASK.samples("fast"))
    assert sum(record.seconds for record in found) == pytest.approx(1.0)


def test_an_average_costs_all_its_evaluations() -> None:
    found = records(O3Average(AllElectron(), l_max=3), "canary")  # type: ignore[arg-type]
    assert [record.force_calls for record in found] == [7 * 42] * 3
    atoms = [len(sample.atoms) for sample in TASK.samples("canary")]
    assert [record.atom_calls for record in found] == [7 * 42 * n for n in atoms]
    assert sum(record.seconds for record in found) == pytest.approx(1.0)
    assert TASK.score(TASK.table(found))["delta"].value == pytest.approx(0, abs=1e-6)


def test_the_dataset_is_the_one_that_was_pinned() -> None:
    from pathlib import Path

    import yaml

    import evaluation

    path = Path(evaluation.__file__).parent / "datasets" / "dcdft.yaml"
    assert yaml.safe_load(path.read_text())["sha256"] == TASK.dataset_sha256

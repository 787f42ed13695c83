"""The descent task: sound forces arrive, and forces that are no gradient by a known amount are found out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ase import Atoms

from evaluation.definitions.descent import METRICS
from evaluation.errors import DatasetUnavailable
from evaluation.outputs.descent import conservative, descents, forces_of
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.task import Row, Sample
from evaluation.tasks.descent import TASK, Descent
from tests.evaluation.morse_crystals import MorseCrystals
from zoo.batch import Batch, Computes, StructureFailure
from zoo.cards.mode import Mode
from zoo.wrappers.surrogate import Surrogate
from zoo.wrappers.synthetic_errors import Pairs, curl_forces

GAPS = ("gradient_gap", "stress_gap", "excess_energy")


class Direct(Surrogate):
    """Direct forces that are off by known fields, on weights without a conservative head."""

    mode = Mode(forces="direct")


class TwoHeads(Direct):
    """On weights with a conservative head, which is sound."""

    def in_other_head(self) -> AbstractContextManager[Computes]:
        return nullcontext(MorseCrystals())


class Breaking(MorseCrystals):
    """It has no answer from its sixth call on."""

    calls = 0

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.calls += 1
        batch = super().compute(atoms)
        return replace(batch, errors=[StructureFailure("failed", "it broke")] * len(batch)) if self.calls > 5 else batch


def sample(name: str) -> Sample:
    return next(sample for sample in TASK.samples("canary") if sample.id == name)


def ideal(name: str) -> Atoms:
    return TASK.protocol.crystals.crystal(name)


def one(name: str, potential: Computes, *, steps: int | None = None) -> tuple[Record, Row]:
    task = Descent()
    if steps is not None:
        task.__dict__["protocol"] = TASK.protocol.model_copy(update={"steps": steps})
    (record,) = task.run([sample(name)], potential)
    return record, task.table([record])[0]


@pytest.fixture(scope="module")
def sound() -> list[Record]:
    return TASK.run(TASK.samples("canary"), MorseCrystals(unknown=["Cu"], broken=["Si"]))


def test_canaries_need_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatasetUnavailable("not here")

    monkeypatch.setattr(phonondb, "solids", refuse)
    samples, again = TASK.samples("canary"), TASK.samples("canary")
    assert [each.id for each in samples] == ["MgO", "NaCl", "Si", "Cu"]
    assert all(np.array_equal(a.atoms.positions, b.atoms.positions) for a, b in zip(samples, again, strict=True))
    strain = np.linalg.solve(ideal("Si").cell.array, sample("Si").atoms.cell.array) - np.eye(3)
    assert 0 < abs(strain).max() <= 0.03
    with pytest.raises(DatasetUnavailable):
        TASK.samples("fast")


def test_a_sound_model_arrives_whoever_walks(sound: list[Record]) -> None:
    rows = {str(row["sample"]): row for row in TASK.table(sound)}
    for name in ("MgO", "NaCl"):
        row = rows[name]
        assert (row["converged"], row["limit_cycle"], row["broke_off"]) == (1.0, 0.0, 0.0)
        assert 0 < cast(float, row["floor"]) < 0.1
        assert cast(int, row["steps_lbfgs"]) < cast(int, row["steps_fire"]) < 200
        assert cast(float, row["energy_spread"]) < 1e-3
        assert cast(float, row["volume_spread"]) < 1e-2
        assert row["gradient_reason"] == "the mode's forces are no direct ones"
        assert [row[gap] for gap in GAPS] == [None] * 3


def test_failures_are_counted_and_what_cannot_be_had_is_not_missing(sound: list[Record]) -> None:
    assert {r.sample: r.status for r in sound if r.status != "ok"} == {"Cu": "unsupported", "Si": "failed"}
    scores = TASK.score(TASK.table(sound))
    assert set(scores) == {metric.name for metric in METRICS}
    assert (scores["converged"].value, scores["converged"].n, scores["converged"].n_missing) == (0.5, 4, 2)
    assert (scores["floor"].n, scores["floor"].n_missing) == (2, 2)
    assert [(scores[gap].value, scores[gap].n_missing) for gap in GAPS] == [(None, 0)] * 3


def test_records_survive_the_disk(sound: list[Record]) -> None:
    again = [Record.model_validate(json.loads(record.model_dump_json())) for record in sound]
    assert TASK.table(again) == TASK.table(sound)


def test_a_known_curl_keeps_fire_circling_and_lets_lbfgs_through() -> None:
    """λ = 0.4 at the minimum. Damped dynamics gain energy from a curl; a quasi-Newton step to a zero of the forces
    asks for no energy."""
    record, row = one("NaCl", Surrogate.tuned(MorseCrystals(), ideal("NaCl"), asymmetry=0.4))
    assert (row["converged_fire"], row["converged_lbfgs"], row["converged"]) == (False, True, 0.5)
    assert cast(float, row["floor_fire"]) > 10
    assert row["limit_cycle_fire"] or row["broke_off_fire"]
    assert cast(float, row["uphill_fire"]) > 1000
    assert cast(float, row["floor_lbfgs"]) < 0.1
    assert len(forces_of(descents(record)["fire"])) > 200


def test_noise_is_a_floor() -> None:
    """The largest of 24 rows of noise of 1 meV/Å a component is hardly ever below that."""
    _, row = one("MgO", Surrogate(MorseCrystals(), rough=1e-3), steps=80)
    assert row["converged"] == 0.0
    for name in ("fire", "lbfgs"):
        assert 0.7 < cast(float, row[f"floor_{name}"]) < 20


def test_direct_forces_are_told_what_the_other_head_says() -> None:
    potential = TwoHeads(MorseCrystals(), smooth=0.2)
    record, row = one("NaCl", potential, steps=90)
    assert row["gradient_source"] == "conservative head"
    end = Atoms(numbers=record.outputs["numbers"], pbc=True, **_end(record))
    (forces,), (gradient,) = potential.compute([end]).forces, MorseCrystals().compute([end]).forces
    assert row["gradient_gap"] == pytest.approx(1000 * np.sqrt(((forces - gradient) ** 2).mean()))
    assert 10 < cast(float, row["gradient_gap"]) < 600
    assert row["stress_gap"] == pytest.approx(0.0, abs=1e-9)  # noise in the forces alone
    # the perfect crystal has no energy in this potential, and any other has some
    excess = float(MorseCrystals().compute([end]).energies[0]) / len(end) * 1000
    assert row["excess_energy"] == pytest.approx(excess, abs=1e-2)
    assert excess > 0.1
    way = conservative(record)
    assert way is not None
    assert way["converged"] or len(forces_of(way)) == 91
    # the other head is no part of what the mode costs
    calls = sum(len(forces_of(each)) for each in descents(record).values())
    assert record.force_calls == calls + 1


def test_without_another_head_the_energy_is_differentiated() -> None:
    potential = Direct(MorseCrystals(), curl=0.1)
    record, row = one("NaCl", potential, steps=10)
    assert row["gradient_source"] == "energy differences"
    end = Atoms(numbers=record.outputs["numbers"], pbc=True, **_end(record))
    curl = 0.1 * curl_forces(end, Pairs.of(end))
    assert row["gradient_gap"] == pytest.approx(1000 * np.sqrt((curl**2).mean()), rel=0.02)
    assert cast(float, row["stress_gap"]) < 0.02
    scores = TASK.score([row])
    assert (scores["excess_energy"].value, scores["excess_energy"].n_missing) == (None, 0)
    assert scores["gradient_gap"].n == 1
    calls = sum(len(forces_of(each)) for each in descents(record).values())
    assert record.force_calls == calls + 1 + (6 * len(end) + 13)


def test_a_descent_that_breaks_off_is_a_finding_and_no_failure() -> None:
    record, row = one("MgO", Breaking())
    assert record.status == "ok"
    assert (row["converged"], row["limit_cycle"], row["error_fire"], row["steps_fire"]) == (0.0, 0.0, "it broke", 4)
    assert (row["broke_off"], row["steps_lbfgs"], row["floor_lbfgs"]) == (1.0, None, None)
    assert (row["energy_spread"], row["volume_spread"]) == (None, None)
    assert cast(float, row["floor"]) > 0.1


def test_a_limit_cycle_is_read_from_the_way(sound: list[Record]) -> None:
    (record,) = (each for each in sound if each.sample == "MgO")
    circling = [*np.geomspace(1, 0.1, 101).tolist(), *[0.2, 0.1] * 100]
    way = {**descents(record)["fire"], "converged": False, "forces": circling, "energies": [0.8, 0.0, 0.4, 0.2]}
    changed: dict[str, Any] = {**record.outputs, "descents": {**descents(record), "fire": way}}
    (row,) = TASK.table([record.model_copy(update={"outputs": changed})])
    assert (row["limit_cycle_fire"], row["limit_cycle_lbfgs"], row["limit_cycle"]) == (True, False, 0.5)
    assert row["floor_fire"] == pytest.approx(100)
    assert row["uphill_fire"] == pytest.approx(50)  # 0.4 eV for eight atoms


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_subsets_are_nested() -> None:
    try:
        canary, fast, full = (TASK.samples(subset) for subset in ("canary", "fast", "full"))
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert [len(part) for part in (canary, fast, full)] == [4, 24, 109]
    assert [each.id for each in full][:24] == [each.id for each in fast]


def _end(record: Record) -> dict[str, np.ndarray]:
    way = SimpleNamespace(**descents(record)["fire"])
    return {"cell": np.array(way.cell), "positions": np.array(way.positions)}

"""The forces task on frames made here: its figures, its samples, and frames that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from evaluation.definitions.forces import SETS
from evaluation.harness.run import Evaluation
from evaluation.harness.store import read_records
from evaluation.record import Record
from evaluation.reference.holdout import held_out
from evaluation.task import Sample, load
from evaluation.tasks import forces as module
from evaluation.tasks.forces import TASK
from tests import toy
from zoo.batch import Batch, StructureFailure
from zoo.cards import index
from zoo.cards.training_sets import training_sets
from zoo.potential import Potential

SALTS = [f"{metal}{halogen}" for metal in ("Li", "Na", "K", "Rb", "Cs") for halogen in ("F", "Cl", "Br", "I")]


MATPES, RAW, CORRECTED, SILENT, OTHER = (
    "tensornet-matpes-pbe",
    "sevennet-0",
    "chgnet-0.3.0",
    "matris-10m-mp",
    "sevennet-mf-0@r2scan",
)
"""Models of MatPES, of the Materials Project's raw and corrected energies, without a word on it, of another theory."""


def frame(number: int, formula: str) -> tuple[str, Atoms]:
    rng = np.random.default_rng(number)
    atoms = bulk(formula, "rocksalt", a=5.6).repeat((2, 1, 1))
    stress = rng.normal(0, 0.01, 6)
    atoms.calc = SinglePointCalculator(atoms, energy=-3.0 * len(atoms), forces=rng.normal(size=(4, 3)), stress=stress)
    return f"{formula}-{number}", atoms


@pytest.fixture(autouse=True)
def frames(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {key: tuple(frame(n, SALTS[n % 20]) for n in range(300)) for key in SETS}
    monkeypatch.setattr(module, "_frames", lambda key: made[key])


class Reference:
    """A potential that knows the reference, up to a known error of everything."""

    def __init__(self, *, unknown: str = "-", stress: bool = True, entry: str = MATPES) -> None:
        self.unknown, self.stress = unknown, stress
        self.card, self.mode = index.resolve(entry)

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        known = [a if a.calc else frame(0, "NaCl")[1] for a in atoms]
        shift = {"Li": 0.3, "Na": -2.0, "F": 1.0}
        return Batch(
            energies=np.array([k.get_potential_energy() + sum(shift.get(s, 0.0) for s in k.symbols) for k in known]),
            forces=[np.resize(k.get_forces(), (len(a), 3)) + 0.05 for a, k in zip(atoms, known, strict=True)],
            stresses=np.array([k.get_stress(voigt=False) + 0.001 for k in known]) if self.stress else None,
            errors=[
                StructureFailure("unsupported", f"not {self.unknown}") if self.unknown in a.symbols else None
                for a in atoms
            ],
            seconds=1.0,
        )


def records(subset: str, **options: object) -> list[Record]:
    return TASK.run(TASK.samples(subset), Reference(**options))  # type: ignore[arg-type]


def test_subsets_are_nested_and_sets_stay_apart() -> None:
    ids = {subset: [sample.id for sample in TASK.samples(subset)] for subset in ("canary", "fast", "full")}
    assert ids["canary"] == ["canary/0000-MgO", "canary/0001-GaAs", "canary/0002-NaCl"]
    assert len(ids["fast"]) == 253
    assert ids["full"][:253] == ids["fast"]
    assert ids["fast"][:3] == ids["canary"]
    assert len(set(ids["full"])) == len(ids["full"])
    sizes = {key: sum(name.startswith(f"{key}/") for name in ids["full"]) for key in SETS}
    # mlearn: 30 of each of five "elements" (the frames' first symbols)
    assert sizes == dict.fromkeys(SETS, 300) | {"mlearn": 150}


def test_known_errors_are_measured() -> None:
    from ase.units import GPa

    scores = TASK.score(TASK.table(records("fast")))
    assert scores["force_mae"].value == pytest.approx(50.0, abs=0.05)
    assert scores["force_rmse"].value == pytest.approx(50.0, abs=0.05)
    assert scores["stress_mae"].value == pytest.approx(0.001 / GPa)
    assert scores["force_cosine"].value is not None
    assert 0.98 < scores["force_cosine"].value < 1.0
    assert scores["force_mae_mptrj_random"] == scores["force_mae"]
    assert (scores["force_mae"].n, scores["force_mae"].n_missing) == (250, 0)
    assert scores["force_mae_mpf_tp"].value is None
    assert set(scores) == {metric.name for metric in TASK.metrics}


def test_what_learned_from_the_references_own_energies_is_compared_as_it_is() -> None:
    rows = [row for row in TASK.table(records("fast", entry=RAW)) if row["set"] != "canary"]
    shift = {"LiF": 650.0, "NaF": -500.0, "KBr": 0.0}
    for formula, expected in shift.items():
        found = [row["energy_error"] for row in rows if row["formula"] == formula]
        assert found == pytest.approx([expected] * len(found))
    assert {(row["energy_compared"], row["energy_reason"]) for row in rows} == {("as computed", None)}


def test_corrected_energies_are_compared_with_corrected_dft() -> None:
    anions = {"KF": -0.462, "KBr": -0.534, "KI": -0.379}
    samples = [
        Sample(id=f"mptrj-random/{i:04d}-{formula}", atoms=frame(i, formula)[1], subset="fast")
        for i, formula in ((SALTS.index(formula), formula) for formula in anions)
    ]
    found = TASK.run(samples, Reference(entry=CORRECTED))
    for record, row, anion in zip(found, TASK.table(found), anions.values(), strict=True):
        assert record.outputs["mp2020_correction"] == pytest.approx(2 * anion)
        shift = 0.5 if row["formula"] == "KF" else 0.0
        assert row["energy_error"] == pytest.approx((shift - anion / 2) * 1000)
        assert row["energy_compared"] == "with MP2020 corrections"
    new = {"energies_are", "mp2020_correction"}
    older = [
        record.model_copy(update={"outputs": {k: v for k, v in record.outputs.items() if k not in new}})
        for record in found
    ]
    assert TASK.extend(older, Reference(entry=CORRECTED)) == found


@pytest.mark.parametrize(("entry", "reason"), [(SILENT, "does not say"), (OTHER, "do not compare with")])
def test_other_energies_have_no_error_and_the_reason(entry: str, reason: str) -> None:
    samples = [
        Sample(id=f"{key}/{i:04d}-KBr", atoms=frame(i, "KBr")[1], subset="full")
        for key in ("mptrj-random", "mlearn")
        for i in range(3)
    ]
    rows = TASK.table(TASK.run(samples, Reference(entry=entry)))
    scores = TASK.score(rows)
    reasons = {"mptrj-random": reason, "mlearn": "settings of its own"}
    assert all(row["energy_error"] is None and reasons[str(row["set"])] in str(row["energy_reason"]) for row in rows)
    assert (scores["energy_mae_mptrj_random"].value, scores["energy_mae_mptrj_random"].n) == (None, 0)
    assert scores["force_mae"].n_missing == 0


def test_a_fit_per_element_is_no_comparison() -> None:
    """The toy's own card learned from MatPES, whose totals are of other settings."""
    rows = TASK.table(records("fast"))
    compared = TASK.ranked(rows)
    assert {(row["energy_mae"], row["energy_compared"]) for row in compared} == {(None, None)}
    assert all("do not compare with" in str(row["energy_reason"]) for row in compared)


def test_a_failure_is_worse_than_any_number_in_the_median_and_leaves_the_mean() -> None:
    found = [record for record in records("fast") if not record.sample.startswith("canary")][:3]
    failed = Record(sample=found[0].sample, status="failed", error="it broke")
    one, two = (
        TASK.score(TASK.table([*[failed.model_copy(update={"sample": r.sample}) for r in found[:n]], *found[n:]]))
        for n in (1, 2)
    )
    assert one["force_mae"].value is not None
    assert (two["force_mae"].value, two["force_mae"].n, two["force_mae"].n_missing) == (None, 3, 2)
    assert (two["force_mae_mean"].n, two["force_mae_mean"].n_missing) == (1, 2)


def test_the_canary_runs_without_data_or_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_frames", None)
    scores = TASK.score(TASK.table(records("canary")))
    assert scores["success"].value == 1.0
    assert (scores["force_mae"].value, scores["force_mae"].n, scores["force_mae"].n_missing) == (None, 0, 0)


def test_scoring_needs_records_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = records("full")
    monkeypatch.setattr(module, "_frames", None)
    rows = TASK.table(found)
    assert {row["set"] for row in rows} == {"canary", *SETS}
    assert TASK.score(rows)["force_mae_mlearn"].value == pytest.approx(50.0, abs=0.05)


def test_a_model_without_stress_has_no_stress_error_and_a_refusal_is_counted() -> None:
    scores = TASK.score(TASK.table(records("fast", stress=False, unknown="Cs")))
    assert (scores["stress_mae"].value, scores["stress_mae_mean"].value, scores["stress_mae_mean"].n) == (None, None, 0)
    refused = scores["force_mae"].n_missing
    assert 30 <= refused <= 60
    assert scores["success"].value == pytest.approx(1 - refused / 253)


@pytest.fixture
def trained_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Potential]:
    """The toy, as if it had been trained on MatterSim's sets."""
    sets = training_sets()
    monkeypatch.setattr(
        "zoo.cards.card.training_sets",
        lambda: sets | {"mptrj": sets["mptrj"].model_copy(update={"datasets": ("mattersim-bench",)})},
    )
    with toy.potential(tmp_path) as potential:
        yield potential


def test_frames_of_its_own_training_are_not_scored(trained_here: Potential, tmp_path: Path) -> None:
    job = Evaluation(
        trained_here, load("forces"), subset="fast", threads=1, runs=tmp_path / "runs", results=tmp_path / "results"
    )
    result = job.run()
    found = read_records(tmp_path / "results" / "forces" / "toy@conservative.parquet")
    ran = {row["formula"] for row in TASK.table(found) if row["status"] == "ok" and row["set"] != "canary"}
    assert ran == {formula for formula in SALTS if held_out(formula)} != set()
    refused = [record for record in found if record.status == "unsupported"]
    assert all("was trained on frames of mattersim-bench" in str(record.error) for record in refused)
    assert result.run.counts.unsupported == len(refused) > 200
    assert result.run.cost.force_calls == 253 - len(refused)
    assert job.conditions()["trained_datasets"] == ["mattersim-bench"]

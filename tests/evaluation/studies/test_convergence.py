"""The study of convergence: one number of a protocol at other values, everything else as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from evaluation import task as tasks
from evaluation.harness.store import read_records
from evaluation.scoring import scores
from evaluation.studies.convergence import main, number, recorded, run, with_number
from evaluation.studies.convergence_data import Convergence
from tests.evaluation.known import Known


def test_one_number_is_another_and_the_task_of_before_keeps_its_own() -> None:
    task = tasks.load("relaxation")
    loose = with_number(task, "fmax", 0.5)
    assert (number(loose.protocol, "fmax"), number(task.protocol, "fmax")) == (0.5, 0.001)
    assert loose.protocol.model_copy(update={"fmax": 0.001}) == task.protocol
    inner = with_number(tasks.load("phonons"), "relaxation.fmax", 0.01)
    assert number(inner.protocol, "relaxation.fmax") == 0.01
    with pytest.raises(ValueError, match="no number 'fmin'"):
        with_number(task, "fmin", 0.5)


@pytest.mark.parametrize(
    ("task", "field", "value", "then"),
    [
        ("eos", "volume_ratios", 0.03, (0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03)),
        ("elasticity", "normal_strains", 0.002, (-0.002, -0.001, 0.001, 0.002)),
        ("forces", "fast_frames", 10.0, 10),
    ],
)
def test_lists_and_whole_numbers_are_varied_too(task: str, field: str, value: float, then: object) -> None:
    varied = with_number(tasks.load(task), field, value)
    assert getattr(varied.protocol, field) == pytest.approx(then)
    assert number(varied.protocol, field) == pytest.approx(value)


def test_of_a_list_that_is_no_strain_the_first_are_taken() -> None:
    task = tasks.load("constraints")
    assert number(task.protocol, "rotations") == 24
    assert number(with_number(task, "rotations", 6).protocol, "rotations") == 6
    with pytest.raises(ValueError, match="the protocol has 3 of them, not 4"):
        with_number(task, "canary", 4)


def test_more_rotations_than_the_protocol_has_are_its_own_rotated() -> None:
    task = tasks.load("constraints")
    own = [Rotation.from_quat(q, scalar_first=True) for q in task.protocol.rotations]  # type: ignore[attr-defined]
    many = with_number(task, "rotations", 60).protocol.rotations  # type: ignore[attr-defined]
    found = [Rotation.from_quat(q, scalar_first=True) for q in many]
    expected = [*own, *(own[0] * each for each in own), *(own[1] * each for each in own[:12])]
    for a, b in zip(found, expected, strict=True):
        assert a.approx_equal(b, atol=1e-6)
    # no two are the same, so that each adds something
    turns = np.abs(np.array([(a.inv() * b).magnitude() for i, a in enumerate(found) for b in found[:i]]))
    assert turns.min() > 0.05


def test_a_loose_threshold_stops_earlier_and_further_away() -> None:
    task = tasks.load("relaxation")
    ends = [sample.atoms for sample in task.samples("canary") if sample.id.endswith("/reference")]
    found = {}
    for value in (0.5, 0.001):
        varied = with_number(task, "fmax", value)
        found[value] = scores(varied, varied.table(run(varied, "canary", Known(ends))))
    steps = [found[value]["steps"].value for value in (0.5, 0.001)]
    errors = [found[value]["volume_error_perturbed_mean"].value for value in (0.5, 0.001)]
    assert steps[0] is not None
    assert steps[1] is not None
    assert errors[0] is not None
    assert errors[1] is not None
    assert steps[0] < steps[1]
    assert errors[0] > errors[1]


def test_for_fewer_samples_the_records_at_hand_are_scored_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Path("leaderboard/results").absolute()
    of_eos = ["convergence", "chgnet-0.3.0", "eos"]
    rest = ["--recorded", str(results), "--folder", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*of_eos, "fast", "4", "24", *rest])
    main()
    (file,) = tmp_path.glob("eos-fast/*.json")
    table = Convergence.model_validate_json(file.read_text(), strict=True)
    fewer, all_of_them = table.settings
    eos, records = tasks.load("eos"), read_records(results / "eos" / "chgnet-0.3.0@conservative.parquet")
    names = {sample.id for sample in eos.samples("fast")}
    assert all_of_them.scores == scores(eos, eos.table([record for record in records if record.sample in names]))
    assert fewer.scores["delta"].n == len(names) - 20
    assert table.published == 24.0
    monkeypatch.setattr("sys.argv", [*of_eos, "volume_ratios", "0.03", *rest])
    with pytest.raises(SystemExit, match="another 'volume_ratios' is another run"):
        main()
    with pytest.raises(ValueError, match=r"no record of .*; the result has other samples than full"):
        recorded(eos, "full", [record for record in records if record.sample in names])

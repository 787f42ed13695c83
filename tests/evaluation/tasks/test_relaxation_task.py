"""The relaxation task: its samples, its records, and figures that need no model."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import cache
from typing import Any, cast

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from evaluation.definitions.relaxation import METRICS, symmetry_column
from evaluation.errors import DatasetUnavailable
from evaluation.metrics.geometry import Crystal, rmsd, space_group, symmetry_change
from evaluation.outputs import relaxation
from evaluation.record import Record
from evaluation.tasks.relaxation import HEADLINE, TASK
from tests.evaluation.known import Known

PERFECT = {"lattice_error": 0.0, "converged": 1.0, "symmetry_decrease": 0.0}
BY_START = {"rmsd": 0.0, "volume_error": 0.0, "symmetry_match": 1.0}


def ends() -> list[Atoms]:
    return [sample.atoms for sample in TASK.samples("canary") if sample.id.endswith("/reference")]


@cache
def right() -> tuple[Record, ...]:
    """Records of a model that ends where the reference does."""
    return tuple(records())


def records(**options: Any) -> list[Record]:
    return TASK.run(TASK.samples("canary"), Known(ends(), **options))


def crystal(atoms: Atoms) -> Crystal:
    return Crystal(atoms.numbers, atoms.cell.array, atoms.positions)


def test_canaries_start_twice_and_need_no_download() -> None:
    samples = TASK.samples("canary")
    assert [sample.id for sample in samples] == [
        f"{name}/{start}" for name in ("MgO", "NaCl", "Si", "Cu") for start in ("reference", "perturbed")
    ]
    assert {sample.subset for sample in samples} == {"canary"}


def test_the_perturbation_is_the_protocols_and_always_the_same() -> None:
    by_id = {sample.id: sample.atoms for sample in TASK.samples("canary")}
    again = {sample.id: sample.atoms for sample in TASK.samples("canary")}
    scales = []
    for name in ("MgO", "NaCl", "Si", "Cu"):
        start, end = by_id[f"{name}/perturbed"], by_id[f"{name}/reference"]
        assert np.array_equal(start.positions, again[f"{name}/perturbed"].positions)
        strain = np.linalg.solve(end.cell.array, start.cell.array) - np.eye(3)
        assert np.allclose(strain, strain.T)
        assert np.allclose(np.diag(strain), strain[0, 0])
        scales.append(strain[0, 0])
        assert abs(strain[0, 0]) < 0.03
        assert 0 < abs(strain - np.diag(np.diag(strain))).max() < 0.01
        moved = start.positions - end.get_scaled_positions() @ start.cell.array
        assert 0.02 < np.linalg.norm(moved) / np.sqrt(moved.size) < 0.1
    assert len(set(scales)) == 4


def test_a_model_that_ends_where_the_reference_does() -> None:
    rows = TASK.table(right())
    scores = TASK.score(rows)
    assert set(scores) == {metric.name for metric in METRICS}
    for name, value in PERFECT.items():
        assert scores[name].value == pytest.approx(value, abs=0.1), name
        assert (scores[name].n, scores[name].n_missing) == (8, 0)
    for name, value in BY_START.items():
        for start in ("reference", "perturbed"):
            score = scores[f"{name}_{start}"]
            assert score.value == pytest.approx(value, abs=0.1), (name, start)
            assert (score.n, score.n_missing) == (4, 0)
    assert scores["symmetry_match_tight_reference"].value == 1.0
    assert scores["symmetry_match_tight_perturbed"].value == 0.25
    assert scores["limit_cycle"].value == 0.0
    for row in rows:
        assert row["status"] == "ok"
        if row["start"] == "reference":
            assert (row["steps"], row["recovered_symprec"]) == (0, 1e-5)
        else:
            assert isinstance(row["steps"], int)
            assert row["steps"] > 2
            assert isinstance(row["floor"], float)
            assert 0 < row["floor"] < 0.001
            # forces end below the threshold, not at zero: the tight precision sees what is left
            assert row[symmetry_column(1e-5)] == ("match" if row["crystal"] == "MgO" else "decrease")
            assert row[symmetry_column(1e-1)] == "match"


def test_a_known_error_is_measured() -> None:
    rows = TASK.table(records(stretch=1.01))
    assert [row["volume_error"] for row in rows] == pytest.approx([3.03] * 8, abs=0.3)
    assert [row["lattice_error"] for row in rows] == pytest.approx([1.0] * 8, abs=0.1)
    scores = TASK.score(rows)
    for which in ("reference", "reference_mean", "perturbed", "perturbed_mean"):
        assert scores[f"volume_error_{which}"].value == pytest.approx(3.03, abs=0.3)
        assert scores[f"rmsd_{which}"].value == pytest.approx(0.0, abs=0.01)


def test_the_headline_is_the_perturbed_starts_alone() -> None:
    rows = TASK.table(records(stretch=1.01, broken=["Si8"]))
    ranked = TASK.ranked(rows)
    assert [row["sample"] for row in ranked] == [row["sample"] for row in rows if row["start"] == "perturbed"]
    values = [np.inf if (value := cast("float | None", row[HEADLINE])) is None else value for row in ranked]
    assert np.isinf(values).sum() == 1
    assert TASK.score(rows)[HEADLINE].value == pytest.approx(np.median(values))
    assert {row[HEADLINE] for row in rows if row["start"] == "reference"} == {None}


def test_failures_are_counted_as_the_metrics_say() -> None:
    found = records(unknown=["Cu4"], broken=["Si8"])
    assert {r.sample for r in found if r.status == "unsupported"} == {"Cu/reference", "Cu/perturbed"}
    assert {r.sample for r in found if r.status == "failed"} == {"Si/reference", "Si/perturbed"}
    scores = TASK.score(TASK.table(found))
    for start in ("reference", "perturbed"):
        # half of them failed: the median lies between a number and none
        for name in ("volume_error", "rmsd"):
            median = scores[f"{name}_{start}"]
            assert (median.value, median.n, median.n_missing) == (None, 4, 2)
        assert (scores[f"volume_error_{start}_mean"].n, scores[f"volume_error_{start}_mean"].n_missing) == (2, 2)
        assert scores[f"rmsd_{start}_mean"].value == pytest.approx(0.5, abs=0.01)
    assert scores["converged"].value == 0.5
    assert scores["symmetry_match_perturbed"].value == 0.5
    empty = TASK.score(TASK.table(records(broken=[str(end.symbols) for end in ends()])))
    assert empty["volume_error_perturbed"].value is None
    assert empty["rmsd_perturbed_mean"].value == 1.0


def test_records_survive_the_disk() -> None:
    found = right()
    again = [Record.model_validate_json(record.model_dump_json()) for record in found]
    assert TASK.table(again) == TASK.table(found)


def test_cost_is_that_of_the_evaluations() -> None:
    for record in right():
        steps = len(relaxation.energies(record)) - 1
        atoms = len(relaxation.reference(record).numbers)
        assert (record.force_calls, record.atom_calls) == (steps + 1, (steps + 1) * atoms)
        assert record.seconds > 0


def way(forces: list[float], energies: list[float], *, converged: bool = False) -> Record:
    (record,) = (r for r in right() if r.sample == "Si/reference")
    outputs = {
        **record.outputs,
        "energies": energies,
        "max_forces": forces,
        "max_cell_forces": [0.0] * len(forces),
        "converged": converged,
    }
    return record.model_copy(update={"outputs": outputs})


def test_well_posedness_is_read_from_the_way() -> None:
    falling = np.geomspace(1, 0.03, 301).tolist()
    circling = [*np.geomspace(1, 0.1, 101).tolist(), *[0.2, 0.1] * 100]
    energies = np.zeros(301).tolist()
    assert not relaxation.is_limit_cycle(way(falling, energies), steps=200)
    assert relaxation.is_limit_cycle(way(circling, energies), steps=200)
    assert not relaxation.is_limit_cycle(way([*circling[:-1], 0.09], energies), steps=200)
    assert not relaxation.is_limit_cycle(way(circling[:150], energies[:150]), steps=200)
    assert not relaxation.is_limit_cycle(way(circling, energies, converged=True), steps=200)
    (row,) = TASK.table([way([0.5, 0.2, 0.3, 0.1], [8.0, 0.0, 0.8, 0.4])])
    assert row["floor"] == 0.1
    assert row["uphill"] == pytest.approx(100.0)
    assert row["steps"] == 3


def test_another_structure_is_no_match() -> None:
    assert rmsd(crystal(bulk("Cu")), crystal(bulk("Cu"))) == pytest.approx(0.0, abs=1e-6)
    assert rmsd(crystal(bulk("NaCl", "rocksalt", a=5.6)), crystal(bulk("Cu"))) == 1.0


def test_rmsd_is_in_units_of_the_volume_per_atom() -> None:
    start, end = bulk("Mg"), bulk("Mg")
    start.positions[0] += [0.1, 0, 0]
    # the match takes out the common shift: half of it for either atom
    expected = 0.05 / (end.get_volume() / 2) ** (1 / 3)
    assert rmsd(crystal(start), crystal(end)) == pytest.approx(expected, rel=1e-3)
    # in a supercell the matcher first averages over what it takes for lattice translations: no error of ours
    start, end = end.repeat((2, 1, 1)), end.repeat((2, 1, 1))
    start.positions[0] += [0.1, 0, 0]
    assert rmsd(crystal(start), crystal(end)) == pytest.approx(expected / 2, rel=1e-3)


def test_symmetry_is_lost_and_gained() -> None:
    cubic, tetragonal = bulk("Si", cubic=True), bulk("Si", cubic=True)
    tetragonal.set_cell(tetragonal.cell.array * [1, 1, 1.01], scale_atoms=True)
    a, b = (space_group(crystal(atoms), 1e-3) for atoms in (cubic, tetragonal))
    assert a is not None
    assert b is not None
    assert (a.number, b.number) == (227, 141)
    assert symmetry_change(a, a) == "match"
    assert symmetry_change(b, a) == "decrease"
    assert symmetry_change(a, b) == "increase"
    assert symmetry_change(None, a) is None
    overlapping = Atoms("H2", positions=[(0, 0, 0), (0, 0, 1e-9)], cell=[1] * 3, pbc=True)
    assert space_group(crystal(overlapping), 1e-2) is None


def test_every_number_has_a_place_in_the_protocol() -> None:
    protocol = TASK.protocol
    assert protocol.reference_symprec in protocol.symprecs
    assert protocol.tight_symprec in protocol.symprecs
    assert len(protocol.symprecs) == 9
    assert list(protocol.symprecs) == sorted(protocol.symprecs)


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_subsets_of_phonondb_are_nested_and_chosen_by_hash() -> None:
    try:
        canary, fast, full = (TASK.samples(subset) for subset in ("canary", "fast", "full"))
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert (len(canary), len(fast), len(full)) == (8, 56, 214)
    ids = [[sample.id for sample in samples] for samples in (canary, fast, full)]
    assert ids[2][: len(ids[1])] == ids[1]
    assert ids[1][: len(ids[0])] == ids[0]
    names = list(dict.fromkeys(sample.id.partition("/")[0] for sample in full[8:]))
    assert names == sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert len(set(ids[2])) == 214
    assert all(not dataclasses.asdict(s)["reference"] for s in full)
    found = TASK.run(fast[8:12], Known([s.atoms for s in fast[8:12] if s.id.endswith("/reference")]))
    assert TASK.score(TASK.table(found))["rmsd_perturbed"].value == pytest.approx(0, abs=0.01)

"""The discovery task: its crystals, its records, and counts that are Matbench Discovery's."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from evaluation.errors import DatasetUnavailable, PredictionsError
from evaluation.record import Record
from evaluation.reference import dataset, wbm
from evaluation.task import Sample
from evaluation.tasks.discovery import TASK
from tests.evaluation.known import Known
from zoo.cards import index

pytestmark = pytest.mark.filterwarnings("ignore")  # matbench_discovery and what it draws with warn as they please

SUMMARY = """\
material_id,formula,n_sites,uncorrected_energy,e_correction_per_atom_mp2020,e_form_per_atom_mp2020_corrected,\
e_above_hull_mp2020_corrected_ppd_mp,unique_prototype
wbm-1-1,Mg1 O1,2,-10.4,-0.3,-2.5,-0.1,True
wbm-1-2,Mg1,2,-3.0,0.0,0.0,0.05,False
wbm-1-3,Cu1,1,-4.0,0.0,0.1,-0.02,True
wbm-1-4,Si1,2,,0.0,0.1,-0.02,True
"""
"""Elements at -3.0, -1.5 and -4.1 eV/atom; the last has no energy."""


def away(name: str, file: str) -> Path:
    raise DatasetUnavailable(f"{file} of {name}")


@pytest.fixture
def wbm_crystals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Atoms]]:
    """The data set's two files, of four crystals."""
    atoms = {
        "wbm-1-1": bulk("MgO", "rocksalt", a=4.25),
        "wbm-1-2": bulk("Mg"),
        "wbm-1-3": bulk("Cu"),
        "wbm-1-4": bulk("Si"),
    }
    files = {"summary": tmp_path / "summary", "initial-atoms": tmp_path / "initial-atoms"}
    files["summary"].write_bytes(gzip.compress(SUMMARY.encode()))
    with zipfile.ZipFile(files["initial-atoms"], "w") as archive:
        for name, one in atoms.items():
            text = io.StringIO()
            write(text, one, format="extxyz")
            archive.writestr(f"wbm-initial/{name}.extxyz", text.getvalue())
    monkeypatch.setattr(dataset, "fetch", lambda name, file: files[file])
    wbm.targets.cache_clear()
    yield atoms
    wbm.targets.cache_clear()


def run(samples: list[Sample], energies: list[float], *, entry: str = "sevennet-0", **options: Any) -> list[Record]:
    potential: Any = Known([sample.atoms for sample in samples], energies=energies, **options)
    potential.card, potential.mode = index.resolve(entry)
    return TASK.run(samples, potential)


def test_the_canary_needs_no_data_and_enters_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "fetch", away)
    samples = TASK.samples("canary")
    assert [sample.id for sample in samples] == ["MgO", "NaCl", "Si", "Cu"]
    ends = [sample.atoms for sample in samples]
    rows = TASK.table(TASK.run(samples, Known(ends, stretch=0.98)))
    assert all(row["steps"] > 0 for row in rows)  # type: ignore[operator]
    scores = TASK.score(rows)
    assert set(scores) == {metric.name for metric in TASK.metrics}
    assert scores.pop("converged").value == 1.0
    assert all((score.value, score.n, score.n_missing) == (None, 0, 0) for score in scores.values())


def test_without_wbm_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    with pytest.raises(DatasetUnavailable, match="'summary' could not be fetched"):
        TASK.samples("fast")


def test_samples_are_those_of_the_files(wbm_crystals: dict[str, Atoms]) -> None:
    samples = TASK.samples("full")[4:]
    names = [sample.id for sample in samples]
    assert names == sorted(["wbm-1-1", "wbm-1-2", "wbm-1-3"], key=lambda n: hashlib.sha256(n.encode()).hexdigest())
    assert {sample.subset for sample in samples} == {"fast"}
    by_id = {sample.id: sample for sample in samples}
    for name, sample in by_id.items():
        assert sample.atoms.numbers.tolist() == wbm_crystals[name].numbers.tolist()
        assert np.allclose(sample.atoms.cell, wbm_crystals[name].cell)
        assert sample.atoms.pbc.all()
    elements = [by_id[f"wbm-1-{n}"].reference["elements"] for n in (1, 2, 3)]
    assert elements == pytest.approx([-3.0, -1.5, -4.1])
    assert by_id["wbm-1-2"].reference["unique"] == 0.0


def test_a_table_of_another_kind_is_refused(wbm_crystals: dict[str, Atoms], tmp_path: Path) -> None:
    (tmp_path / "summary").write_bytes(gzip.compress(SUMMARY.replace("n_sites", "sites").encode()))
    with pytest.raises(PredictionsError, match="n_sites"):
        TASK.samples("fast")


def test_a_crystal_without_a_structure_is_told(wbm_crystals: dict[str, Atoms], tmp_path: Path) -> None:
    (tmp_path / "summary").write_bytes(gzip.compress(SUMMARY.replace("wbm-1-3", "wbm-1-5").encode()))
    with pytest.raises(PredictionsError, match="initial structures lack wbm-1-5"):
        TASK.samples("fast")


@pytest.mark.usefixtures("wbm_crystals")
def test_dft_itself_is_right_about_every_crystal() -> None:
    samples = sorted(TASK.samples("full")[4:], key=lambda sample: sample.id)
    for entry, energies in (("sevennet-0", [-5.2, -1.5, -4.0]), ("chgnet-0.3.0", [-5.5, -1.5, -4.0])):
        rows = TASK.table(run(samples, energies, entry=entry))
        assert [row["e_hull_pred"] for row in rows] == pytest.approx([-0.1, 0.05, -0.02])
        assert [row["misclassified"] for row in rows] == [0.0] * 3
        assert [row["formula"] for row in rows] == ["MgO", "Mg", "Cu"]


@pytest.mark.usefixtures("wbm_crystals")
def test_errors_and_failures_cost_what_matbench_discovery_says() -> None:
    samples = sorted(TASK.samples("full")[4:], key=lambda sample: sample.id)
    # the oxide fails, the metal is wrongly promised, copper is 10 meV too high and still stable
    rows = TASK.table(run(samples, [-5.2, -1.56, -3.99], broken=["MgO"]))
    assert [row["misclassified"] for row in rows] == [1.0, 1.0, 0.0]
    assert (rows[0]["status"], rows[0]["e_hull_ref"], rows[0]["e_hull_pred"]) == ("failed", -0.1, None)
    errors = [row["e_form_error"] for row in rows]
    assert errors[0] is None
    assert errors[1:] == pytest.approx([60.0, 10.0], abs=0.1)


@pytest.mark.slow  # importing matbench_discovery takes 8 s, and a minute where nobody has before
@pytest.mark.usefixtures("wbm_crystals")
def test_the_counts_are_those_of_stable_metrics() -> None:
    samples = sorted(TASK.samples("full")[4:], key=lambda sample: sample.id)
    scores = TASK.score(TASK.table(run(samples, [-5.2, -1.56, -3.99], broken=["MgO"])))
    assert scores["misclassified"].value == pytest.approx(2 / 3)
    assert scores["e_form_error"].value == pytest.approx(35.0, abs=0.1)
    assert (scores["e_form_error"].n, scores["e_form_error"].n_missing) == (2, 1)
    assert (scores["f1"].n, scores["f1"].n_missing) == (3, 1)
    # one of two stable ones found, one of two promises kept, where two of three would be by chance
    assert [scores[name].value for name in ("f1", "precision", "recall", "daf")] == pytest.approx([0.5, 0.5, 0.5, 0.75])
    assert scores["f1_unique"].value is scores["f1_lowest"].value is None  # both new prototypes are stable
    again = [Record.model_validate_json(record.model_dump_json()) for record in run(samples, [-5.2, -1.56, -3.99])]
    assert TASK.score(TASK.table(again))["f1"].n_missing == 0


@pytest.mark.usefixtures("wbm_crystals")
def test_what_diverges_or_is_unknown_is_called_unstable() -> None:
    samples = sorted(TASK.samples("full")[4:], key=lambda sample: sample.id)
    rows = TASK.table(run(samples, [-5.2, -9.0, -4.0]))
    assert (rows[1]["error"], rows[1]["misclassified"]) == ("diverged: -7.5 eV/atom off", 0.0)
    rows = TASK.table(run(samples, [-5.2, -1.5, -4.0], entry="matris-10m-mp"))
    assert [row["misclassified"] for row in rows] == [1.0, 0.0, 1.0]
    assert "does not say" in str(rows[0]["error"])

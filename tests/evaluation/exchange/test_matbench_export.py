"""The submission: files that say what the records say, and an error that lists what is missing."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.build import bulk
from typer.testing import CliRunner

from evaluation import task as tasks
from evaluation.cli import app
from evaluation.errors import SubmissionIncomplete
from evaluation.exchange.matbench_export import export
from evaluation.harness.store import write_records
from evaluation.outputs.kappa import Modes
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.result import Cost, Counts, Hardware, Result, Run
from evaluation.subset import Subset
from evaluation.task import Sample
from tests import toy
from tests.evaluation.known import Known
from tests.evaluation.solids import solid
from zoo.cards import index

CARD = toy.card()
MODE = CARD.default_mode
ENTRY = "toy@conservative"


def write_result(folder: Path, task: str, records: list[Record], *, subset: Subset = "full") -> None:
    """A result with these records; its scores do not matter here."""
    known = tasks.load(task)
    run = Run(
        entry=ENTRY,
        card="toy",
        checkpoint_sha256="0" * 64,
        task=task,
        protocol_version=1,
        protocol_sha256=protocol_sha256(known.protocol),
        dataset_sha256=known.dataset_sha256,
        subset=subset,
        device="cpu",
        threads=1,
        hardware=Hardware(cpu="Example CPU 9000", cores=2, memory_gb=16.0),
        python="3.12.7",
        packages={"ase": "3.29.0"},
        model_packages={"toy": "0.4.2", "torch": "2.13.0"},
        version="0.1.0",
        commits=(None,),
        started="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:05:06Z",
        counts=Counts(total=len(records), ok=len(records), failed=0, unsupported=0),
        cost=Cost(force_calls=1, atom_calls=1, seconds=1.0, microseconds_per_atom=None, peak_memory_gb=None),
    )
    result = Result(run=run, scores={})
    write_records(result.write(folder).with_name(result.records_name), records)


def crystals(task: str) -> list[Record]:
    """Records of that task: a canary, an oxide and a metal that fails."""
    figures = {"correction": -0.3, "elements": -3.0, "e_form_ref": -2.5, "e_hull_ref": 0.0, "unique": 1.0}
    samples = [
        Sample(id="Cu", atoms=bulk("Cu"), subset="canary"),
        Sample(id="wbm-1-1", atoms=bulk("MgO", "rocksalt", a=4.25), subset="fast", reference=figures),
        Sample(id="wbm-1-2", atoms=bulk("Mg"), subset="fast", reference=figures),
    ]
    potential: Any = Known([s.atoms for s in samples], energies=[-4.0, -5.2, -1.5], broken=["Mg2", "Cu"], stretch=1.001)
    potential.card = index.card("sevennet-0")
    return tasks.load(task).run(samples, potential)


@pytest.fixture
def solids(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"LiF-rocksalt": "rocksalt", "CdS-zincblende": "zincblende"}
    found = {name: solid(name, structure=structure) for name, structure in names.items()}
    monkeypatch.setattr(phonondb, "solids", lambda: found)


def unzipped(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def conductivities() -> list[Record]:
    modes = Modes(
        addresses=np.array([[0, 0, 0], [1, 0, 0]]),
        weights=np.array([1, 7]),
        frequencies=np.ones((2, 4)),
        mode_kappa=np.full((2, 4), 2.0),
        kappa_particles=np.array([2.0, 2.0, 2.0, 0, 0, 0]),
        kappa_coherences=np.array([0.0, 0.0, 0.0, 0, 0, 0]),
    )
    return [
        Record(sample="Si", status="ok", outputs={"outcome": "kappa", **modes.as_json()}),
        Record(sample="LiF-rocksalt", status="ok", outputs={"outcome": "kappa", "space_group": 225, **modes.as_json()}),
        Record(sample="CdS-zincblende", status="ok", outputs={"outcome": "imaginary", "space_group": 216}),
    ]


def test_what_is_missing_is_listed(tmp_path: Path) -> None:
    write_result(tmp_path, "discovery", crystals("discovery"), subset="fast")
    with pytest.raises(SubmissionIncomplete) as told:
        export(CARD, MODE, results=tmp_path, out=tmp_path / "out")
    assert "discovery: only the subset 'fast' was run" in str(told.value)
    assert f"kappa: no result; 'mlip-zoo evaluate {ENTRY} --task kappa --subset full'" in str(told.value)
    assert not (tmp_path / "out").exists()
    write_result(tmp_path / "canary", "discovery", crystals("discovery")[:1], subset="canary")
    with pytest.raises(SubmissionIncomplete, match="discovery: only the canary was run"):
        export(CARD, MODE, results=tmp_path / "canary", out=tmp_path / "out", partial=True)


@pytest.mark.usefixtures("solids")
def test_the_files_say_what_the_records_say(tmp_path: Path) -> None:
    write_result(tmp_path, "discovery", crystals("discovery"))
    write_result(tmp_path, "kappa", conductivities())
    about, energies, structures, kappa = export(CARD, MODE, results=tmp_path, out=tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (about, energies, structures, kappa)] == [
        "models/toy/toy.yml",
        "models/toy/toy/2026-01-02-discovery.csv.gz",
        "models/toy/toy/2026-01-02-geo-opt.jsonl.gz",
        "models/toy/toy/2026-01-02-phonons-kappa-103.json.gz",
    ]
    table = pd.read_csv(energies).set_index("material_id")["e_form_per_atom"]
    assert list(table.index) == ["wbm-1-1", "wbm-1-2"]
    assert table["wbm-1-1"] == pytest.approx(-2.5, abs=1e-3)
    assert np.isnan(table["wbm-1-2"])
    lines = [json.loads(line) for line in unzipped(structures).splitlines()]
    assert [line["material_id"] for line in lines] == ["wbm-1-1"]
    assert lines[0]["converged"] is True
    assert lines[0]["energy"] == pytest.approx(-10.4, abs=1e-3)
    from pymatgen.core import Structure

    structure = Structure.from_dict(lines[0]["structure"])
    assert structure.composition.reduced_formula == "MgO"
    assert structure.volume == pytest.approx(4.25**3 / 4 * 1.001**3, rel=2e-3)
    lithium, cadmium = json.loads(unzipped(kappa))
    assert (lithium["kappa_tot_avg"], lithium["has_imag_ph_modes"], lithium["final_spg_num"]) == ([2.0], False, 225)
    assert np.shape(lithium["mode_kappa_tot_avg"]) == (1, 2, 4)
    assert np.sum(lithium["mode_kappa_tot_avg"]) / np.sum(lithium["mode_weights"]) == pytest.approx(2.0)
    assert lithium["q_points"][1] == pytest.approx([1 / 19, 0, 0])
    assert (cadmium["kappa_tot_avg"], cadmium["has_imag_ph_modes"], cadmium["initial_spg_num"]) == (None, True, 216)
    said = yaml.safe_load(about.read_text())
    assert (said["model_key"], said["targets"], said["test_task"]) == ("toy", "EFS_G", "IS2RE-SR")
    assert said["environment"]["dependencies"] == ["torch==2.13.0", "toy==0.4.2"]
    assert "SUBMISSION" not in said["notes"]["steps"]
    assert "authors" not in said
    file = said["metrics"]["discovery"]["pred_file"]
    data = energies.read_bytes()
    assert (file["size"], file["md5"]) == (len(data), hashlib.md5(data).hexdigest())


def test_part_of_it_says_so(tmp_path: Path) -> None:
    write_result(tmp_path, "formation", crystals("formation"))
    about, energies, _ = export(CARD, MODE, results=tmp_path, out=tmp_path / "out", partial=True)
    said = yaml.safe_load(about.read_text())
    assert said["test_task"] == "RS2RE"
    assert "972 of WBM or fewer" in said["notes"]["steps"]
    assert "NOT A WHOLE SUBMISSION" in said["notes"]["steps"]
    assert pd.read_csv(energies)["material_id"].tolist() == ["wbm-1-1", "wbm-1-2"]
    before = energies.read_bytes()
    export(CARD, MODE, results=tmp_path, out=tmp_path / "out", partial=True)
    assert energies.read_bytes() == before


def test_the_command_lists_what_is_missing(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "matbench-discovery", "chgnet-0.3.0", "--results", str(tmp_path)])
    assert isinstance(done.exception, SubmissionIncomplete)

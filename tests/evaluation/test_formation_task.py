"""The formation task: corrections where they belong, and the mean errors of archived predictions."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from evaluation import dataset, formation_energy
from evaluation.errors import DatasetUnavailable
from evaluation.record import Record
from evaluation.task import Sample
from evaluation.tasks.formation import METRICS, TASK, materials
from tests.evaluation.known import Known

ARCHIVED = {"chgnet-0.3.0": 0.0651, "sevennet-0": 0.0496, "mace-mp-0": 0.0584, "orb-v2": 0.0295, "eqv2-m": 0.0217}
"""Mean errors (eV/atom) of the archived predictions on these crystals."""

OXIDE = Sample(
    id="oxide",
    atoms=bulk("MgO", "rocksalt", a=4.25),
    subset="fast",
    reference={"correction": -0.3, "elements": -3.0, "e_form_ref": -2.5},
)
METAL = Sample(
    id="metal",
    atoms=bulk("Mg"),
    subset="fast",
    reference={"correction": 0.0, "elements": -1.5, "e_form_ref": 0.0},
)


def run(energies: Sequence[float], *, energies_are: str | None, **options: Any) -> list[Record]:
    samples = [OXIDE, METAL]
    potential = Known([sample.atoms for sample in samples], energies=energies, **options)
    potential.card = SimpleNamespace(energies=energies_are)  # type: ignore[attr-defined]
    return TASK.run(samples, potential)


def test_raw_energies_are_corrected_and_corrected_ones_are_not() -> None:
    for energies, kind in (([-5.2, -1.5], "dft"), ([-5.5, -1.5], "mp2020-corrected")):
        rows = {row["sample"]: row for row in TASK.table(run(energies, energies_are=kind))}
        assert rows["oxide"]["e_form_pred"] == pytest.approx(-2.5)
        assert rows["oxide"]["e_form_error"] == pytest.approx(0.0, abs=1e-9)
        assert rows["metal"]["e_form_pred"] == pytest.approx(0.0, abs=1e-9)
        assert rows["oxide"]["formula"] == "MgO"


def test_a_known_error_is_measured_with_its_sign() -> None:
    scores = TASK.score(TASK.table(run([-5.19, -1.53], energies_are="dft", stretch=1.01)))
    assert set(scores) == {metric.name for metric in METRICS}
    assert scores["e_form_error"].value == pytest.approx(20, abs=0.2)
    assert scores["e_form_bias"].value == pytest.approx(10, abs=0.2)
    assert scores["e_form_bias"].low == 0.0
    assert scores["e_form_bias"].high == pytest.approx(30, abs=0.2)
    assert scores["volume_error"].value == pytest.approx(3.03, abs=0.3)
    assert scores["rmsd"].value == pytest.approx(0.0, abs=1e-3)
    assert scores["converged"].value == 1.0


def test_without_a_word_of_the_card_there_is_no_energy() -> None:
    rows = TASK.table(run([-5.2, -1.5], energies_are=None))
    assert all("does not say" in str(row["error"]) for row in rows)
    scores = TASK.score(rows)
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 2)
    assert scores["converged"].value == 1.0


def test_what_failed_or_diverged_is_missing() -> None:
    rows = {row["sample"]: row for row in TASK.table(run([-5.2, -9.0], energies_are="dft", broken=["MgO"]))}
    assert rows["oxide"]["error"] == "it broke"
    assert rows["metal"]["error"] == "diverged: -7.5 eV/atom off"
    scores = TASK.score(list(rows.values()))
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 2)
    assert (scores["volume_error"].n, scores["volume_error"].n_missing) == (1, 1)
    assert scores["rmsd"].value == pytest.approx(0.5, abs=1e-3)


def test_canaries_run_without_reference() -> None:
    samples = TASK.samples("canary")
    found = TASK.run(samples, Known([sample.atoms for sample in samples]))
    assert [record.status for record in found] == ["ok"] * 3
    scores = TASK.score(TASK.table(found))
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 0)
    assert scores["converged"].value == 1.0


@pytest.mark.usefixtures("persons_mirror")
def test_archived_predictions_have_their_known_errors() -> None:
    pandas = pytest.importorskip("pandas")
    try:
        found = materials()
        archive = pandas.read_parquet(dataset.fetch("wbm-predictions", "predictions"))
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert (len(TASK.samples("fast")), len(TASK.samples("full"))) == (243, 975)
    for name, expected in ARCHIVED.items():
        rows = []
        for material in found.values():
            n = len(material.atoms)
            energy = float(archive.loc[material.id, name]) - material.reference.correction + material.reference.elements
            outputs: dict[str, Any] = {
                "numbers": [0] * n,
                "energies": [energy * n],
                "energies_are": "dft",
                **material.reference.figures,
            }
            record = Record(sample=material.id, status="ok", outputs=outputs)
            rows.append(formation_energy.row(record, diverged=TASK.protocol.diverged))
        errors = [row["e_form_error"] for row in rows if "e_form_error" in row]
        assert len(errors) == 972
        assert np.mean(np.array(errors, dtype=float)) / 1000 == pytest.approx(expected, abs=6e-4), name

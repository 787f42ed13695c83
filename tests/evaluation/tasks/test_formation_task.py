"""The formation task: corrections where they belong, and the mean errors of archived predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from evaluation.definitions.formation import METRICS
from evaluation.errors import DatasetUnavailable
from evaluation.record import Record
from evaluation.reference import dataset, formation_energy, mp2020
from evaluation.task import Sample
from evaluation.tasks.formation import TASK, materials
from tests.evaluation.known import Known
from zoo.cards import index

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


MP2020 = {"V": -1.7, "Cr": -1.999, "Mn": -1.668, "Fe": -2.256, "Co": -1.638, "Ni": -2.541, "W": -4.438, "Mo": -3.202}
"""Corrections of metals with a U, eV per atom, in oxides as in fluorides (pymatgen's MP2020Compatibility.yaml)."""

RAW, CORRECTED, SILENT = "sevennet-0", "chgnet-0.3.0", "matris-10m-mp"
"""Models whose cards say that their energies are DFT's, or corrected, or nothing."""


def run(energies: Sequence[float], *, entry: str, samples: Sequence[Sample] = (OXIDE, METAL), **options: Any) -> Any:
    """Records of a potential with these energies and the card of that entry."""
    potential: Any = Known([sample.atoms for sample in samples], energies=energies, **options)
    potential.card, potential.mode = index.resolve(entry)
    return TASK.run(samples, potential)


def test_raw_energies_are_corrected_and_corrected_ones_are_not() -> None:
    for energies, entry in (([-5.2, -1.5], RAW), ([-5.5, -1.5], CORRECTED)):
        rows = {row["sample"]: row for row in TASK.table(run(energies, entry=entry))}
        assert rows["oxide"]["e_form_pred"] == pytest.approx(-2.5)
        assert rows["oxide"]["e_form_error"] == pytest.approx(0.0, abs=1e-9)
        assert rows["metal"]["e_form_pred"] == pytest.approx(0.0, abs=1e-9)
        assert rows["oxide"]["formula"] == "MgO"


def test_a_known_error_is_measured_with_its_sign() -> None:
    scores = TASK.score(TASK.table(run([-5.19, -1.53], entry=RAW, stretch=1.01)))
    assert set(scores) == {metric.name for metric in METRICS}
    assert scores["e_form_error"].value == pytest.approx(20, abs=0.2)
    assert scores["e_form_bias"].value == pytest.approx(10, abs=0.2)
    assert scores["e_form_bias"].low == 0.0
    assert scores["e_form_bias"].high == pytest.approx(30, abs=0.2)
    assert scores["volume_error"].value == pytest.approx(3.03, abs=0.3)
    assert scores["rmsd"].value == pytest.approx(0.0, abs=1e-3)
    assert scores["converged"].value == 1.0


def test_without_a_word_of_the_card_there_is_no_energy() -> None:
    rows = TASK.table(run([-5.2, -1.5], entry=SILENT))
    assert all("does not say" in str(row["error"]) for row in rows)
    scores = TASK.score(rows)
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 0)
    assert scores["converged"].value == 1.0


@pytest.fixture
def matpes(monkeypatch: pytest.MonkeyPatch) -> None:
    """MatPES's elements, as far as these tests go."""
    found = {"Mg": -1.4, "O": -5.0, "Fe": -8.0, "Cu": -3.8}
    monkeypatch.setattr(formation_energy, "matpes_elements", lambda: found)


@pytest.mark.usefixtures("matpes")
def test_what_learned_from_matpes_is_compared_with_matpes_elements() -> None:
    """MgO at -5.2 and Mg at -1.5 eV/atom for the Materials Project are -5.4 and -1.4 on MatPES's scale."""
    for entry in ("tensornet-matpes-pbe", "sevennet-omni@matpes-pbe"):
        records = run([-5.4, -1.4], entry=entry)
        assert all(record.outputs["trained_on"] == ["matpes-pbe"] for record in records)
        rows = {row["sample"]: row for row in TASK.table(records)}
        assert [rows[name]["e_form_pred"] for name in ("oxide", "metal")] == pytest.approx([-2.5, 0.0])
        assert [rows[name]["e_form_error"] for name in ("oxide", "metal")] == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.usefixtures("matpes")
def test_a_hubbard_u_on_one_side_is_no_comparison() -> None:
    figures = {"correction": -0.3, "elements": -3.0, "e_form_ref": -2.5}
    wustite, cuprite, unknown = (
        Sample(id=name, atoms=bulk(name, "rocksalt", a=4.3), subset="fast", reference=figures)
        for name in ("FeO", "CuO", "ZnO")
    )
    records = run([-5.0, -4.4, -4.0], entry="tensornet-matpes-pbe", samples=[wustite, cuprite, unknown])
    rows = {row["sample"]: row for row in TASK.table(records)}
    assert (rows["FeO"]["error"], rows["FeO"]["e_form_pred"]) == (formation_energy.NO_U, None)
    assert rows["CuO"]["e_form_pred"] == pytest.approx(-4.4 - 0.3 + 4.4)
    assert rows["ZnO"]["error"] == "MatPES has no energy of the element Zn"
    scores = TASK.score(list(rows.values()))
    assert (scores["e_form_error"].n, scores["e_form_error"].n_missing) == (1, 0)
    assert [row["sample"] for row in TASK.ranked(list(rows.values()))] == ["CuO"]
    assert scores["converged"].n == 3
    # on the Materials Project's own scale it is an oxide like others
    assert TASK.table(run([-5.0], entry=RAW, samples=[wustite]))[0]["error"] is None


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        ("nequix-omat-1", "OMat24"),
        ("sevennet-mf-0@r2scan", "Materials Project relaxations, r2SCAN"),
        ("tensornet-matpes-r2scan-2025.2", "MatPES-r2SCAN v2025.2"),
        ("sevennet-mf-ompa@omat24", "OMat24"),
        ("pet-mad-s-1.0.2", "MAD-1.0"),
    ],
)
def test_other_settings_and_functionals_have_no_formation_energy(entry: str, title: str) -> None:
    rows = TASK.table(run([-5.2, -1.5], entry=entry))
    assert {row["error"] for row in rows} == {
        f"energies learned from {title} do not compare with the Materials Project's PBE"
    }
    scores = TASK.score(rows)
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 0)
    assert scores["volume_error"].n == 2


@pytest.mark.parametrize(
    "entry", ["chgnet-0.3.0", "sevennet-0", "sevennet-mf-0@pbe", "pet-tiny", "orb-v3-direct-20-mpa"]
)
def test_on_the_materials_projects_scale_records_say_nothing_more(entry: str) -> None:
    for record in run([-5.2, -1.5], entry=entry):
        assert "trained_on" not in record.outputs
        assert record.outputs["energies_are"] == index.resolve(entry)[0].energies


def test_elements_that_are_missing_are_missed_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(name: str, file: str) -> None:
        raise DatasetUnavailable(f"{file} of {name}")

    monkeypatch.setattr(dataset, "fetch", away)
    formation_energy.matpes_elements.cache_clear()
    with pytest.raises(DatasetUnavailable, match="pbe of matpes-elements"):
        run([-5.4, -1.4], entry="tensornet-matpes-pbe")
    canary = TASK.samples("canary")
    assert [record.status for record in run([0.0] * 3, entry="tensornet-matpes-pbe", samples=canary)] == ["ok"] * 3


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_matpes_has_every_element_of_the_crystals() -> None:
    formation_energy.matpes_elements.cache_clear()
    try:
        elements, found = formation_energy.matpes_elements(), materials()
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert elements["Mg"] == pytest.approx(-1.513484145)
    assert all(elements.keys() >= set(material.atoms.symbols) for material in found.values())


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_the_crystals_with_a_u_are_those_that_mp2020_corrects_for_it() -> None:
    """The metals' corrections are larger than any anion's, and no crystal without a U has one."""
    try:
        found = materials()
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    with_u = set()
    for material in found.values():
        counts = Counter(material.atoms.symbols)
        metals = 0.0
        if mp2020.has_hubbard_u(counts.keys()):
            with_u.add(material.id)
            metals = sum(MP2020.get(symbol, 0.0) * n for symbol, n in counts.items())
        anions = (material.reference.correction * len(material.atoms) - metals) / len(material.atoms)
        assert -0.687 <= anions <= 0.071, material.id  # oxygen's and silicon's are the extremes
    assert len(with_u) == 19


def test_what_failed_or_diverged_is_missing() -> None:
    rows = {row["sample"]: row for row in TASK.table(run([-5.2, -9.0], entry=RAW, broken=["MgO"]))}
    assert rows["oxide"]["error"] == "it broke"
    assert [row["comparable"] for row in TASK.ranked(list(rows.values()))] == [True, True]
    assert rows["metal"]["error"] == "diverged: -7.5 eV/atom off"
    scores = TASK.score(list(rows.values()))
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 2)
    assert (scores["e_form_error"].n, scores["e_form_error_mean"].n) == (2, 0)
    assert (scores["volume_error"].n, scores["volume_error"].n_missing) == (1, 1)
    assert scores["rmsd"].value == pytest.approx(0.5, abs=1e-3)


def test_canaries_run_without_reference() -> None:
    samples = TASK.samples("canary")
    found = TASK.run(samples, Known([sample.atoms for sample in samples]))
    assert [record.status for record in found] == ["ok"] * 3
    scores = TASK.score(TASK.table(found))
    assert (scores["e_form_error"].value, scores["e_form_error"].n_missing) == (None, 0)
    assert scores["converged"].value == 1.0


@pytest.mark.data
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

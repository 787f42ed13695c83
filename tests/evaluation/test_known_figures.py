"""Figures that once misled, from published records: what today's definitions say of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from evaluation import task as tasks
from evaluation.definitions import constraints
from evaluation.equation_of_state import PHYSICAL_DERIVATIVES
from evaluation.harness.store import read_records
from evaluation.metric import Score
from evaluation.outputs.eos import dcdft, reference
from evaluation.physics import phonons
from evaluation.record import Record
from evaluation.result import read_result
from evaluation.scoring import scores
from evaluation.task import Row
from evaluation.tasks.phonons import TASK as PHONONS
from zoo.batch import Computes

RESULTS = Path(__file__).parents[2] / "leaderboard" / "results"


@cache
def scored(task: str, entry: str) -> tuple[dict[str, Row], dict[str, Score]]:
    found = tasks.load(task)
    rows = found.table(read_records(RESULTS / task / f"{entry}.parquet"))
    return {str(row["sample"]): row for row in rows}, scores(found, rows)


def published(task: str, entry: str) -> dict[str, Score]:
    """The scores that a result stores; that its records give them is another test's (ranking/test_scored.py)."""
    return dict(read_result(RESULTS / task / f"{entry}.json").scores)


def test_a_modulus_that_depends_on_the_strain_is_flagged() -> None:
    rows, _ = scored("elasticity", "chgnet-0.3.0@conservative")
    (ces,) = (row for row in rows.values() if row["formula"] == "CeS")
    found = [ces[name] for name in ("k_small_gpa", "k_large_gpa", "k_pred_gpa", "k_ref_gpa")]
    assert found == pytest.approx([127, 77, 87, 119], abs=0.7)
    assert ces["linear"] is False


def test_who_makes_crystals_unstable_gains_nothing() -> None:
    rows, found = scored("elasticity", "sevennet-0@conservative")
    unstable = [row for row in rows.values() if row["stable"] is False]
    assert len(unstable) == 22
    assert (found["k_error"].n, found["k_error_mean"].n) == (120, 98)
    assert found["k_error"].value == pytest.approx(8.30, abs=0.01)


def test_the_largest_errors_do_not_decide_an_equation_of_states_figures() -> None:
    rows, found = scored("eos", "tensornet-matpes-pbe@conservative")
    assert found["delta"].high is not None
    assert found["delta"].high < 5
    assert rows["Kr"]["delta"] is None
    assert str(rows["Kr"]["error"]).startswith("unphysical")
    for entry in ("chgnet-0.3.0@conservative", "chgnet-r2scan@conservative"):
        median = scored("eos", entry)[1]["b0_error"].value
        assert median is not None
        assert 10 < median < 25


def test_every_reference_has_a_physical_derivative() -> None:
    low, high = PHYSICAL_DERIVATIVES
    derivatives = {symbol: reference(symbol)["b0_prime"] for symbol in dcdft()}
    assert len(derivatives) == 71
    assert all(low < derivative < high for derivative in derivatives.values()), derivatives


def test_what_a_model_does_not_know_is_no_failure() -> None:
    _, found = scored("eos", "pet-tiny@conservative")
    assert (found["delta"].n, found["delta"].n_missing, found["delta"].n_unsupported) == (25, 11, 46)


def test_a_gradient_is_rough_at_the_scale_of_phonons_and_its_smallest_asymmetry_does_not_say_so() -> None:
    rows, _ = scored("constraints", "chgnet-0.3.0@conservative")
    silicon = rows["Si"]
    smallest, phonons = silicon["lambda"], silicon["lambda_phonon_scale"]
    assert isinstance(smallest, float)
    assert isinstance(phonons, float)
    assert phonons > 0.02 > 5 * smallest


def test_force_constants_are_asymmetric_before_they_are_symmetrised() -> None:
    records = read_records(RESULTS / "phonons" / "chgnet-0.3.0@conservative.parquet")
    full = [cast("dict[str, float]", record.outputs["residuals_full"])["fc_asymmetry"] for record in records]
    assert (sum(asymmetry > 0.05 for asymmetry in full), len(full)) == (41, 107)


def test_a_relaxation_moves_until_further_tightening_moves_nothing() -> None:
    """At 0.02 eV/Å both stopped at once, with exactly 0.000 % of volume."""
    stopped = ("KF-mp-463/reference", "RbBr-mp-22867/reference")
    records = read_records(RESULTS / "relaxation" / "chgnet-0.3.0@conservative.parquet")
    rows = tasks.load("relaxation").table([record for record in records if record.sample in stopped])
    assert [row["volume_error"] for row in rows] == pytest.approx([0.64, 0.70], abs=0.01)
    found = published("relaxation", "chgnet-0.3.0@conservative")
    assert found["volume_error_reference_mean"].value == pytest.approx(0.81, abs=0.01)


def test_symmetry_is_kept_from_one_start_and_at_one_precision() -> None:
    """One mean over both starts was 0.547."""
    found = published("relaxation", "chgnet-0.3.0@conservative")
    starts = [
        found[f"symmetry_match{precision}_{start}"].value
        for start in ("reference", "perturbed")
        for precision in ("", "_tight")
    ]
    assert starts == pytest.approx([0.991, 0.570, 0.738, 0.0], abs=0.001)


def test_half_of_the_crystals_unknown_is_coverage_and_no_error() -> None:
    found = published("relaxation", "pet-tiny@conservative")
    errors = [found[f"rmsd_{start}"] for start in ("reference", "perturbed")]
    assert [(each.n, each.n_missing, each.n_unsupported) for each in errors] == [(46, 1, 61), (46, 2, 61)]


def test_the_volume_tells_models_apart_where_the_median_rmsd_is_what_the_optimiser_left() -> None:
    found = [published("relaxation", f"{name}@conservative") for name in ("sevennet-0", "chgnet-0.3.0")]
    assert [each["volume_error_perturbed"].value for each in found] == pytest.approx([0.259, 0.461], abs=0.001)
    assert max(cast(float, each["rmsd_perturbed"].value) for each in found) < 1e-3
    assert [each["rmsd_perturbed_mean"].value for each in found] == pytest.approx([0.0296, 0.0163], abs=1e-4)


def test_a_few_frames_do_not_decide_the_forces() -> None:
    found = published("forces", "sevennet-0@conservative")
    assert found["force_mae"].value == pytest.approx(170.7, abs=0.1)
    assert found["force_mae_mean"].value == pytest.approx(1405.0, abs=0.1)
    fitted = published("forces", "tensornet-matpes-pbe@conservative")
    assert (fitted["energy_mae"].value, fitted["energy_mae"].n) == (None, 0)


def test_corrected_energies_are_compared_with_corrected_energies() -> None:
    """A fit per element gave 98.5 and 19.8 meV/atom."""
    entries = ("chgnet-0.3.0@conservative", "sevennet-0@conservative")
    found = [published("forces", entry)["energy_mae_mptrj_random_mean"].value for entry in entries]
    assert found == pytest.approx([26.6, 11.1], abs=0.05)


def test_formation_energies_from_the_dft_geometry_are_not_a_discovery_figure() -> None:
    """Matbench Discovery's archive has 50.0 meV/atom for the same crystals, from WBM's initial structures."""
    found = published("formation", "sevennet-0@conservative")
    assert found["e_form_error_mean"].value == pytest.approx(44.0, abs=0.05)
    assert found["e_form_error"].n == 240


def test_the_smallest_asymmetry_does_not_rank_who_turns_most() -> None:
    """In double precision PET-tiny's λ is the smallest of all, and its forces turn as much as in single precision."""
    single, double = (published("constraints", f"pet-tiny@conservative{mode}") for mode in ("", "+float64"))
    assert double["lambda"].value == pytest.approx(7.4e-11, rel=0.01)
    assert double["rotation_force"].value == pytest.approx(14.92, abs=0.01)
    assert double["rotation_force"].value == pytest.approx(single["rotation_force"].value, rel=1e-4)
    assert constraints.METRICS[0].name == "rotation_force"


@pytest.mark.slow
def test_a_frequency_depends_on_the_displacement() -> None:
    """CHGNet's transverse optical mode of NaCl at Γ, THz: imaginary at 0.002 Å, and no limit up to 0.1 Å."""
    import zoo

    with zoo.load("chgnet-0.3.0", device="cpu", threads=1) as potential:
        (record,) = (r for r in _sodium_chloride(potential) if r.sample == "NaCl")
        crystal = PHONONS._relaxed(record)
        found = []
        for distance in (0.002, 0.01, 0.03, 0.1):
            moved = phonons.reduced_displacements(crystal, distance=distance)
            forces = np.array(potential.compute(phonons.supercells(crystal, moved)[1:]).forces)
            at_gamma = phonons.reduced_set_frequencies(crystal, moved, forces, qpoints=np.zeros((1, 3)))[0]
            found.append(at_gamma[0] if at_gamma[0] < -0.1 else at_gamma[-1])
    assert found == pytest.approx([-1.38, 1.94, 3.55, 4.13], abs=0.05)


def _sodium_chloride(potential: Computes) -> list[Record]:
    return PHONONS.run([sample for sample in PHONONS.samples("canary") if sample.id == "NaCl"], potential)


def test_what_is_equal_in_the_rank_is_the_protocols_threshold_of_single_precision() -> None:
    found = constraints.protocol().thresholds["float32"]["rotation_force"]
    assert constraints.METRICS[0].rounding == found

"""Calibration: each detector finds what was dialled into a surrogate, and nothing where nothing was dialled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from ase import Atoms

import leaderboard
from evaluation.metrics.constraints import Figures, asymmetry, figures, verdicts
from evaluation.physics import probes
from evaluation.physics.constraints import ConstraintSettings, measure
from evaluation.physics.probes import Probe
from evaluation.protocol import protocol_sha256
from evaluation.studies.calibration import Morse
from evaluation.task import load
from evaluation.tasks.constraints import TASK
from tests.zoo.broken import AltersAnswer, forces_times, left_handed
from tests.zoo.reference_model import Float32, ReferenceModel
from zoo.batch import Batch, Computes
from zoo.wrappers import synthetic_errors
from zoo.wrappers.rotation import random_rotation, rotated
from zoo.wrappers.surrogate import Surrogate

SETTINGS = TASK.settings
SAMPLES = TASK.samples("canary")
CRYSTALS = [pytest.param(sample.atoms, id=sample.id) for sample in SAMPLES]
MGO = SAMPLES[0].atoms
WITHIN = 0.05
PUBLISHED = Path(leaderboard.__file__).parent / "results"


def asked(probe: Probe, model: Computes) -> dict[str, object]:
    return {**probe.read(model.compute(probe.structures))}


def asymmetry_of(model: Computes, atoms: Atoms) -> dict[str, list[float]]:
    found = asked(probes.asymmetry(atoms, SETTINGS.steps), model)["jacobian"]
    return cast("dict[str, list[float]]", found)


def rms(numbers: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(numbers))))


@cache
def sound() -> Figures:
    """Everything at one crystal, nothing dialled."""
    return everything(ReferenceModel())


def everything(model: Computes, atoms: Atoms = MGO, *, settings: ConstraintSettings = SETTINGS) -> Figures:
    short = replace(settings, nve_steps=20)
    (found,) = measure(model, [atoms], seeds=[1], settings=short)
    assert found.error is None
    return figures(found.outputs)


# --- λ --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("atoms", CRYSTALS)
@pytest.mark.parametrize("dial", [1e-3, 0.03, 0.3])
def test_lambda(atoms: Atoms, dial: float) -> None:
    raw = asymmetry_of(Surrogate.tuned(ReferenceModel(), atoms, asymmetry=dial), atoms)
    found = asymmetry(raw["steps"], raw["antisymmetric_norms"], raw["norms"])
    assert found.smallest == pytest.approx(dial, rel=WITHIN)
    assert found.extrapolated == pytest.approx(dial, rel=WITHIN)


@pytest.mark.parametrize("atoms", CRYSTALS)
def test_lambda_beneath_noise(atoms: Atoms) -> None:
    """Noise that alone would be half of it at 0.01 Å, the dial itself at 0.005 Å, and near one at the finest step."""
    dial, n = 0.02, 3 * len(atoms)
    rough = dial / 2 * 2 * 0.01 * asymmetry_of(ReferenceModel(), atoms)["norms"][-1] / n
    raw = asymmetry_of(Surrogate.tuned(ReferenceModel(), atoms, asymmetry=dial, rough=rough), atoms)
    found = asymmetry(raw["steps"], raw["antisymmetric_norms"], raw["norms"])
    assert found.by_step[0] > 0.5
    assert found.extrapolated == pytest.approx(dial, rel=WITHIN)
    assert found.by_step[-1] > 1.05 * dial
    assert found.noise == pytest.approx(rough * np.sqrt(n * (n - 1)), rel=2 * WITHIN)


def test_no_asymmetry_in_a_gradient() -> None:
    found = sound()
    assert cast(float, found["lambda"]) < 1e-7
    assert found["lambda_extrapolated"] == pytest.approx(0, abs=1e-7)
    assert cast(float, found["lambda_0_01"]) > 1e-5  # anharmonicity: what the smaller steps are for


# --- rotation and inversion -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("atoms", CRYSTALS)
def test_rotation_error(atoms: Atoms) -> None:
    dial = 0.01
    model = Surrogate.tuned(ReferenceModel(), atoms, rotation_error=dial)
    truth = model.rotation_error(atoms)
    found = asked(probes.rotation(atoms, SETTINGS.rotations), model)
    rotation = cast("dict[str, list[float]]", found["rotation"])
    assert rms(rotation["forces"]) == pytest.approx(dial, rel=WITHIN)
    assert rms(rotation["energies"]) == pytest.approx(truth.energy_per_atom, rel=2 * WITHIN)  # one number, not 24
    assert rms(rotation["stresses"]) == pytest.approx(truth.stress, rel=WITHIN)
    inversion = cast("dict[str, list[float]]", found["inversion"])  # of an axis, which has no sense
    assert rms(inversion["forces"]) < 1e-12


def test_inversion_error() -> None:
    """An axial vector among the forces turns with the crystal and does not flip with its mirror image."""
    extra = AltersAnswer(left_handed).compute([MGO]).forces[0] - ReferenceModel().compute([MGO]).forces[0]
    found = asked(probes.rotation(MGO, SETTINGS.rotations), AltersAnswer(left_handed))
    inversion = cast("dict[str, list[float]]", found["inversion"])
    assert rms(inversion["forces"]) == pytest.approx(rms(extra.ravel().tolist()), rel=1e-6)
    assert rms(cast("dict[str, list[float]]", found["rotation"])["forces"]) < 1e-12


def test_the_rotations_are_proper_and_spread() -> None:
    matrices = SETTINGS.rotations
    assert len(matrices) == 24
    assert np.linalg.det(matrices) == pytest.approx(1)
    assert abs(matrices.mean(axis=0)).max() < 0.05  # degree one averages out


# --- noise ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dial", [1e-4, 1e-3])
def test_rough_noise(dial: float) -> None:
    rng = np.random.default_rng(0)
    directions = probes.single_atom_directions(rng, SETTINGS.rough_directions, len(MGO))
    probe = probes.roughness(MGO, directions, spacing=SETTINGS.rough_spacing, points=SETTINGS.rough_points)
    found = cast("dict[str, list[float]]", asked(probe, Surrogate(ReferenceModel(), rough=dial))["roughness"])
    assert rms(found["noise"]) == pytest.approx(dial, rel=WITHIN)
    without = cast("dict[str, list[float]]", asked(probe, ReferenceModel())["roughness"])
    assert rms(without["noise"]) < 1e-5


def test_smooth_noise_is_work_that_the_energy_does_not_do() -> None:
    dial = 0.01
    model = Surrogate(ReferenceModel(), smooth=dial, seed=4)
    directions = probes.unit_directions(np.random.default_rng(1), 6, len(MGO))
    probe = probes.force_work(MGO, directions, SETTINGS.path, name="work")
    found = cast("dict[str, list[float]]", asked(probe, model)["work"])
    error = np.array(found["claimed"]) - np.array(found["real"])
    centres = synthetic_errors.centres(MGO, synthetic_errors.Pairs.of(MGO))
    added = dial * synthetic_errors.smooth_noise(MGO.numbers, centres, length=model.length, seed=model.seed)
    along = [-float((added * direction).sum()) for direction in directions]  # it hardly varies over 0.04 Å
    assert error == pytest.approx(np.array(along), rel=WITHIN, abs=WITHIN * rms(along))


def test_smooth_noise_is_a_rotation_error() -> None:
    model = Surrogate(ReferenceModel(), smooth=0.01, seed=4)
    found = asked(probes.rotation(MGO, SETTINGS.rotations), model)
    rng = np.random.default_rng(5)
    matrices = [random_rotation(rng) for _ in range(400)]
    batch = model.compute([rotated(MGO, matrix) for matrix in matrices])
    back = np.array([forces @ matrix for forces, matrix in zip(batch.forces, matrices, strict=True)])
    truth = rms((back - back.mean(axis=0)).ravel().tolist())
    assert rms(cast("dict[str, list[float]]", found["rotation"])["forces"]) == pytest.approx(truth, rel=2 * WITHIN)


# --- gradient and loops ---------------------------------------------------------------------------------------------


def test_a_factor_on_the_forces_is_a_relative_gradient_error() -> None:
    found = everything(AltersAnswer(forces_times(1.02)))
    assert found["gradient_ratio"] == pytest.approx(0.02 / 1.02, rel=1e-3)
    assert cast(float, found["lambda"]) < 1e-6  # the gradient of another energy is still a gradient


def test_a_factor_on_the_stress_is_a_relative_stress_error() -> None:
    def softened(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        assert batch.stresses is not None
        return replace(batch, stresses=0.9 * batch.stresses)

    found = everything(AltersAnswer(softened))
    assert found["stress_ratio"] == pytest.approx(0.1, rel=1e-3)
    assert cast(float, found["gradient_ratio"]) < 1e-6


def test_a_curl_does_work_on_a_loop() -> None:
    model = Surrogate.tuned(ReferenceModel(), MGO, asymmetry=0.05)
    corners = probes.triangles(np.random.default_rng(0), 8, len(MGO), edge=SETTINGS.loop_edge)
    found = cast("dict[str, list[float]]", asked(probes.loop_work(MGO, corners, nodes=8), model)["loops"])
    jacobian = model.curl * synthetic_errors.curl_jacobian(MGO, synthetic_errors.Pairs.of(MGO))
    first, second = (corners[:, k].reshape(8, -1) for k in (1, 2))
    area = np.einsum("ki,ij,kj->k", second, jacobian - jacobian.T, first) / 2  # Stokes, for a linear field
    assert found["work"] == pytest.approx(area, rel=WITHIN, abs=WITHIN * rms(area.tolist()))
    assert found["lengths"] == pytest.approx([SETTINGS.loop_edge * (2 + np.sqrt(2))] * 8)


def test_no_work_on_a_loop_of_a_gradient() -> None:
    assert cast(float, sound()["loop_work"]) < 1e-6


# --- what rounding leaves -------------------------------------------------------------------------------------------


def test_nothing_else_is_found_where_nothing_is() -> None:
    found = sound()
    for name in ("translation_lattice", "translation_random", "permutation", "extensivity", "repeat", "batch"):
        assert cast(float, found[f"{name}_force"]) < 1e-8
        assert cast(float, found[f"{name}_energy"]) < 1e-8
    assert found["dtype_force"] is None  # it runs in one only


def test_company_and_repetition_are_seen() -> None:
    rng = np.random.default_rng(0)

    def restless(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        return replace(batch, forces=[forces + rng.normal(0, 1e-3, forces.shape) for forces in batch.forces])

    def sociable(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        return replace(batch, forces=[forces + 1e-3 * (len(atoms) > 1) for forces in batch.forces])

    assert cast(float, everything(AltersAnswer(restless))["repeat_force"]) > 1
    found = everything(AltersAnswer(sociable))
    assert found["batch_force"] == pytest.approx(1)
    assert found["repeat_force"] == pytest.approx(0)


# --- verdicts -------------------------------------------------------------------------------------------------------

CLAIMS = {"rotation": True, "inversion": True, "conservative": True}


def judged(model: Computes, dtype: str = "float64") -> dict[str, str]:
    rows = [{"sample": "MgO", **everything(model)}]
    limits = TASK.protocol.thresholds[dtype]  # type: ignore[index]
    return {verdict.claim: verdict.status for verdict in verdicts(rows, claims=CLAIMS, limits=limits)}


def test_a_sound_potential_is_confirmed() -> None:
    assert judged(ReferenceModel()) == dict.fromkeys(CLAIMS, "confirmed")


@pytest.mark.parametrize(
    ("model", "refuted"),
    [
        (lambda: AltersAnswer(forces_times(1.02)), {"conservative"}),
        (lambda: Surrogate.tuned(ReferenceModel(), MGO, asymmetry=1e-4), {"conservative"}),
        (Float32, set(CLAIMS)),
        (lambda: Surrogate.tuned(ReferenceModel(), MGO, rotation_error=1e-6), {"rotation"}),
        (lambda: AltersAnswer(left_handed), {"inversion", "conservative"}),
    ],
    ids=["forces × 1.02", "a curl", "a float32 kernel", "a quadrupole", "an axial force"],
)
def test_false_labels_are_refuted(model: Callable[[], Computes], refuted: set[str]) -> None:
    assert {claim for claim, status in judged(model()).items() if status == "refuted"} == refuted


def test_what_float32_rounds_is_not_held_against_float32() -> None:
    assert judged(Float32(), "float32") == dict.fromkeys(CLAIMS, "confirmed")
    assert judged(AltersAnswer(forces_times(1.02), Float32), "float32")["conservative"] == "refuted"


# --- the published calibration --------------------------------------------------------------------------------------


def test_the_published_rows_are_this_protocols_and_within_five_percent() -> None:
    found = json.loads((PUBLISHED / "calibration" / "surrogate" / "detectors.json").read_text())
    assert found["protocol_sha256"] == protocol_sha256(load("constraints").protocol)
    ratios = [row["ratio"] for row in found["rows"] if row["dialled"]]
    assert len(ratios) == 3 * (2 * 4 + 2 * 4 + 3)
    assert ratios == pytest.approx([1.0] * len(ratios), abs=WITHIN)


def test_its_potential_is_sound() -> None:
    assert judged(Morse()) == dict.fromkeys(CLAIMS, "confirmed")

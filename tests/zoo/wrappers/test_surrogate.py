"""A surrogate's amplitudes are what measurements find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from tests.zoo.reference_model import ReferenceModel
from zoo import example_crystals
from zoo.batch import Array, Batch
from zoo.checks.suite import check
from zoo.wrappers import synthetic_errors
from zoo.wrappers.energy_only import EnergyOnly
from zoo.wrappers.jacobian import jacobian
from zoo.wrappers.o3_average import O3Average
from zoo.wrappers.rotation import random_rotation, rotated
from zoo.wrappers.surrogate import Surrogate


def rattled(atoms: Atoms, repeat: tuple[int, int, int] = (2, 1, 1)) -> Atoms:
    cell: Atoms = atoms.repeat(repeat)
    cell.rattle(0.05, seed=7)
    return cell


MGO = rattled(example_crystals.distorted("mgo-rocksalt"))
GAAS = rattled(example_crystals.distorted("gaas-zincblende"))
CU = rattled(bulk("Cu", a=3.6))
STRUCTURES = [pytest.param(MGO, id="MgO"), pytest.param(GAAS, id="GaAs"), pytest.param(CU, id="Cu")]


class Nothing(ReferenceModel):
    """No forces at all, so that what is added stands alone."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        n = len(atoms)
        return Batch(np.zeros(n), [np.zeros((len(a), 3)) for a in atoms], np.zeros((n, 3, 3)), [None] * n, 0.0)


def measured_asymmetry(model: Surrogate, atoms: Atoms, step: float = 5e-3) -> float:
    found = jacobian(model, atoms, step=step)
    return float(np.linalg.norm(found - found.T) / 2 / np.linalg.norm(found))


def curl_forces(atoms: Atoms) -> Array:
    return synthetic_errors.curl_forces(atoms, synthetic_errors.Pairs.of(atoms))


def curl_jacobian(atoms: Atoms) -> Array:
    return synthetic_errors.curl_jacobian(atoms, synthetic_errors.Pairs.of(atoms))


# --- the curl -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("atoms", STRUCTURES)
@pytest.mark.parametrize("asymmetry", [0.001, 0.03, 0.3])
def test_the_measured_asymmetry_is_the_amplitude(atoms: Atoms, asymmetry: float) -> None:
    model = Surrogate.tuned(ReferenceModel(), atoms, asymmetry=asymmetry)
    # a true asymmetry does not depend on the step
    assert measured_asymmetry(model, atoms, 5e-3) == pytest.approx(asymmetry, rel=0.01)
    assert measured_asymmetry(model, atoms, 1e-2) == pytest.approx(asymmetry, rel=0.01)
    assert model.asymmetry(atoms) == pytest.approx(asymmetry, rel=1e-9)


def test_the_asymmetry_is_known_elsewhere_and_beside_the_other_amplitudes() -> None:
    model = Surrogate.tuned(ReferenceModel(), MGO, asymmetry=0.05, rotation_error=0.02)
    for atoms in (MGO, CU, MGO.repeat((1, 2, 1))):
        assert measured_asymmetry(model, atoms) == pytest.approx(model.asymmetry(atoms), rel=0.01)
    assert model.asymmetry(MGO) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("atoms", STRUCTURES)
def test_the_curls_jacobian_is_its_derivative(atoms: Atoms) -> None:
    numeric = jacobian(Surrogate(Nothing(), curl=1.0), atoms, step=1e-3)
    assert numeric == pytest.approx(curl_jacobian(atoms), abs=1e-5)


def test_with_no_pair_between_plateau_and_cutoff_the_curl_has_a_closed_form() -> None:
    """Chains of alternating atoms 3.3 Å apart, 5.2 Å from chain to chain: nothing between 3.5 and 5 Å."""
    atoms = Atoms("CuAu", positions=[(0, 0, 0), (3.3, 0, 0)], cell=(6.6, 5.2, 5.2), pbc=True)
    found = curl_jacobian(atoms)
    assert found == pytest.approx(-found.T, abs=1e-14)
    images = 2  # one on either side
    square = 2 * (2 * images**2) + 2 * (2 * images**2)  # 2 Σ_{i≠j} n_ij² + 2 Σ_i (Σ_{j≠i} n_ij)²
    assert np.linalg.norm(found) == pytest.approx(np.sqrt(square), rel=1e-12)
    assert measured_asymmetry(Surrogate(Nothing(), curl=0.1), atoms) == pytest.approx(1, rel=1e-9)


def test_the_curl_is_all_that_forces_differ_from_the_gradient_by() -> None:
    model = Surrogate(ReferenceModel(), curl=0.02, quadrupole=0.05)
    found, gradient = model.compute([MGO]), EnergyOnly(model, step=1e-3).compute([MGO])
    difference = found.forces[0] - gradient.forces[0]
    assert difference == pytest.approx(0.02 * curl_forces(MGO), abs=2e-5)
    assert abs(difference).max() > 1e-3
    assert found.stresses is not None
    assert found.stresses == pytest.approx(gradient.stresses, abs=2e-5)


def test_the_curl_rotates_with_the_crystal() -> None:
    rng = np.random.default_rng(0)
    for matrix in (random_rotation(rng), -random_rotation(rng), -np.eye(3)):
        rotated_forces = curl_forces(rotated(MGO, matrix))
        assert rotated_forces == pytest.approx(curl_forces(MGO) @ matrix.T, abs=1e-12)


def test_the_curl_pushes_nothing_as_a_whole_and_no_perfect_crystal_at_all() -> None:
    assert abs(curl_forces(GAAS).sum(axis=0)).max() < 1e-12
    for name in example_crystals.names():
        assert abs(curl_forces(example_crystals.ideal(name))).max() < 1e-12


# --- the quadrupole -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("atoms", STRUCTURES)
def test_the_measured_rotation_error_is_the_amplitude(atoms: Atoms) -> None:
    size = 0.01
    model = Surrogate.tuned(ReferenceModel(), atoms, rotation_error=size, asymmetry=0.02)
    expected = model.rotation_error(atoms)
    # degree 2, squares of degree 4: this mean over rotations is exact
    batch = O3Average(model, l_max=5).compute([atoms])
    assert batch.spread is not None
    assert batch.spread.stresses is not None
    assert np.sqrt((batch.spread.forces[0] ** 2).mean()) == pytest.approx(size, rel=1e-6)
    assert expected.force == pytest.approx(size, rel=1e-12)
    assert batch.spread.energies_per_atom[0] == pytest.approx(expected.energy_per_atom, rel=1e-6)
    assert batch.spread.stresses[0] == pytest.approx(expected.stress, rel=1e-6)


def test_random_rotations_find_it_too() -> None:
    model = Surrogate.tuned(Nothing(), MGO, rotation_error=0.01)
    rng = np.random.default_rng(3)
    matrices = [random_rotation(rng) for _ in range(300)]
    batch = model.compute([rotated(MGO, matrix) for matrix in matrices])
    back = np.array([forces @ matrix for forces, matrix in zip(batch.forces, matrices, strict=True)])
    assert np.sqrt((back**2).mean()) == pytest.approx(0.01, rel=0.08)
    assert abs(back.mean(axis=0)).max() < 0.004


@pytest.mark.parametrize("atoms", STRUCTURES)
def test_the_quadrupole_is_a_gradient_and_its_average_is_nothing(atoms: Atoms) -> None:
    model = Surrogate(Nothing(), quadrupole=0.3)
    found, gradient = model.compute([atoms]), EnergyOnly(model, step=1e-3).compute([atoms])
    assert found.forces[0] == pytest.approx(gradient.forces[0], abs=1e-5)
    assert found.stresses == pytest.approx(gradient.stresses, abs=1e-5)
    mean = O3Average(model, l_max=3).compute([atoms])
    assert abs(mean.energies[0]) < 1e-12
    assert abs(mean.forces[0]).max() < 1e-12
    assert mean.stresses is not None
    assert abs(mean.stresses).max() < 1e-12


# --- noise ----------------------------------------------------------------------------------------------------------


def test_rough_noise_has_its_standard_deviation_and_is_white() -> None:
    model, structures = Surrogate(Nothing(), rough=0.02), [MGO.copy() for _ in range(1500)]
    for index, each in enumerate(structures):
        each.positions[0, 0] += 1e-9 * index
    noise = np.array(model.compute(structures).forces).reshape(len(structures), -1)
    assert noise.std() == pytest.approx(0.02, rel=0.02)
    assert abs(noise.mean()) < 0.0005
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.03
    assert np.array_equal(model.compute([structures[7]]).forces[0].ravel(), noise[7])


def test_rough_noise_shows_in_the_asymmetry_as_its_size_over_the_step() -> None:
    curvature = np.linalg.norm(jacobian(ReferenceModel(), GAAS))
    for step in (5e-3, 1e-2):
        expected = 3 * len(GAAS) * 1e-4 / (2 * step * curvature)
        squares = [
            measured_asymmetry(Surrogate(ReferenceModel(), rough=1e-4, seed=seed), GAAS, step) ** 2
            for seed in range(16)
        ]
        assert np.sqrt(np.mean(squares)) == pytest.approx(expected, rel=0.1)


def test_smooth_noise_has_its_standard_deviation_and_its_length() -> None:
    # atom 0 of perfect MgO has moved, in a cell so large that its own images have not come along
    ideal = example_crystals.ideal("mgo-rocksalt").repeat((3, 3, 3))
    moved, step, length = ideal.copy(), np.array([0.1, -0.05, 0.08]), 0.15
    moved.positions[0] += step
    centres = np.array([synthetic_errors.centres(each, synthetic_errors.Pairs.of(each)) for each in (ideal, moved)])
    assert centres[1, 0] - centres[0, 0] == pytest.approx(step, rel=0.1)
    draws = np.array(
        [
            [synthetic_errors.smooth_noise(ideal.numbers, c, length=length, seed=seed) for c in centres]
            for seed in range(3000)
        ]
    )[:, :, :2]  # one atom of each species: in the perfect crystal the others feel the same
    assert draws.std() == pytest.approx(1, rel=0.02)
    assert abs(draws.mean()) < 0.03
    expected = np.exp(-((centres[1, 0] - centres[0, 0]) ** 2).sum() / (2 * length**2))
    assert 0.5 < expected < 0.8
    assert (draws[:, 0, 0] * draws[:, 1, 0]).mean() == pytest.approx(expected, abs=0.03)


def test_the_smooth_amplitude_is_its_size() -> None:
    found = Surrogate(Nothing(), smooth=0.03, length=0.15, seed=5).compute([MGO]).forces[0]
    centres = synthetic_errors.centres(MGO, synthetic_errors.Pairs.of(MGO))
    assert found == pytest.approx(
        0.03 * synthetic_errors.smooth_noise(MGO.numbers, centres, length=0.15, seed=5), rel=1e-12
    )


def test_pairs_are_all_neighbours_within_the_cutoff() -> None:
    from ase.neighborlist import neighbor_list

    skewed = GAAS.copy()
    skewed.cell[2] += 2 * skewed.cell[0] - skewed.cell[1]
    half = skewed.copy()
    half.pbc = (True, False, False)
    for atoms in (MGO, skewed, half, bulk("Cu"), molecule("H2O")):
        distances = np.sort(neighbor_list("d", atoms, synthetic_errors.CUTOFF))
        assert np.sort(synthetic_errors.Pairs.of(atoms).distances) == pytest.approx(distances, abs=1e-10)


def test_smooth_noise_is_smooth_and_rough_noise_is_not() -> None:
    moved = MGO.copy()
    moved.positions[0, 0] += 1e-6
    for amplitude, small in (("smooth", True), ("rough", False)):
        first, second = Surrogate(Nothing(), **{amplitude: 0.02}).compute([MGO, moved]).forces  # type: ignore[arg-type]
        assert (abs(first - second).max() < 1e-6) == small
        assert abs(first).max() > 1e-3


# --- what all fields share ------------------------------------------------------------------------------------------

SMOOTH_AMPLITUDES = {"curl": 0.02, "quadrupole": 0.05, "smooth": 0.01}


@pytest.mark.parametrize("amplitude", SMOOTH_AMPLITUDES)
def test_place_listing_and_number_of_cells_do_not_matter(amplitude: str) -> None:
    model = Surrogate(ReferenceModel(), **{amplitude: SMOOTH_AMPLITUDES[amplitude]})  # type: ignore[arg-type]
    plain = model.compute([MGO])
    moved, image = MGO.copy(), MGO.copy()
    moved.positions += [0.3, 5.0, -7.0]
    image.positions[1] += [1, -1, 2] @ image.cell.array
    order = [2, 0, 3, 1]
    batch = model.compute([moved, image, MGO[order], MGO.repeat((1, 2, 1))])
    assert batch.forces[0] == pytest.approx(plain.forces[0], abs=1e-11)
    assert batch.forces[1] == pytest.approx(plain.forces[0], abs=1e-11)
    assert batch.forces[2] == pytest.approx(plain.forces[0][order], abs=1e-11)
    assert batch.forces[3] == pytest.approx(np.tile(plain.forces[0], (2, 1)), abs=1e-11)
    assert batch.energies == pytest.approx(plain.energies[0] * np.array([1, 1, 1, 2]), abs=1e-10)


@pytest.mark.parametrize(
    ("amplitude", "size", "failed"),
    [("curl", 0.05, {"forces", "choice of cell"}), ("quadrupole", 0.05, {"rotation", "inversion"})],
)
def test_conformance_names_what_is_broken_and_nothing_else(amplitude: str, size: float, failed: set[str]) -> None:
    model = Surrogate(ReferenceModel(), **{amplitude: size})  # type: ignore[arg-type]
    report = check(model, dtype="float64", inversion="exact")
    assert {verdict.name for verdict in report.checks if verdict.status == "failed"} == failed


def test_with_all_amplitudes_at_zero_it_is_the_potential() -> None:
    plain, batch = ReferenceModel().compute([MGO]), Surrogate(ReferenceModel()).compute([MGO])
    assert np.array_equal(batch.forces[0], plain.forces[0])
    assert Surrogate.tuned(ReferenceModel(), MGO).asymmetry(MGO) < 1e-12


def test_what_cannot_be_tuned_says_why() -> None:
    with pytest.raises(ValueError, match=r"λ = 1 is out of reach of this structure: between 0 and 0\.\d+ is"):
        Surrogate.tuned(ReferenceModel(), MGO, asymmetry=1.0)
    with pytest.raises(ValueError, match="out of reach"):  # one atom is all its own images: it feels nothing
        Surrogate.tuned(ReferenceModel(), bulk("Cu"), asymmetry=0.01)
    with pytest.raises(ValueError, match="rattle it"):
        Surrogate.tuned(ReferenceModel(), example_crystals.ideal("mgo-rocksalt"), rotation_error=0.01)


def test_a_curl_needs_a_cell() -> None:
    class Free(Nothing):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            return replace(super().compute(atoms), stresses=None)

    water = molecule("H2O")
    batch = Surrogate(Free(), curl=0.1).compute([water])
    assert list(map(str, batch.errors)) == ["the curl needs a cell: its axis is a × b"]
    assert Surrogate(Free(), quadrupole=0.1, smooth=0.1, rough=0.1).compute([water]).errors == [None]

"""The ladder's algebra on crystals of known springs, broken by a known amount: each step removes what it says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from evaluation.physics import mitigation, phonons
from evaluation.physics.force_constants import Projector
from evaluation.physics.mitigation import STEPS, Computed, MitigationSettings, Reached
from evaluation.physics.phonons import NoPrimitiveCell, PhononCrystal
from evaluation.physics.relaxation import Relaxation
from tests.evaluation.springs import Springs
from tests.evaluation.two_heads import TwoHeaded
from zoo.batch import Batch, Computes
from zoo.wrappers.surrogate import Surrogate

EYE = np.eye(3, dtype=np.int64)
MGO = PhononCrystal(bulk("MgO", "rocksalt", a=4.21), 2 * EYE, np.eye(3), 1e-5)
SI = PhononCrystal(bulk("Si", "diamond", a=5.43), 2 * EYE, np.eye(3), 1e-5)
GAMMA, X = (0.0, 0.0, 0.0), (0.5, 0.5, 0.0)
QPOINTS = np.array([GAMMA, X])
SETTINGS = MitigationSettings(
    free=Relaxation(fmax=1e-3, steps=3), symmetric=Relaxation(fmax=1e-3, steps=3, symprec=1e-5), displacement=0.03
)


def computed_for(potential: Computes, crystal: PhononCrystal = MGO, averagings: Collection[str] = ()) -> Computed:
    (found,) = mitigation.compute_all(potential, [crystal], [averagings], SETTINGS)
    return found


def reached(computed: Computed) -> dict[str, Reached]:
    analysis = mitigation.Analysis(computed.ideal, qpoints=QPOINTS)
    found = {}
    for step in STEPS:
        place = computed.geometries.get(step.place.name)
        if place and place.crystal and place.moves and step.source in place.forces:
            found[step.name] = analysis.reach(step, place.crystal, place.moves, place.forces[step.source])
    return found


@pytest.fixture(scope="module")
def sound() -> dict[str, Reached]:
    return reached(computed_for(Springs()))


@cache
def perfect() -> Atoms:
    """The supercell of magnesium oxide, nothing displaced."""
    return phonons.supercells(MGO, mitigation.moves(MGO, distance=0.03))[0]


class Drifting(Springs):
    """Every atom is pulled back by 0.01 eV/Å² times the sum of all displacements from the perfect supercell."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        pulls = [self._pull(each) for each in atoms]
        return replace(batch, forces=[f + pull for f, pull in zip(batch.forces, pulls, strict=True)])

    @staticmethod
    def _pull(atoms: Atoms) -> np.ndarray:
        if len(atoms) < 16:
            return np.zeros(3)
        return np.asarray(-0.01 * (atoms.positions - perfect().positions).sum(axis=0))


class Pushed(Springs):
    """In supercells one element is pushed along [111], and the other one back: forces where there should be none."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        signs = [np.where(each.numbers == 12, 0.1, -0.1) * (len(each) == 16) for each in atoms]
        pushes = [np.outer(sign, np.ones(3)) for sign in signs]
        return replace(batch, forces=[f + push for f, push in zip(batch.forces, pushes, strict=True)])


class Unequal(Springs):
    """Reaction is a tenth more than action: forces on magnesium are."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        scales = [np.where(each.numbers == 12, 1.1, 1.0)[:, None] for each in atoms]
        return replace(batch, forces=[f * scale for f, scale in zip(batch.forces, scales, strict=True)])


def test_an_exact_potential_needs_no_mitigation(sound: dict[str, Reached]) -> None:
    assert set(sound) == {step.name for step in STEPS if step.source == "own"}
    for found in sound.values():
        assert found.frequencies == pytest.approx(sound["raw"].frequencies, abs=1e-3)
        assert found.before.fc_asymmetry < 1e-4  # 0.03 Å is not infinitely small
        assert found.after.space_group_residual < 1e-4


def test_index_symmetrisation_removes_the_antisymmetric_part_and_no_more() -> None:
    constants = np.random.default_rng(0).normal(size=(4, 4, 3, 3))
    transposed = constants.transpose(1, 0, 3, 2)
    found = mitigation.symmetric_indices(constants)
    assert found - found.transpose(1, 0, 3, 2) == pytest.approx(0)
    assert constants - found == pytest.approx((constants - transposed) / 2)
    assert mitigation.symmetric_indices(found) == pytest.approx(found)


def test_the_index_rung_mends_reactions_and_moves_no_frequency() -> None:
    found = reached(computed_for(Unequal()))
    for flight in ("", "symmetric_"):
        before, index = found[f"{flight}net_force"], found[f"{flight}index"]
        assert index.before == before.before
        assert before.after.fc_asymmetry > 0.01
        assert index.after.fc_asymmetry < 1e-12
        # phonopy makes the dynamical matrix Hermitian whoever asks
        assert index.frequencies == pytest.approx(before.frequencies, abs=1e-6)


def test_symmetry_reduced_displacements_hide_a_curl_altogether() -> None:
    potential = Surrogate(Springs(), curl=0.3)
    found = reached(computed_for(potential))
    # λ of the whole Jacobian of the supercell is half of ||Φ - Φᵀ||/||Φ||
    honest = found["symmetric_all_displaced"].before.fc_asymmetry
    assert honest == pytest.approx(2 * potential.asymmetry(perfect()), rel=0.02)
    assert found["symmetric_plus_minus"].before.fc_asymmetry < 1e-10
    after = found["symmetric_all_displaced"].after
    assert max(after.fc_asymmetry, after.asr_violation, after.space_group_residual) < 1e-10


def test_the_projector_is_idempotent_and_leaves_nothing() -> None:
    projector = Projector(MGO.with_symmetry)
    random = np.random.default_rng(1).normal(size=(16, 16, 3, 3))
    once = projector(random)
    assert np.linalg.norm(once) > 1e-3
    assert projector(once) == pytest.approx(once, abs=1e-12)
    assert once == pytest.approx(mitigation.symmetric_indices(once), abs=1e-12)


def test_net_force_removal_mends_the_sum_rule_of_a_uniform_drift(sound: dict[str, Reached]) -> None:
    found = reached(computed_for(Drifting()))
    for name in ("plus_minus", "symmetric_plus_minus"):
        assert found[name].after.asr_violation == pytest.approx(0.01 * 16, rel=1e-3)
        assert found[name].frequencies[0][0] > 0.5  # a crystal that is held where it is
    for name in ("net_force", "symmetric_net_force"):
        assert found[name].before.asr_violation == pytest.approx(0.01 * 16, rel=1e-3)
        assert found[name].after.asr_violation < 1e-10
        assert found[name].frequencies == pytest.approx(sound[name].frequencies, abs=1e-5)


def test_plus_minus_removes_forces_of_the_perfect_crystal(sound: dict[str, Reached]) -> None:
    found = reached(computed_for(Pushed()))
    assert np.abs(found["symmetric_raw"].frequencies - sound["raw"].frequencies).max() > 1
    assert found["symmetric_plus_minus"].frequencies == pytest.approx(sound["raw"].frequencies, abs=1e-3)


def test_o3_averaging_removes_the_orientation_field(sound: dict[str, Reached]) -> None:
    computed = computed_for(Surrogate(Springs(), quadrupole=0.3), averagings=["o3-3"])
    found = reached(computed)
    # the usual workflow is wrong by half a terahertz, and shows nothing of it
    assert np.abs(found["usual"].frequencies - sound["usual"].frequencies).max() > 0.4
    assert found["usual"].before.space_group_residual < 1e-10
    # a field of degree two has no part with cubic symmetry: all displacements with the projector remove it
    assert found["symmetric_all_displaced"].before.space_group_residual > 0.05
    assert found["symmetric_all_displaced"].frequencies == pytest.approx(sound["usual"].frequencies, abs=3e-3)
    # left alone, the crystal stretches along the axis, and its own group is no longer the ideal one
    assert found["all_displaced"].after.degeneracy_splitting == pytest.approx(2.9, abs=0.1)
    # exact for l_max 3
    assert found["o3_3"].frequencies == pytest.approx(sound["usual"].frequencies, abs=1e-6)
    forces = computed.geometries["symmetric/o3-3"].forces["o3-3"]
    assert forces.calls == 42
    assert computed.unavailable["o3-5"] == "the protocol keeps it for other crystals"


def test_the_other_head_for_the_force_constants_and_for_everything(sound: dict[str, Reached]) -> None:
    computed = computed_for(TwoHeaded("direct", curl=0.3))
    assert "other" not in computed.unavailable
    assert set(computed.geometries["symmetric"].forces) == {"own", "other"}
    found = reached(computed)
    for name in ("head_constants", "head"):
        assert found[name].frequencies == pytest.approx(sound["usual"].frequencies, abs=1e-3)
        assert found[name].before.fc_asymmetry < 1e-6


@pytest.mark.parametrize(
    ("potential", "source", "reason"),
    [
        (Springs(), "other", "a potential that was not loaded by name has no other head"),
        (TwoHeaded("conservative"), "other", "the entry's own forces are the gradient"),
        (TwoHeaded("direct", other=False), "other", "the checkpoint has no conservative head"),
        (TwoHeaded("direct+o3-3"), "o3-3", "averaged already, by o3-3"),
    ],
)
def test_what_cannot_be_had_has_a_reason(potential: Computes, source: str, reason: str) -> None:
    computed = computed_for(potential, averagings=["o3-3"] if source == "o3-3" else [])
    assert computed.unavailable[source] == reason
    assert not any(source in place.forces for place in computed.geometries.values())


def test_a_failure_of_the_supercells_has_its_reason() -> None:
    computed = computed_for(Springs(blind=["MgO"]))
    step, place = STEPS[0], computed.geometries["free"]
    assert (place.error, str(place.forces["own"].error)) == (None, "it broke")
    assert place.crystal is not None
    assert place.moves is not None
    with pytest.raises(ValueError, match="raw: there are no forces: it broke"):
        mitigation.Analysis(MGO, qpoints=QPOINTS).reach(step, place.crystal, place.moves, place.forces["own"])


def test_a_crystal_that_cannot_be_relaxed_has_no_displacements() -> None:
    computed = computed_for(Springs(refused=["MgO"]))
    assert {str(place.error) for place in computed.geometries.values()} == {"unsupported: not this"}
    assert reached(computed) == {}


def test_a_supercell_in_another_order_is_put_in_order() -> None:
    # 0 and 0.9999999999 are one place, and two orders of phonopy's list
    conventional = PhononCrystal(bulk("Si", "diamond", a=5.43, cubic=True), 2 * EYE, (1 - np.eye(3)) / 2, 1e-5)
    ideal = mitigation.primitive(conventional)
    assert len(ideal.atoms) == 2
    assert np.linalg.det(ideal.supercell_matrix) == pytest.approx(32)
    moved = ideal.atoms.copy()
    moved.positions += np.array([-1e-7, 1e-7, -0.01]) @ ideal.atoms.cell.array
    crystal = PhononCrystal(moved, ideal.supercell_matrix, np.eye(3), 1e-5)
    order = mitigation.places(ideal, crystal)
    assert sorted(order) == list(range(64))
    apart = (
        crystal.without_symmetry.supercell.scaled_positions[order] - ideal.without_symmetry.supercell.scaled_positions
    )
    shifts = apart - apart[0]
    assert np.abs(shifts - np.round(shifts)).max() < 1e-8
    lost = MGO.atoms.copy()
    lost.set_scaled_positions([[0, 0, 0], [0.05, 0.05, 0.05]])
    with pytest.raises(NoPrimitiveCell, match="left their places"):
        mitigation.places(MGO, PhononCrystal(lost, MGO.supercell_matrix, np.eye(3), 1e-5))


def test_sets_are_told_apart() -> None:
    found = mitigation.moves(SI, distance=0.03)
    sizes = {name: len(found.rows(name)) for name in ("one_sided", "plus_minus", "reduced", "full")}
    assert sizes == {"one_sided": 1, "plus_minus": 2, "reduced": 1, "full": 12}
    assert set(found.plus_minus) < set(found.full)
    up, down = found.vectors[list(found.plus_minus)]
    assert up == pytest.approx(-down)

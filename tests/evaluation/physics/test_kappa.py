"""Conductivities of analytic crystals on a tiny mesh: from displaced supercells to modes, interrupted and not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from evaluation.errors import SolverFault
from evaluation.metrics.kappa import total
from evaluation.outputs.kappa import Modes
from evaluation.physics.kappa import ConductivityCrystal, ConductivityOutcome, ConductivitySettings, conductivities
from evaluation.solvers.array_cache import Kept
from evaluation.solvers.client import Solver, SolverError, find
from tests.evaluation.morse_crystal import MorseCrystal
from zoo.batch import Batch

A = 5.6
SETTINGS = ConductivitySettings(
    displacement=0.03,
    symprec=1e-5,
    temperature=3000.0,  # classical phonons, whose lifetimes isotopes hardly shorten
    boundary_mfp_um=1e6,
    gamma_acoustic=-0.01,
    gamma_optical=0.0,
    elsewhere=0.0,
    supercells_per_batch=8,
)


class Several:
    """One potential for several crystals: which, the first atom says."""

    def __init__(self) -> None:
        self.parts = {
            11: MorseCrystal(A),
            37: MorseCrystal(A, constants=(2.3, -0.6)),
            55: MorseCrystal(A),
            3: MorseCrystal(A, refuses=[3]),
        }

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        assert len(atoms) <= SETTINGS.supercells_per_batch
        return self.parts[atoms[0].numbers[0]].compute(atoms)

    @property
    def calls(self) -> int:
        return sum(part.calls for part in self.parts.values())


class Gone:
    """A model that is not there any more."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        raise AssertionError("the model was asked again")


def crystal(symbols: str, space_group: int = 225) -> ConductivityCrystal:
    """A primitive cell of rocksalt."""
    atoms = bulk(symbols, "rocksalt", a=A)
    eye = np.eye(3, dtype=np.int64)
    return ConductivityCrystal(atoms, space_group, 3 * eye, 2 * eye, np.eye(3), np.array([4, 4, 4]))


CRYSTALS = [crystal("NaCl"), crystal("RbCl"), crystal("CsCl", space_group=221), crystal("LiF")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def solver(folder: Path) -> Iterator[Solver]:
    with Solver("phono3py", Kept(folder), processes=2) as found:
        yield found


@pytest.fixture(scope="module")
def outcomes(solver: Solver) -> list[ConductivityOutcome]:
    return conductivities(Several(), CRYSTALS, SETTINGS, solver=solver, kept=solver.kept)


def test_every_crystal_has_its_own_outcome(outcomes: list[ConductivityOutcome]) -> None:
    assert [outcome.kind for outcome in outcomes] == ["kappa", "imaginary", "symmetry", "failed"]
    assert [outcome.error and str(outcome.error) for outcome in outcomes] == [None, None, None, "it broke"]
    assert [outcome.space_group for outcome in outcomes] == [225] * 4


def test_a_cubic_crystal_conducts_alike_in_all_directions(outcomes: list[ConductivityOutcome]) -> None:
    modes = outcomes[0].modes
    assert modes is not None
    assert modes.kappa_particles[:3] == pytest.approx(np.full(3, modes.kappa_particles[0]), rel=1e-6)
    assert np.abs(modes.kappa_particles[3:]).max() < 1e-6 * modes.kappa_particles[0]
    assert modes.kappa_particles[0] > modes.kappa_coherences[0] > 0


def test_modes_add_up_to_the_conductivity(outcomes: list[ConductivityOutcome]) -> None:
    modes = outcomes[0].modes
    assert modes is not None
    assert modes.weights.sum() == 4**3
    assert modes.addresses.shape == (len(modes.weights), 3)
    assert modes.frequencies.shape == modes.mode_kappa.shape == (len(modes.weights), 6)
    assert total(modes.mode_kappa, modes.weights) == pytest.approx(modes.kappa, rel=1e-9)
    again = Modes.from_json(modes.as_json())
    assert total(again.mode_kappa, again.weights) == pytest.approx(modes.kappa, rel=1e-7)
    assert np.array_equal(again.addresses, modes.addresses)


def test_frequencies_are_those_of_the_bonds(outcomes: list[ConductivityOutcome]) -> None:
    # all atoms of one kind move together at Γ's optical modes: only first bonds are stretched, two of them along x
    from ase.units import _amu, _e

    modes = outcomes[0].modes
    assert modes is not None
    mass = 1 / sum(1 / m for m in CRYSTALS[0].atoms.get_masses())
    optical = np.sqrt(2 * 2.3 * _e * 1e20 / (mass * _amu)) / (2 * np.pi) * 1e-12
    assert modes.addresses[0].tolist() == [0, 0, 0]
    assert modes.frequencies[0, 3:] == pytest.approx(np.full(3, optical), rel=2e-3)


def test_phonons_scatter_in_proportion_to_temperature(outcomes: list[ConductivityOutcome], solver: Solver) -> None:
    # a classical phonon's anharmonic linewidth is proportional to T, isotopes' share of it is not (and on so coarse a
    # mesh some modes have no other): at twice the temperature every mode conducts between half as well and as well
    warm = dataclasses.replace(SETTINGS, temperature=6000.0)
    (outcome,) = conductivities(Gone(), CRYSTALS[:1], warm, solver=solver, kept=solver.kept)
    assert outcomes[0].modes is not None
    assert outcome.modes is not None
    conducts = outcomes[0].modes.mode_kappa > 1e-3 * outcomes[0].modes.kappa
    ratio = outcome.modes.mode_kappa[conducts] / outcomes[0].modes.mode_kappa[conducts]
    assert conducts.sum() > 10
    assert 0.49 < ratio.min() < 0.52
    assert ratio.max() < 1.01


def test_a_crystal_that_ends_early_costs_no_third_order(outcomes: list[ConductivityOutcome]) -> None:
    assert [outcome.force_calls for outcome in outcomes] == [sum(outcomes[0].n_displacements or ()), 2, 0, 0]
    assert outcomes[0].n_displacements is not None
    assert outcomes[0].n_displacements[0] == 2
    assert outcomes[0].atom_calls == 2 * 54 + outcomes[0].n_displacements[1] * 16
    assert outcomes[1].lowest is not None
    assert outcomes[1].lowest["elsewhere"] < 0
    assert outcomes[0].max_net_force == pytest.approx(0, abs=1e-12)


def test_what_was_computed_is_not_computed_again(outcomes: list[ConductivityOutcome], solver: Solver) -> None:
    again = conductivities(Gone(), CRYSTALS[:2], SETTINGS, solver=solver, kept=solver.kept)
    for before, after in zip(outcomes[:2], again, strict=True):
        assert (after.kind, after.force_calls, after.seconds) == (before.kind, before.force_calls, before.seconds)
        assert (after.modes is None) == (before.modes is None)
        if after.modes and before.modes:
            assert np.array_equal(after.modes.mode_kappa, before.modes.mode_kappa)


def test_an_interrupted_crystal_goes_on_where_it_stood(outcomes: list[ConductivityOutcome], solver: Solver) -> None:
    for path in solver.kept.folder.glob("conductivity-*"):
        path.unlink()
    lost = max(solver.kept.folder.glob("forces-*"), key=lambda path: path.stat().st_mtime_ns)
    lost.unlink()
    several = Several()
    again = conductivities(several, CRYSTALS[:1], SETTINGS, solver=solver, kept=solver.kept)
    assert 0 < several.calls <= SETTINGS.supercells_per_batch
    for before, after in zip(outcomes[:1], again, strict=True):
        assert before.modes is not None
        assert after.modes is not None
        assert after.modes.kappa == pytest.approx(before.modes.kappa, rel=1e-9)


def test_the_solvers_complaint_is_an_error_of_the_question(solver: Solver) -> None:
    with pytest.raises(SolverError, match="KeyError"):
        solver.ask("supercells", {}).result()


def test_a_solver_that_dies_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Solver("phono3py", Kept(tmp_path), processes=1) as dying:
        dead = tmp_path / "dead.py"
        dead.write_text("import os, sys\nprint('goodbye', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 9)\n")
        dying.environment = type(dying.environment)(**{**vars(dying.environment), "adapter": dead})
        with pytest.raises(SolverFault, match=r"(?s)SIGKILL.*goodbye"):
            dying.ask("supercells", {}).result()
    assert [path.name for path in tmp_path.iterdir()] == ["dead.py"]


def test_the_solver_has_its_own_phono3py() -> None:
    assert "phono3py==3.30.0" in find("phono3py").dependencies
    assert all("==" in dependency for dependency in find("phono3py").dependencies)

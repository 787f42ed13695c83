"""The real checkpoints, in their families' own environments: they load, they are what their cards say, they convert.

The first run on a machine builds the environments (torch, from the package registry); they stay in the cache.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.units import GPa

import zoo
from zoo import Batch, crystals, environment, index
from zoo.check import check
from zoo.convert import convert, prepare
from zoo.errors import WorkerStartError

# One of each family by default: the others run the same code.
ONE_OF_EACH = ["chgnet-0.3.0", "sevennet-0"]
VERIFIED = [card.name for card in index.cards() if card.verified]
CARDS = [pytest.param(n, marks=() if n in ONE_OF_EACH else pytest.mark.slow) for n in VERIFIED]

SAMPLE = [crystals.distorted(name) for name in crystals.names()]


@pytest.mark.parametrize("name", CARDS)
def test_what_loads_is_what_the_card_says(name: str) -> None:
    card = zoo.get_card(name)
    assert card.canary is not None
    assert card.elements is not None
    with zoo.load(name, device="cpu", threads=1) as potential:
        facts = potential.info["facts"]
        batch = potential.compute([crystals.distorted(card.canary.crystal)])
    assert card.parameters in facts["parameters"]
    assert facts["cutoff"] == card.cutoff
    assert set(facts["elements"]) == set(card.elements)
    # the card's figures come from the authors' own calculator
    assert batch.energies[0] / 2 == pytest.approx(card.canary.energy_ev_per_atom, abs=2e-6)
    largest = float(np.linalg.norm(batch.forces[0], axis=1).max())
    assert largest == pytest.approx(card.canary.max_force_ev_per_angstrom, abs=1e-5)
    assert batch.stresses is not None
    assert -np.trace(batch.stresses[0]) / 3 / GPa == pytest.approx(card.canary.pressure_gpa, abs=1e-3)


@pytest.mark.parametrize("name", CARDS)
def test_a_conversion_is_the_same_model_and_has_the_pinned_bytes(name: str, tmp_path: Path) -> None:
    card = zoo.get_card(name)
    environment.find(card.family).ensure()
    done = convert(card, tmp_path)
    assert done.exact, done
    assert len(done.crystals) == 5
    pinned = card.checkpoint.safetensors
    assert pinned is not None
    assert (done.weights_sha256, done.config_sha256) == (pinned.weights.sha256, pinned.config.sha256)
    assert set(prepare(card)) == {"weights", "config"}  # loading does not go back to the pickle


@pytest.mark.parametrize("name", CARDS)
def test_conformance(name: str) -> None:
    with zoo.load(name, device="cpu", threads=1) as potential:
        card = potential.card
        assert card.rotation is not None
        assert card.inversion is not None
        report = check(potential, card=card, rotation=card.rotation, inversion=card.inversion)
    assert report.passed, [check for check in report.checks if check.status == "failed"]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_float64_is_double_precision_throughout(name: str) -> None:
    single, double = _answer(name), _answer(f"{name}@float64")
    assert np.abs(single.energies - double.energies).max() < 1e-4
    assert 0 < max(np.abs(x - y).max() for x, y in zip(single.forces, double.forces, strict=True)) < 1e-4
    # the net force vanishes to the precision of the arithmetic
    assert max(np.abs(forces.sum(axis=0)).max() for forces in double.forces) < 1e-13


def test_without_isolation_the_packages_must_be_here() -> None:
    with pytest.raises(WorkerStartError, match="leave isolated=None"):
        zoo.load("chgnet-0.3.0", isolated=False)


def test_averaging_changes_an_equivariant_model_by_rounding_alone() -> None:
    atoms = crystals.distorted("mgo-rocksalt")
    with zoo.load("chgnet-0.3.0@o3-3", device="cpu", threads=1) as potential:
        averaged, plain = potential.compute([atoms]), potential._model.compute([atoms])
    assert (averaged.calls.tolist(), plain.calls.tolist()) == ([42], [1])
    assert abs(averaged.energies - plain.energies).max() < 1e-5
    assert abs(averaged.forces[0] - plain.forces[0]).max() < 1e-4
    assert averaged.spread is not None
    assert 0 < averaged.spread.forces[0].max() < 1e-4


def test_fidelities_are_different_answers() -> None:
    pbe, r2scan = _answer("sevennet-mf-0@pbe"), _answer("sevennet-mf-0@r2scan")
    assert np.abs(pbe.energies - r2scan.energies).min() > 1.0


def test_one_thread_is_repeatable_to_the_bit_across_processes() -> None:
    first, second = _answer("sevennet-0"), _answer("sevennet-0")
    assert np.array_equal(first.energies, second.energies)
    assert all(np.array_equal(a, b) for a, b in zip(first.forces, second.forces, strict=True))


def _answer(entry: str) -> Batch:
    with zoo.load(entry, device="cpu", threads=1) as potential:
        return potential.compute(SAMPLE)

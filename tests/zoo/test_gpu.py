"""On a CUDA device: the same answers as on the CPU, and the same crystals at the end of a relaxation."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import zoo
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from zoo import example_crystals
from zoo.cards.mode import Dtype

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("cuda", "persons_mirror")]

SAMPLE = [example_crystals.distorted(name) for name in example_crystals.names()]
CLOSE = {"float32": (1e-5, 1e-3, 1e-5), "float64": (1e-9, 1e-8, 1e-10)}
"""eV/atom, eV/Å, eV/Å³: other kernels add in another order."""


@pytest.fixture(scope="module")
def cuda() -> None:
    program = shutil.which("nvidia-smi")
    if program is None or subprocess.run([program, "-L"], capture_output=True, check=False).returncode:
        pytest.skip("no CUDA device: nvidia-smi lists none")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["chgnet-0.3.0", "sevennet-0", "pet-tiny"])
def test_a_gpu_says_what_the_cpu_says(name: str, dtype: Dtype) -> None:
    elements = zoo.get_card(name).elements
    assert elements is not None
    known = [atoms for atoms in SAMPLE if {*atoms.symbols} <= {*elements}]
    assert known
    with zoo.load(name, dtype=dtype, device="cuda") as gpu, zoo.load(name, dtype=dtype, device="cpu") as cpu:
        found, expected = gpu.compute(known), cpu.compute(known)
        assert gpu.info["device"].startswith("cuda")
    energy, force, stress = CLOSE[dtype]
    atoms = [len(each) for each in known]
    np.testing.assert_allclose(found.energies / atoms, expected.energies / atoms, rtol=0, atol=energy)
    np.testing.assert_allclose(np.concatenate(found.forces), np.concatenate(expected.forces), rtol=0, atol=force)
    assert found.stresses is not None
    assert expected.stresses is not None
    np.testing.assert_allclose(found.stresses, expected.stresses, rtol=0, atol=stress)


def test_a_relaxation_on_a_gpu_ends_where_it_ends_on_the_cpu() -> None:
    found = []
    for device in ("cuda", "cpu"):
        with zoo.load("chgnet-0.3.0", device=device) as potential:
            found.append(relax(potential, SAMPLE, Relaxation(fmax=0.02, steps=500)))
    for ours, expected in zip(*found, strict=True):
        assert ours.converged == expected.converged
        assert ours.atoms is not None
        assert expected.atoms is not None
        assert ours.energies[-1] / len(ours.atoms) == pytest.approx(expected.energies[-1] / len(ours.atoms), abs=1e-3)
        assert ours.atoms.get_volume() == pytest.approx(expected.atoms.get_volume(), rel=1e-3)

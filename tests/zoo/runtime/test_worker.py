"""The worker and its pipe: prints, deaths, hangs, memory, and what a person is told."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests import toy
from zoo.batch import StructureFailure
from zoo.errors import StructureError, WorkerDied, WorkerError, WorkerOutOfMemory, WorkerStartError, WorkerTimeout
from zoo.potential import Potential
from zoo.runtime import frames
from zoo.sandbox import launch

CU = bulk("Cu", a=3.7)


def metal(symbol: str, n: int = 1) -> Atoms:
    cell: Atoms = bulk(symbol, "fcc", a=5.0).repeat((n, 1, 1))
    return cell


@pytest.fixture
def potential(tmp_path: Path) -> Iterator[Potential]:
    with toy.potential(tmp_path) as made:
        yield made


def test_a_frame_comes_out_as_it_went_in() -> None:
    back, to = os.pipe()
    arrays = {"a": np.arange(12.0).reshape(3, 4)[:, ::2], "b": np.zeros((0, 3)), "c": np.array([1, 0], dtype=np.uint8)}
    frames.write(to, {"op": "x", "none": None, "text": "Å\n"}, arrays)
    header, got = frames.read(back)
    assert header == {"op": "x", "none": None, "text": "Å\n"}
    assert {name: array.tolist() for name, array in got.items()} == {n: a.tolist() for n, a in arrays.items()}


def test_a_pipe_that_is_out_of_step_is_noticed() -> None:
    back, to = os.pipe()
    os.write(to, b"Loading model ...\n" * 2)
    with pytest.raises(frames.NotAFrame):
        frames.read(back)
    back, to = os.pipe()
    os.write(to, frames.LENGTH.pack(frames.MAGIC, 20) + b"not a safetensors xx")
    with pytest.raises(frames.NotAFrame):
        frames.read(back)


def test_a_frame_can_be_late_and_a_pipe_closed() -> None:
    back, to = os.pipe()
    with pytest.raises(frames.Late):
        frames.read(back, time.monotonic() + 0.05)
    os.close(to)
    with pytest.raises(frames.Closed):
        frames.read(back)


def test_numbers_are_those_of_the_same_call_in_process(potential: Potential, tmp_path: Path) -> None:
    from ase.calculators.lj import LennardJones

    rattled = CU.repeat((2, 1, 1))
    rattled.rattle(0.1, seed=1)
    batch = potential.compute([CU, rattled])
    for atoms, energy, forces in zip([CU, rattled], batch.energies, batch.forces, strict=True):
        own = atoms.copy()
        own.calc = LennardJones(epsilon=float(np.float32(0.1)), sigma=2.2, rc=6.0, smooth=True)
        assert energy == own.get_potential_energy()
        assert np.array_equal(forces, own.get_forces())


def test_prints_do_not_reach_the_pipe(potential: Potential) -> None:
    assert potential.compute([metal("Nd"), CU]).errors == [None, None]


def test_one_bad_structure_does_not_spoil_the_batch(potential: Potential) -> None:
    alone = potential.compute([CU])
    batch = potential.compute([CU, metal("La"), metal("Eu")])
    assert batch.energies[0] == alone.energies[0]
    assert batch.errors[0] is None
    assert "lanthanum is refused" in str(batch.errors[1])
    assert "not finite" in str(batch.errors[2])
    assert np.isnan(batch.energies[1])


@pytest.mark.parametrize("fault", ["position", "cell", "empty", "flat"])
def test_what_cannot_be_computed_is_not_sent(potential: Potential, fault: str) -> None:
    atoms = CU.copy()
    if fault == "position":
        atoms.positions[0, 0] = np.nan
    elif fault == "cell":
        atoms.cell[0, 0] = np.inf
    elif fault == "empty":
        atoms = Atoms(pbc=True, cell=[3, 3, 3])
    else:
        atoms.cell[2] = 0.0
    batch = potential.compute([atoms, CU])
    assert batch.errors[0]
    assert batch.errors[1] is None
    atoms.calc = potential
    with pytest.raises(StructureError):
        atoms.get_potential_energy()


def test_elements_that_a_card_does_not_name_are_unsupported(tmp_path: Path) -> None:
    card = toy.card().model_copy(update={"elements": ("H", "Cu")})
    with Potential(toy.worker(tmp_path), card=card, mode=card.default_mode) as potential:
        assert potential.compute([metal("Al"), CU]).errors == [
            StructureFailure("unsupported", "toy was not made for Al"),
            None,
        ]


def test_a_dead_worker_is_reported_with_the_end_of_its_stderr_and_started_again(
    potential: Potential, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        potential.compute([metal("Ce")])
    assert "cerium: goodbye" in str(caught.value)
    assert "Starting it again" in caplog.text  # it was tried twice
    assert potential.compute([CU]).errors == [None]


def test_a_killed_worker_is_replaced_without_a_word_to_the_caller(potential: Potential) -> None:
    before = potential.compute([CU])
    potential._backend._process._popen.kill()  # type: ignore[attr-defined]
    assert potential.compute([CU]).energies[0] == before.energies[0]


def test_a_hung_worker_is_stopped(tmp_path: Path) -> None:
    with toy.potential(tmp_path, batch_time_limit=1.0) as potential:
        with pytest.raises(WorkerTimeout, match="within 1 s"):
            potential.compute([metal("Pr")])
        potential._backend.batch_time_limit = 600.0  # type: ignore[attr-defined]  # a busy machine may be slower than 1 s
        assert potential.compute([CU]).errors == [None]


def test_out_of_memory_splits_the_batch_and_remembers(potential: Potential) -> None:
    potential.atoms_per_batch = 64
    batch = potential.compute([metal("Sm", 4)] * 8)
    assert batch.errors == [None] * 8
    assert potential.atoms_per_batch <= 8
    with pytest.raises(WorkerOutOfMemory):
        potential.compute([metal("Sm", 9)])


def test_more_memory_than_there_is_is_an_error_and_not_a_death(potential: Potential) -> None:
    potential.atoms_per_batch = 4
    assert potential.compute([metal("Gd")] * 4).errors == [None] * 4
    assert potential.atoms_per_batch == 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep little")
def test_an_idle_worker_gives_its_memory_back(potential: Potential) -> None:
    assert potential.compute([metal("Tb")]).errors == [None]
    process = Path(f"/proc/{toy.pids(potential)[-1]}")

    def held() -> int:
        return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    # the peak, not what is held now: on a busy machine the second may have passed
    peak = int((process / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    assert peak > 400e6
    deadline = time.monotonic() + 600
    while held() > peak - 350e6:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert potential.compute([CU]).errors == [None]


def test_an_adapter_that_cannot_load_says_why(tmp_path: Path) -> None:
    worker = toy.worker(tmp_path)
    worker.mode["forces"] = "direct"
    with pytest.raises(WorkerStartError, match="no direct forces"):
        worker.start()


def test_an_interpreter_that_does_not_run_is_a_dead_worker(tmp_path: Path) -> None:
    with pytest.raises((WorkerError, OSError)):
        toy.worker(tmp_path, python=Path("/bin/false")).start()


def test_the_hosts_own_settings_do_not_reach_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # Jupyter sets it
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("TORCH_TOKEN", "secret")
    environment = launch.variables(threads=1)
    assert {"MPLBACKEND", "PYTHONPATH", "TORCH_TOKEN", "HOME"}.isdisjoint(environment)
    assert environment["OMP_NUM_THREADS"] == "1"


def test_threads_share_a_worker(potential: Potential) -> None:
    expected = potential.compute([CU]).energies[0]
    got: list[float] = []
    threads = [threading.Thread(target=lambda: got.append(potential.compute([CU]).energies[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 8


def test_ase_interface(potential: Potential) -> None:
    atoms = CU.repeat((2, 1, 1))
    atoms.rattle(0.05, seed=3)
    atoms.calc = potential
    batch = potential.compute([atoms])
    assert batch.stresses is not None
    assert atoms.get_potential_energy() == batch.energies[0] == atoms.get_potential_energy(force_consistent=True)
    assert np.array_equal(atoms.get_forces(), batch.forces[0])
    full = batch.stresses[0]
    voigt = [full[0, 0], full[1, 1], full[2, 2], full[1, 2], full[0, 2], full[0, 1]]
    assert np.allclose(atoms.get_stress(), voigt, rtol=0, atol=1e-15)
    assert np.allclose(atoms.get_stress(voigt=False), full, rtol=0, atol=1e-15)


def test_ase_optimises_with_it(potential: Potential) -> None:
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms = CU.repeat((2, 1, 1))
    atoms.rattle(0.1, seed=1)
    atoms.calc = potential
    optimiser = FIRE(FrechetCellFilter(atoms), logfile=io.StringIO())
    assert optimiser.run(fmax=0.01, steps=300)


def test_the_worker_ends_with_the_block_and_with_the_process(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests import toy\n"
        "p = toy.potential(pathlib.Path(sys.argv[2]))\n"
        "print(p.info['device'], p._backend._process._popen.pid)\n"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script, root, str(tmp_path)], capture_output=True, text=True, check=True, timeout=600
    )
    pid = int(done.stdout.split()[1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    with toy.potential(tmp_path) as potential:
        potential.compute([CU])
        process = potential._backend._process._popen  # type: ignore[attr-defined]
        assert process.poll() is None
    assert process.poll() == 0


def test_an_orphan_leaves_by_itself(tmp_path: Path) -> None:
    script = (
        "import sys, os, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests import toy\n"
        "p = toy.potential(pathlib.Path(sys.argv[2])); p.info\n"
        "print(p._backend._process._popen.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script, root, str(tmp_path)], capture_output=True, text=True, check=False, timeout=600
    )
    pid = int(done.stdout)
    for _ in range(6000):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its host")

"""Threads, forks, spawned processes and pools: everybody gets the answer to the question that was asked."""

from __future__ import annotations

import atexit
import copy
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from tests import toy
from zoo.loading import _Again
from zoo.potential import Potential
from zoo.runtime.remote import Worker

ECHO = Path(__file__).parents[2] / "adapters" / "echo.py"
# Python says so of every process that has threads, and a potential with a worker has one
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
WATCHDOG = 300.0
"""Seconds after which a child counts as stuck."""


@pytest.fixture
def potential(tmp_path: Path) -> Iterator[Potential]:
    with toy.Again(tmp_path, ECHO)(toy.card().default_mode) as made:
        yield made


def helium(x: float) -> Atoms:
    return Atoms("He", positions=[[x, 0, 0]], cell=[5, 5, 5], pbc=True)


def right_answers(potential: Potential, start: int, count: int) -> int:
    """How many of `count` answers belong to their questions; by batches of one to three, and as ASE's calculator."""
    right = 0
    for number in range(start, start + count):
        if number % 4 == 3:
            atoms = helium(float(number))
            atoms.calc = potential
            right += atoms.get_potential_energy() == number and atoms.get_forces()[0, 0] == number
            continue
        xs = [float(number), number + 0.25, number + 0.5][: number % 4 + 1]
        batch = potential.compute([helium(x) for x in xs])
        right += batch.energies.tolist() == xs and [f[0, 0] for f in batch.forces] == xs
    return right


def ask_and_exit(potential: Potential, start: int, count: int) -> None:
    os._exit(0 if right_answers(potential, start, count) == count else 1)


def in_fork(child: Callable[[], object]) -> int:
    """Exit status of a forked child that calls this: 0 when it returned and nothing was raised."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(int(WATCHDOG))
            child()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def worker_pid(potential: Potential) -> int:
    pid: int = potential._backend._process._popen.pid  # type: ignore[attr-defined]
    return pid


def storm(potential: Potential, *, each: int) -> None:
    """Threads, forks and spawned processes at once, `each` answers for every one of 24."""
    potential.compute(helium(0.0))
    before = worker_pid(potential)
    right: list[int] = []
    threads = [
        threading.Thread(target=lambda start=start: right.append(right_answers(potential, start, each)))
        for start in range(0, 15 * each, each)
    ]
    for thread in threads:
        thread.start()
    children: list[multiprocessing.process.BaseProcess] = []
    fork, spawn = multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")
    for number, start in enumerate([fork.Process] * 7 + [spawn.Process] * 2):
        children.append(start(target=ask_and_exit, args=(potential, 30_000 * (number + 1), each)))
        children[-1].start()
    for thread in threads:
        thread.join()
    for child in children:
        child.join(WATCHDOG)
    assert right == [each] * 15
    assert [child.exitcode for child in children] == [0] * 9
    assert worker_pid(potential) == before


def test_three_thousand_answers_belong_to_their_questions(potential: Potential) -> None:
    storm(potential, each=125)


@pytest.mark.slow
def test_thirty_thousand_answers_belong_to_their_questions(potential: Potential) -> None:
    storm(potential, each=1250)


def test_a_forked_child_leaves_its_parents_worker_alone(potential: Potential) -> None:
    potential.compute(helium(1.0))
    process = potential._backend._process  # type: ignore[attr-defined]
    before, pipes = worker_pid(potential), (process.to, process.back)

    def child() -> None:
        for fd in pipes:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)
        process.stop()
        process.kill()
        assert potential.compute(helium(2.0)).energies.tolist() == [2.0]
        assert worker_pid(potential) != before
        potential.close()
        gc.collect()
        atexit._run_exitfuncs()

    assert in_fork(child) == 0
    assert potential.compute(helium(3.0)).energies.tolist() == [3.0]
    assert worker_pid(potential) == before


def test_a_child_that_never_asks_leaves_its_parents_worker_alone(potential: Potential) -> None:
    potential.compute(helium(1.0))
    before = worker_pid(potential)

    def child() -> None:
        potential.__exit__()
        potential._backend.__del__()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()

    assert in_fork(child) == 0
    assert potential.compute(helium(3.0)).energies.tolist() == [3.0]
    assert worker_pid(potential) == before


def test_a_fork_during_a_call_waits_for_nothing(
    potential: Potential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLIP_ZOO_SANDBOX", "none")  # inside one, it could leave no file here
    neon = helium(7.0)
    neon.numbers[:] = 10
    answers: list[float] = []
    asking = threading.Thread(target=lambda: answers.append(float(potential.compute(neon).energies[0])))
    potential.compute(helium(1.0))
    asking.start()
    deadline = time.monotonic() + WATCHDOG
    while not (tmp_path / "waiting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)

    def child() -> None:
        assert potential.compute(helium(2.0)).energies.tolist() == [2.0]

    assert in_fork(child) == 0
    assert not answers  # the parent's call is still waiting
    (tmp_path / "go").touch()
    asking.join(WATCHDOG)
    assert answers == [7.0]


def test_threads_do_not_see_each_others_results(potential: Potential) -> None:
    barrier = threading.Barrier(8)
    got: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        atoms = helium(float(number))
        atoms.calc = potential
        energy = atoms.get_potential_energy()
        barrier.wait()  # all have asked before one reads on
        got[number] = [energy, atoms.get_forces()[0, 0], potential.results["energy"]]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {number: [number] * 3 for number in range(8)}


def test_one_structure_is_a_list_of_one(potential: Potential) -> None:
    one, listed = potential.compute(helium(1.5)), potential.compute([helium(1.5)])
    assert len(one) == 1
    assert one.energies.tolist() == listed.energies.tolist() == [1.5]
    assert one.errors == [None]
    assert np.array_equal(one.forces[0], listed.forces[0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_shares_the_worker_and_not_the_results(
    potential: Potential, copied: Callable[[Potential], Potential]
) -> None:
    atoms = helium(1.0)
    atoms.calc = potential
    atoms.get_potential_energy()
    other = copied(potential)
    assert other is not potential
    assert other.results["energy"] == 1.0
    moved = helium(2.0)
    moved.calc = other
    assert moved.get_potential_energy() == 2.0
    assert potential.results["energy"] == 1.0
    assert other._backend is potential._backend
    assert other.name == potential.name


def test_atoms_pickle_with_their_potential_and_its_results(potential: Potential) -> None:
    atoms = helium(1.0)
    atoms.calc = potential
    atoms.get_forces()
    potential.atoms_per_batch = 3
    first, second = (pickle.loads(pickle.dumps(atoms)) for _ in range(2))
    assert first.calc.results["energy"] == 1.0
    assert first.calc.atoms_per_batch == 3
    assert first.calc._backend is second.calc._backend
    assert first.calc._backend is not potential._backend
    assert first.get_potential_energy() == 1.0
    assert first.calc._backend._process is None  # nothing had to be computed
    first.positions += 1.0
    assert first.get_potential_energy() == 2.0
    assert second.get_potential_energy() == 1.0
    first.calc.close()


def test_a_potential_that_was_not_loaded_by_name_says_that_it_does_not_pickle(tmp_path: Path) -> None:
    card = toy.card()
    potential = Potential(toy.worker(tmp_path), card=card, mode=card.default_mode)
    with pytest.raises(pickle.PicklingError, match="not loaded by name"):
        pickle.dumps(potential)


def test_what_a_loaded_potential_pickles_as() -> None:
    again = _Again("chgnet-0.3.0", "cpu", True, 1, 60.0, say=lambda _: None)
    restored = pickle.loads(pickle.dumps(again))
    assert restored == again
    assert restored.say is None


def energy_of(atoms: Atoms) -> tuple[float, int]:
    worker = atoms.calc._backend
    assert isinstance(worker, Worker)
    energy = atoms.get_potential_energy()
    return energy, worker_pid(atoms.calc)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(potential: Potential, backend: str) -> None:
    joblib = pytest.importorskip("joblib")
    crystals = [helium(float(x)) for x in range(12)]
    for atoms in crystals:
        atoms.calc = potential
    with joblib.parallel_config(backend=backend, n_jobs=2):
        done = joblib.Parallel()(joblib.delayed(energy_of)(atoms) for atoms in crystals)
    assert [energy for energy, _ in done] == list(range(12))
    assert len({pid for _, pid in done}) <= 2  # tasks of one process share its worker

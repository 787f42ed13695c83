"""A model in two halves: the next batch is prepared while one is computed, and nothing else is different."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import zoo
from tests import toy
from zoo import model
from zoo.checkpoints.model_files import prepare
from zoo.errors import MalformedAnswer, WorkerOutOfMemory
from zoo.potential import Potential
from zoo.runtime import answer, environment, serving
from zoo.runtime.request import Request
from zoo.sandbox import launch

ADAPTER = Path(__file__).parents[2] / "adapters" / "prepares.py"
PROGRAM = Path(__file__).parents[1] / "adapters" / "prepare_ahead.py"
MODE = {"dtype": "float64", "forces": "conservative", "fidelity": None, "runtime": "eager"}


def crystals(symbols: str, n_atoms: int = 2) -> list[Atoms]:
    """One crystal for each symbol, every one somewhere else."""
    return [bulk(symbol, "fcc", a=5.0).repeat((n_atoms, 1, 1)) for symbol in symbols.split()]


@pytest.fixture
def potential(tmp_path: Path) -> Iterator[Potential]:
    """On a device that is no CPU, as far as anybody says: the adapter imports nothing that knows one."""
    with toy.potential(tmp_path, adapter=ADAPTER, mode={**MODE, "device": "cuda"}) as made:
        made.atoms_per_batch = 8
        yield made


@pytest.fixture
def served() -> serving.Served:
    made = serving.Served(ADAPTER, {}, {**MODE, "device": "cpu"})
    made.prepares_ahead = True
    return made


@pytest.mark.parametrize(
    ("n_atoms", "most", "expected"),
    [
        ([2, 2, 2], 4, [(0, 2), (2, 3)]),
        ([9, 1, 3], 4, [(0, 1), (1, 3)]),
        ([1, 9, 1], 4, [(0, 1), (1, 2), (2, 3)]),
        ([4, 4], 4, [(0, 1), (1, 2)]),
        ([4, 4], None, [(0, 2)]),
    ],
)
def test_batches_hold_what_fits_in_order(n_atoms: list[int], most: int | None, expected: list[tuple[int, int]]) -> None:
    assert [(part.start, part.stop) for part in serving.batches(np.array(n_atoms), most)] == expected


def test_several_batches_are_one_request_and_the_same_batches(
    potential: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = crystals("Cu " * 33)
    together = potential.compute(asked)
    assert together.stresses is not None
    assert together.stresses[:, 0, 0].tolist() == [1.0] * 32 + [0.0]  # the last request is one batch
    assert together.energies.tolist() == [8.0] * 32 + [2.0]
    monkeypatch.setattr(model, "BATCHES_PER_REQUEST", 1)
    apart = potential.compute(asked)
    assert apart.stresses is not None
    assert not apart.stresses.any()
    assert np.array_equal(together.energies, apart.energies)
    assert all(np.array_equal(a, b) for a, b in zip(together.forces, apart.forces, strict=True))


def test_on_a_cpu_nothing_is_prepared_ahead(tmp_path: Path) -> None:
    with toy.potential(tmp_path, adapter=ADAPTER, mode={**MODE, "device": "cpu"}) as potential:
        potential.atoms_per_batch = 8
        batch = potential.compute(crystals("Cu " * 41))
        assert potential.info["prepares_ahead"] is False
    assert batch.stresses is not None
    assert not batch.stresses.any()


def test_what_has_no_graph_or_no_answer_has_its_own_reason(potential: Potential) -> None:
    batch = potential.compute(crystals("Cu Cu Cu Cu La Cu Cu Ce Cu Cu Cu Cu"))
    reasons = [str(error) if error else None for error in batch.errors]
    assert [index for index, reason in enumerate(reasons) if reason] == [4, 7]
    assert "lanthanum has no graph" in str(reasons[4])
    assert "cerium has no answer" in str(reasons[7])


def test_what_fills_the_memory_is_found_and_halved(potential: Potential) -> None:
    potential.atoms_per_batch = 64
    batch = potential.compute(crystals("Cu " * 40 + "Sm " * 40))
    assert batch.errors == [None] * 80
    assert potential.atoms_per_batch <= 8
    with pytest.raises(WorkerOutOfMemory):
        potential.compute([*crystals("Cu " * 9), *crystals("Sm", 9)])


def test_the_next_batch_is_prepared_meanwhile_and_no_thread_is_left(served: serving.Served) -> None:
    begun = [threading.Event() for _ in range(4)]

    class Waits:
        facts: Any = None
        number = 0

        def prepare(self, structures: list[Any]) -> list[Any]:
            begun[self.number].set()
            self.number += 1
            return structures

        def answers(self, prepared: list[Any]) -> Iterator[Any]:
            part = int(prepared[0].numbers[0]) - 1
            if part < 3:
                assert begun[part + 1].wait(600)
            if part == 2 and fails:
                raise MemoryError
            return ((0.0, np.zeros((1, 3)), np.zeros((3, 3))) for _ in prepared)

    before = threading.active_count()
    arrays = Request.of([Atoms([z], cell=np.eye(3) * 5, pbc=True) for z in (1, 2, 3, 4)]).arrays()
    served.model = Waits()  # type: ignore[assignment]
    fails = False
    assert served.compute(arrays, atoms_per_batch=1)[0]["errors"] == [None] * 4
    served.model, fails = Waits(), True  # type: ignore[assignment]
    with pytest.raises(MemoryError):
        served.compute(arrays, atoms_per_batch=1)
    assert threading.active_count() == before


class Cuda:
    """What is asked of torch.cuda, on a machine with two devices of which the second is in use."""

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def is_initialized() -> bool:
        return True

    @staticmethod
    def device_count() -> int:
        return 2

    @staticmethod
    def mem_get_info(device: str) -> tuple[int, int]:
        return {"cuda:1": (30 * 10**9, 80 * 10**9)}[device]

    @staticmethod
    def memory_reserved(device: str) -> int:
        return {"cuda:1": 2 * 10**9}[device]

    @staticmethod
    def max_memory_allocated(device: str) -> int:
        return {"cuda:1": 10**9}[device]

    @staticmethod
    def get_device_name(device: str) -> str:
        return {"cuda:1": "Example 9000"}[device]


def test_memory_is_that_of_the_device_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=Cuda))
    served = serving.Served(ADAPTER, {}, {**MODE, "device": "cuda:1"})
    told = answer.about(served.about())
    assert (told["accelerator"], told["available_gb"], told["prepares_ahead"]) == ("Example 9000", 32.0, True)
    header, _ = served.compute(Request.of(crystals("Cu")).arrays())
    assert header["memory_gb"] == 1.0


@pytest.mark.parametrize("available", [-1.0, float("nan"), "much", True])
def test_memory_that_is_no_number_is_refused(available: object) -> None:
    with pytest.raises(MalformedAnswer, match="available_gb"):
        answer.about({"facts": {}, "packages": {}, "available_gb": available})


@pytest.mark.slow
@pytest.mark.usefixtures("persons_mirror")
@pytest.mark.parametrize("name", ["sevennet-0", "chgnet-0.3.0", "tensornet-matpes-pbe", "hienet-v3"])
def test_a_familys_answers_are_the_same_bit_by_bit(name: str) -> None:
    card = zoo.get_card(name)
    family = environment.find(card.family)
    family.ensure()
    files = {role: str(path) for role, path in prepare(card).items()}
    mode = {**MODE, "dtype": "float32", "device": "cpu"}
    program = [str(family.python), "-I", str(PROGRAM), serving.__file__, str(family.adapter)]
    command = [*program, json.dumps(files), json.dumps(mode)]
    done = subprocess.run(command, env=launch.variables(threads=1), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["pair"]
    assert not told["errors"]
    assert not told["different"]

"""The size of batches on an accelerator: grown, halved, remembered; against a backend whose memory has a limit."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests import toy
from zoo import batch_size
from zoo.batch_size import BatchSize
from zoo.errors import WorkerOutOfMemory
from zoo.model import Model
from zoo.runtime.request import Raw, Request

WEIGHTS_GB = 1.0
GB_PER_ATOM = 1e-3
CARD = toy.card()
CELL: Atoms = bulk("Cu").repeat((4, 4, 4))
MODEL = f"{'0' * 64} conservative"


class Accelerator:
    """Answers zeros; its memory is that of the weights and so much per atom, and a batch takes 10 ms at least."""

    def __init__(self, *, gb: float, busy: int = 10**9, device: str = "cuda") -> None:
        """`busy`: atoms from which on more at once are no quicker."""
        self.gb, self.busy = gb, busy
        self.info: dict[str, Any] = {"device": device, "accelerator": "Example 9000", "facts": {}, "available_gb": gb}
        self.memory_gb: float | None = None
        self.process_memory_gb: float | None = None
        self.process_cpu_seconds: float | None = None
        self.batches: list[int] = []

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def compute(self, request: Request) -> Raw:
        atoms, n = len(request.numbers), len(request)
        assert request.n_batches == 1
        self.batches.append(atoms)
        needed = WEIGHTS_GB + GB_PER_ATOM * atoms
        if needed > self.gb:
            raise WorkerOutOfMemory(f"{atoms} atoms")
        self.memory_gb = max(needed, self.memory_gb or 0.0)
        seconds = 0.01 * max(1.0, atoms / self.busy)
        return Raw(np.zeros(n), np.zeros((atoms, 3)), np.zeros((n, 3, 3)), [None] * n, seconds)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path))
    return tmp_path / "batch-sizes.json"


def computed(backend: Accelerator, atoms: int = 100_000, *, size: BatchSize | None = None) -> Model:
    """A model that has answered to so many atoms in cells of 64."""
    model = Model(backend, CARD, batch_size=size or BatchSize(MODEL))
    assert model.compute([CELL] * (atoms // 64)).errors == [None] * (atoms // 64)
    return model


def stored(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())[f"{MODEL} Example 9000"])


def test_it_grows_while_memory_is_there(file: Path) -> None:
    backend = Accelerator(gb=20.0)
    model = computed(backend)
    # 8192 atoms take 9.2 GB: twice that are more than 70 % of 20
    assert model.atoms_per_batch == max(backend.batches) == 8192
    assert stored(file) == {"atoms": 8192, "peak_gb": pytest.approx(9.192), "settled": True}


def test_it_grows_while_that_is_quicker(file: Path) -> None:
    backend = Accelerator(gb=1000.0, busy=4096)
    assert computed(backend).atoms_per_batch == 4096
    assert max(backend.batches) == 8192
    assert stored(file) == {"atoms": 4096, "peak_gb": pytest.approx(5.096), "settled": True}


def test_it_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_size, "LARGEST", 4096)
    assert computed(Accelerator(gb=1e6)).atoms_per_batch == 4096


def test_the_next_process_starts_where_the_last_one_ended(file: Path) -> None:
    computed(Accelerator(gb=20.0))
    backend = Accelerator(gb=20.0)
    computed(backend)
    assert {*backend.batches[:-1]} == {8192}
    # of one that ended on its way, growing goes on
    file.unlink()
    computed(Accelerator(gb=20.0), 2048 * 3)
    assert stored(file) == {"atoms": 4096, "peak_gb": pytest.approx(3.048), "settled": False}
    backend = Accelerator(gb=20.0)
    assert computed(backend).atoms_per_batch == 8192
    assert backend.batches[0] == 4096


def test_memory_that_others_hold_now_makes_it_smaller_here_and_not_for_ever(file: Path) -> None:
    computed(Accelerator(gb=20.0))
    backend = Accelerator(gb=6.0)
    assert computed(backend).atoms_per_batch == 2048
    assert max(backend.batches) == 2048
    assert stored(file)["atoms"] == 8192


def test_another_mode_another_accelerator_and_another_checkpoint_are_others(file: Path) -> None:
    computed(Accelerator(gb=20.0))
    for other in (f"{MODEL}+float64", f"{'1' * 64} conservative"):
        backend = Accelerator(gb=20.0)
        computed(backend, size=BatchSize(other))
        assert backend.batches[0] == batch_size.FIRST
    backend = Accelerator(gb=20.0)
    backend.info["accelerator"] = "Example 7"
    computed(backend)
    assert backend.batches[0] == batch_size.FIRST
    assert len(json.loads(file.read_text())) == 4


def test_what_ran_out_of_memory_is_halved_and_remembered(file: Path) -> None:
    computed(Accelerator(gb=100.0))
    backend = Accelerator(gb=100.0)
    backend.gb = 10.0  # somebody came after it said what is free
    model = computed(backend)
    assert backend.batches[0] > 9000
    assert 4000 < model.atoms_per_batch < 9000
    assert stored(file) == {"atoms": model.atoms_per_batch, "peak_gb": None, "settled": True}
    again = Accelerator(gb=10.0)
    computed(again)
    assert max(again.batches) <= model.atoms_per_batch


def test_a_persons_number_wins_and_is_not_remembered(file: Path) -> None:
    backend = Accelerator(gb=20.0)
    size = BatchSize(MODEL)
    size.fix(16_000)
    model = computed(backend, size=size)
    assert {*backend.batches[:-1]} == {16_000}
    backend.gb = 10.0
    assert model.compute([CELL] * 500).errors == [None] * 500
    assert model.atoms_per_batch == 8000
    assert not file.exists()
    size.fix(None)
    assert model.atoms_per_batch == batch_size.FIRST


def test_a_cpu_has_its_number_and_tries_nothing(file: Path) -> None:
    backend = Accelerator(gb=20.0, device="cpu")
    computed(backend, 4096)
    assert {*backend.batches} == {batch_size.ON_CPU}
    assert not file.exists()


def test_an_accelerator_that_tells_nothing_is_filled_until_it_says_no(file: Path) -> None:
    backend = Accelerator(gb=20.0)
    backend.info["available_gb"] = None
    computed(backend, 65_536)
    assert backend.batches[:2] == [batch_size.UNMEASURED, batch_size.UNMEASURED // 2]


def test_small_requests_and_other_cells_say_nothing_of_a_size() -> None:
    model = Model(Accelerator(gb=1000.0), CARD, batch_size=BatchSize(MODEL))
    for _ in range(10):
        model.compute([CELL] * 20)  # 1280 atoms
    for one in (CELL.repeat((2, 2, 2)), CELL, CELL[:8]):  # twice each, of which nothing is judged
        assert model.compute([one] * (2 * 2048 // len(one))).errors[0] is None
    assert model.atoms_per_batch == batch_size.FIRST
    assert not model.batch_size.settled


@pytest.mark.parametrize(
    "text",
    ["", "[1]", '{"x": {"atoms": 0, "peak_gb": 1.0, "settled": true}}', '{"x": 3}', '{"version": 2}', "\udcff"],
)
def test_a_file_that_is_not_ours_is_ignored_with_a_line(
    file: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with caplog.at_level(logging.WARNING):
        backend = Accelerator(gb=20.0)
        computed(backend)
    assert backend.batches[0] == batch_size.FIRST
    assert "batch sizes are found anew" in caplog.text
    assert stored(file)["atoms"] == 8192  # from now on it is ours


def test_a_cache_that_cannot_be_written_costs_the_memory_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", "/proc/nowhere")
    assert computed(Accelerator(gb=20.0)).atoms_per_batch == 8192
    assert "are not remembered" in caplog.text


def test_copies_have_what_was_learned() -> None:
    size = computed(Accelerator(gb=20.0)).batch_size
    for other in (copy.deepcopy(size), pickle.loads(pickle.dumps(size))):
        assert other.of(dict) == 8192
        other.fix(3)
    assert size.of(dict) == 8192

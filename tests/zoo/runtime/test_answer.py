"""Answers of the wrong count, shape, type or size, from adapters and from workers that do as they like."""

from __future__ import annotations

import os
import shutil
import signal
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests import toy
from zoo.errors import MalformedAnswer, ProtocolError, WorkerTimeout
from zoo.potential import Potential
from zoo.runtime import frames, remote
from zoo.runtime.answer import max_bytes
from zoo.runtime.local import Local
from zoo.runtime.request import Request

ADAPTER = Path(__file__).parents[2] / "adapters" / "malformed.py"
HOSTILE = Path(__file__).with_name("hostile_worker.py")
HE, NE = bulk("He", "hcp", a=3.5), bulk("Ne", "fcc", a=4.4)
FROM_ADAPTERS = {
    "vector energy": "energy of shape (3,), not ()",
    "complex energy": "energy of type complex128, not real numbers",
    "energy in words": "energy of type <U3",
    "no energy": "energy of type object",
    "ragged energy": "energy cannot be an array",
    "infinite energy": "not finite",
    "forces of ten": "forces of shape (10, 3), not (2, 3)",
    "NaN forces": "not finite",
    "Voigt stress": "stress of shape (6,), not (3, 3)",
    "complex stress": "stress of type complex128",
    "NaN stress": "not finite",
    "two parts": "a tuple, not energy, forces and stress",
    "long error": "ValueError: red xxxx",
}
MODE = {"device": "cpu", "dtype": "float64", "forces": "conservative", "runtime": "eager"}


def malformed(folder: Path, case: str) -> Potential:
    backend = toy.worker(folder, adapter=ADAPTER, mode={**MODE, "fidelity": case})
    return Potential(backend, card=toy.card(), mode=toy.card().default_mode)


@contextmanager
def hostile(folder: Path, act: str, monkeypatch: pytest.MonkeyPatch, **options: float) -> Iterator[Potential]:
    # a worker reads the folder that its program lies in, and this one needs the frames too
    for program in (HOSTILE, remote.WORKER.with_name("frames.py")):
        shutil.copy(program, folder)
    monkeypatch.setattr(remote, "WORKER", folder / HOSTILE.name)
    backend = toy.worker(folder, mode={"act": act}, **options)
    with Potential(backend, card=toy.card(), mode=toy.card().default_mode) as potential:
        yield potential


@pytest.mark.parametrize("case", FROM_ADAPTERS)
def test_a_malformed_answer_is_that_structures_failure(case: str) -> None:
    backend = Local(adapter=ADAPTER, files={}, mode={**MODE, "fidelity": case})
    with Potential(backend, card=toy.card(), mode=toy.card().default_mode) as potential:
        batch = potential.compute([NE, HE, NE])
    assert (batch.errors[0], batch.errors[2]) == (None, None)
    assert FROM_ADAPTERS[case] in str(batch.errors[1])
    assert len(str(batch.errors[1])) <= 1000
    assert np.isnan(batch.energies[1])
    assert np.isnan(batch.forces[1]).all()
    assert batch.stresses is not None
    assert np.isnan(batch.stresses[1]).all()
    assert np.isfinite(batch.stresses[[0, 2]]).all()


def test_a_malformed_answer_crosses_the_pipe_as_a_failure(tmp_path: Path) -> None:
    with malformed(tmp_path, "complex stress") as potential:
        batch = potential.compute([NE, HE])
    assert batch.errors[0] is None
    assert "not real numbers" in str(batch.errors[1])


def test_answers_that_belong_to_nobody_are_asked_for_one_by_one() -> None:
    backend = Local(adapter=ADAPTER, files={}, mode={**MODE, "fidelity": "one too few"})
    with Potential(backend, card=toy.card(), mode=toy.card().default_mode) as potential:
        assert potential.compute([NE, HE, NE]).errors == [None] * 3
    backend = Local(adapter=ADAPTER, files={}, mode={**MODE, "fidelity": "a string"})
    with Potential(backend, card=toy.card(), mode=toy.card().default_mode) as potential:
        assert all("more answers for 1" in str(error) for error in potential.compute([NE, HE]).errors)


@pytest.mark.parametrize(
    "act",
    [
        *("forces of ten", "one too many", "vector energy", "Voigt stress", "boolean energy", "no forces"),
        *("errors of ten", "a number for an error", "no errors", "NaN seconds", "a word for seconds"),
    ],
)
def test_a_malformed_answer_of_a_hostile_worker_is_a_failure(
    tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(tmp_path, act, monkeypatch) as potential:
        batch = potential.compute([HE, NE])
        assert all(str(error).startswith("the model's answer is malformed: ") for error in batch.errors)
        assert np.isnan(batch.energies).all()
        with pytest.raises(MalformedAnswer):
            potential._backend.compute(Request.of([HE, NE]))


@pytest.mark.parametrize("act", ["NaN stress", "NaN energy", "an error and numbers"])
def test_no_number_is_left_where_there_is_an_error(tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(tmp_path, act, monkeypatch) as potential:
        batch = potential.compute([HE, NE])
    assert all(batch.errors)
    assert batch.stresses is not None
    assert np.isnan(batch.energies).all()
    assert np.isnan(batch.stresses).all()


def test_a_long_error_is_cut_and_loses_its_control_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(tmp_path, "ten megabytes of error", monkeypatch) as potential:
        batch = potential.compute([HE, NE])
    assert str(batch.errors[0]).startswith("red xxx")
    assert len(str(batch.errors[0])) <= 1000
    assert batch.errors[1] is None


@pytest.mark.parametrize("act", ["no id", "answers the first question again", "two answers"])
def test_an_answer_to_another_question_is_never_taken(
    tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(tmp_path, act, monkeypatch) as potential:
        energies: list[float] = []
        said: set[str] = set()
        for shift in range(6):
            moved = NE.copy()
            moved.positions += shift
            try:
                energies.append(potential.compute([moved]).energies[0])
            except ProtocolError as error:
                said.add(str(error))
            else:
                assert energies[-1] == shift
    assert said == {"the toy worker: it answered a question that was not asked"}
    assert len(energies) == (0 if act == "no id" else 3)


def test_a_length_beyond_the_largest_answer_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        hostile(tmp_path, "declares 16 GiB", monkeypatch) as potential,
        pytest.raises(ProtocolError, match="17179869183 bytes was announced"),
    ):
        potential.compute([NE])
    assert max_bytes(Request.of([NE] * 1000)) < 1 << 26


def test_a_worker_that_does_not_read_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pipe holds a megabyte at most: writing would wait for ever."""
    # sides of 60 Å: a gas
    many = Atoms("He40000", positions=np.random.default_rng(0).uniform(0, 60, (40000, 3)), cell=[60] * 3, pbc=True)
    request = Request.of([many, many])
    with hostile(tmp_path, "does not read", monkeypatch, batch_time_limit=1.0) as potential:
        potential._backend.start()
        process = potential._backend._process._popen  # type: ignore[attr-defined]
        with pytest.raises(WorkerTimeout, match="within 1 s and was stopped"):
            potential._backend.compute(request)
        assert process.poll() == -signal.SIGTERM  # its supervisor, after it ended the worker


def test_a_declared_length_costs_no_memory_before_the_bytes_come() -> None:
    back, to = os.pipe()
    os.write(to, frames.LENGTH.pack(frames.MAGIC, frames.MAX_BYTES))
    tracemalloc.start()
    with pytest.raises(frames.Late):
        frames.read(back, time.monotonic() + 0.05)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
    os.close(back)
    os.close(to)

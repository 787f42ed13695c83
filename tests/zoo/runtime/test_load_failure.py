"""A model that cannot be loaded: told once, in a few lines, and in a sentence where the device is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import toy
from zoo.errors import WorkerStartError
from zoo.runtime import serving
from zoo.runtime.local import Local

ADAPTER = Path(__file__).parents[2] / "adapters" / "no_gpu.py"
MODE = {"device": "cpu", "dtype": "float64", "forces": "conservative", "fidelity": None, "runtime": "eager"}
NO_GPU = (
    "no_gpu could not load the model: device 'cuda' was asked for, and the model's packages see no CUDA device; use "
    "device='auto' or 'cpu'"
)


def test_a_load_failure_is_told_in_forty_lines(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        toy.worker(tmp_path, adapter=ADAPTER, mode=MODE).start()
    lines = str(caught.value).splitlines()
    assert len(lines) <= 40
    assert lines[0] == "no_gpu could not load the model: RuntimeError: Error(s) in loading state_dict:"
    assert "missing key 0" in lines[1]
    assert "return deep(levels - 1)" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_device_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        toy.worker(tmp_path, adapter=ADAPTER, mode={**MODE, "device": "cuda"}).start()
    assert str(caught.value) == NO_GPU


def test_devices_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True, device_count=lambda: 2))
    monkeypatch.setitem(sys.modules, "torch", torch)
    found = {asked: serving._device(asked) for asked in ("auto", "cpu", "cuda", "cuda:1")}
    assert found == {"auto": "cuda", "cpu": "cpu", "cuda": "cuda", "cuda:1": "cuda:1"}
    with pytest.raises(serving.NoDevice, match="see 2 CUDA devices, counted from 0"):
        serving._device("cuda:2")


def test_in_this_process_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # restores what the adapter puts there
    with pytest.raises(WorkerStartError) as caught:
        Local(adapter=ADAPTER, files={}, mode={**MODE, "device": "cuda"})
    assert str(caught.value) == NO_GPU
    with pytest.raises(WorkerStartError, match="missing key 0") as caught:
        Local(adapter=ADAPTER, files={}, mode=MODE)
    assert len(str(caught.value).splitlines()) <= 40

"""Which GPUs `--device` means: none is needed here, what is visible is given."""

from __future__ import annotations

import pytest

from evaluation.errors import EvaluationError
from evaluation.executors import devices


def four() -> list[str]:
    return ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("device", "gpus"),
    [
        ("cuda:all", ["0", "1", "2", "3"]),
        ("cuda:0,1", ["0", "1"]),
        ("cuda:3,1", ["3", "1"]),
        ("auto", ["0", "1", "2", "3"]),
        ("cuda", ["0", "1", "2", "3"]),
        ("cuda:1", None),
        ("cpu", None),
    ],
)
def test_gpus_of_several_workers(device: str, gpus: list[str] | None) -> None:
    assert devices.of_processes(device, visible=four) == gpus
    assert devices.is_list(device) == (device in {"cuda:all", "cuda:0,1", "cuda:3,1"})


def test_a_number_counts_the_visible_ones() -> None:
    """As CUDA counts: with CUDA_VISIBLE_DEVICES=5,7 the second GPU is 7."""
    assert devices.resolve("cuda:1,0", visible=lambda: ["5", "GPU-7"]) == ["GPU-7", "5"]


@pytest.mark.parametrize(
    ("device", "visible", "reason"),
    [
        ("cuda:all", [], "no NVIDIA GPU is visible here"),
        ("cuda:0,4", ["0", "1"], "there is no GPU 4; visible are 0 to 1"),
        ("cuda:1,1", ["0", "1"], "names a GPU twice"),
    ],
)
def test_what_is_not_there_is_told(device: str, visible: list[str], reason: str) -> None:
    with pytest.raises(EvaluationError, match=reason):
        devices.resolve(device, visible=lambda: visible)


def test_auto_without_a_gpu_is_the_cpu() -> None:
    assert devices.of_processes("auto", visible=list) is None


@pytest.mark.parametrize(
    ("variable", "gpus"), [("2,3", ["2", "3"]), ("", []), ("-1", []), ("GPU-1, MIG-2", ["GPU-1", "MIG-2"])]
)
def test_the_schedulers_choice_is_kept(monkeypatch: pytest.MonkeyPatch, variable: str, gpus: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert devices.visible_gpus() == gpus

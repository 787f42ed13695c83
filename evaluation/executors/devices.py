"""Devices: the GPUs of this machine that shards are spread over, one worker each."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.errors import EvaluationError

_LIST = re.compile(r"cuda:(all|\d+(?:,\d+)+)")


def is_list(device: str) -> bool:
    """Whether a `--device` names several: `cuda:all`, `cuda:0,1`."""
    return _LIST.fullmatch(device) is not None


def resolve(device: str, *, visible: Callable[[], Sequence[str]] | None = None) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is for each worker: `cuda:all` are all that are visible here, `cuda:0,2` two of them.

    Raises EvaluationError where they are not there.
    """
    found = _LIST.fullmatch(device)
    assert found is not None
    here = list((visible or visible_gpus)())
    if not here:
        raise EvaluationError(f"--device {device}: no NVIDIA GPU is visible here (nvidia-smi, CUDA_VISIBLE_DEVICES)")
    if found[1] == "all":
        return here
    chosen = [int(number) for number in found[1].split(",")]
    if len(set(chosen)) < len(chosen):
        raise EvaluationError(f"--device {device} names a GPU twice; one worker runs on each")
    if missing := [number for number in chosen if number >= len(here)]:
        raise EvaluationError(f"--device {device}: there is no GPU {missing[0]}; visible are 0 to {len(here) - 1}")
    return [here[number] for number in chosen]


def of_processes(device: str, *, visible: Callable[[], Sequence[str]] | None = None) -> list[str] | None:
    """The GPUs of several workers on this machine; None where they share what `--device` says.

    `auto` and `cuda` are all of them, because each worker would take the first.
    """
    if is_list(device):
        return resolve(device, visible=visible)
    return (list((visible or visible_gpus)()) or None) if device in {"auto", "cuda"} else None


def pinned(gpu: str) -> dict[str, str]:
    """The environment variables that show a process this GPU alone."""
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": gpu}


def visible_gpus() -> list[str]:
    """Numbers or names of the GPUs that a process started here sees."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() and name.strip() != "-1"]
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],  # noqa: S607  # the driver's own
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)
    return told.split()
